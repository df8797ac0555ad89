/**
 * What an opening clears away: files that the manifest which counts does not name, left behind by a
 * crash between the writing of a file and the edition that would have named it, or between an edition
 * and the removal of what it no longer names.
 *
 * REQUIRES: nobody else writes into the folder, and the manifest is durable (OS4).
 *
 * Invariants:
 *   OR1 names that are not the store's, editions of the manifest and the reserve are left alone; a copy
 *       of a log's tail that was begun goes
 *   OR2 a snapshot that was finished stays, whatever the manifest names; one that was not goes
 */
import { sometimes } from '@clockwise/kernel/probe';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskResult, DONE } from './disk.ts';
import { leavesName, logName, parseFileName, tableName, TAIL_COPY_NAME } from './file-names.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { readFileWords } from './whole-transfer.ts';

const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

export function removeOrphans(
  disk: Disk,
  names: readonly string[],
  manifest: Manifest,
  checksum: Checksum,
): DiskResult<null> {
  const kept = namedFiles(manifest);
  const snapshots = wholeSnapshots(disk, names, checksum);
  if (names.includes(TAIL_COPY_NAME)) {
    const removed = disk.remove(TAIL_COPY_NAME);
    if (!removed.ok && removed.code !== 'ENOENT') return removed;
  }
  for (const name of names) {
    const file = parseFileName(name);
    if (file === undefined || kept.has(name)) continue;
    if (file.kind === 'manifest' || file.kind === 'reserve') continue;
    if (file.kind === 'snapshot' && snapshots.has(file.snapshotNumber)) continue;
    sometimes(file.kind === 'log', 'recovery: a segment that nobody names is removed');
    sometimes(file.kind === 'table', 'recovery: a table that nobody names is removed');
    const removed = disk.remove(name);
    if (!removed.ok && removed.code !== 'ENOENT') return removed;
  }
  return DONE;
}

function namedFiles(manifest: Manifest): Set<string> {
  const named = new Set<string>();
  for (const table of manifest.tables) named.add(tableName(table.fileNumber));
  for (const segment of manifest.sealed) named.add(logName(segment.opening, segment.index));
  if (manifest.leavesFileNumber !== 0) named.add(leavesName(manifest.leavesFileNumber));
  return named;
}

/** Snapshots that were finished: their manifest is written last, and is sound. */
function wholeSnapshots(
  disk: Disk,
  names: readonly string[],
  checksum: Checksum,
): ReadonlySet<number> {
  const whole = new Set<number>();
  for (const name of names) {
    const file = parseFileName(name);
    if (file?.kind !== 'snapshot' || file.file.kind !== 'manifest') continue;
    if (isSoundManifest(disk, name, checksum)) whole.add(file.snapshotNumber);
  }
  return whole;
}

function isSoundManifest(disk: Disk, name: string, checksum: Checksum): boolean {
  const words = readFileWords(disk, name, MANIFEST_BYTES_MAX);
  // A disk that does not answer says nothing of the snapshot, which is not removed for that.
  if (!words.ok) return !('isTooLong' in words);
  // Another version's may be whole too: whoever wrote it can tell.
  return decodeManifest(words.value, checksum).kind !== 'damaged';
}
