/**
 * Which edition of the manifest counts, and how the next one is written: each is a new file under a
 * new number, whole, synced, then its name; the newest that is sound counts. Nothing is renamed, so
 * there is no moment at which no edition counts.
 *
 * Invariants:
 *   ME1 an edition counts only when file and name are durable; until then the one before it does
 *   ME2 a number is never written twice, whatever came of the first time (F8)
 *   ME3 older editions are removed only after a newer one is durable, and the one before it is kept; one
 *       that cannot be removed holds up nothing, and goes with a later edition
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, DONE } from './disk.ts';
import { manifestName, parseFileName } from './file-names.ts';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts';
import { bytesOf, readFileWords, writeNewFile } from './whole-transfer.ts';

const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

export type ManifestLoad =
  | { readonly kind: 'found'; readonly manifest: Manifest; readonly highestEdition: number }
  /** `highestEdition` 0: the folder has no manifest at all. */
  | { readonly kind: 'none'; readonly highestEdition: number; readonly reasons: readonly string[] }
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: DiskError };

/** The newest sound edition among `names`. */
export function loadManifest(
  disk: Disk,
  names: readonly string[],
  checksum: Checksum,
): ManifestLoad {
  const editions = editionsOf(names).toSorted((left, right) => right - left);
  const highestEdition = editions[0] ?? 0;
  const reasons: string[] = [];
  for (const edition of editions) {
    const words = readFileWords(disk, manifestName(edition), MANIFEST_BYTES_MAX);
    if (!words.ok) {
      // A disk that does not answer says nothing of the edition: an older one must not count for that.
      if (!('isTooLong' in words)) return { kind: 'failed', error: words };
      reasons.push(words.detail);
      continue;
    }
    const reading = decodeManifest(words.value, checksum);
    if (reading.kind === 'foreign') return reading;
    if (reading.kind === 'valid' && reading.manifest.edition === edition) {
      sometimes(edition < highestEdition, 'recovery: an older manifest counts than the newest');
      return { kind: 'found', manifest: reading.manifest, highestEdition };
    }
    const reason = reading.kind === 'damaged' ? reading.reason : 'the edition of another file';
    reasons.push(`${manifestName(edition)}: ${reason}`);
  }
  return { kind: 'none', highestEdition, reasons };
}

/**
 * Makes `manifest` the one that counts. After an error it may or may not count at the next opening:
 * delete nothing that either edition names, and try again under a higher number.
 */
export function publishManifest(
  disk: Disk,
  manifest: Manifest,
  previousEdition: number,
  checksum: Checksum,
): DiskResult<null> {
  assert(manifest.edition > previousEdition, 'ME2 editions only grow');
  const words = encodeManifest(manifest, checksum);
  const written = writeNewFile(disk, manifestName(manifest.edition), [bytesOf(words)]);
  if (!written.ok) return written;
  const synced = disk.syncDirectory();
  if (!synced.ok) return synced;
  removeOldEditions(disk, manifest.edition, previousEdition);
  return DONE;
}

/**
 * [ME3] The edition counts by now, whether or not old ones can be removed: each publication lists what
 * editions there are, so that the next one tries again.
 */
function removeOldEditions(disk: Disk, counting: number, previousEdition: number): void {
  const names = disk.list();
  if (!names.ok) return;
  for (const edition of editionsOf(names.value)) {
    if (edition >= counting || edition === previousEdition) continue;
    const removed = disk.remove(manifestName(edition));
    if (removed.ok) reachable('manifest: an old edition is removed');
  }
}

function editionsOf(names: readonly string[]): number[] {
  const editions: number[] = [];
  for (const name of names) {
    const file = parseFileName(name);
    if (file?.kind === 'manifest') editions.push(file.edition);
  }
  return editions;
}
