/**
 * What a snapshot in a store's folder holds: up to which record, and which files live on by it.
 *
 * Invariants:
 *   HS1 what cannot be read of a snapshot keeps no store from opening: it counts as one of which nothing
 *       is known but its number
 *   HS2 what snapshots pin is what goes when all of them are dropped: a file that the store names is not
 *       pinned, and one that several snapshots name is counted once
 */
import type { Checksum } from './checksum.ts';
import type { Disk, DiskResult } from './disk.ts';
import { leavesName, parseFileName, snapshotPrefix, tableName } from './file-names.ts';
import { loadManifest } from './manifest-files.ts';
import type { Manifest } from './manifest.ts';
import { PrefixDisk } from './prefix-disk.ts';
import { snapshotNumbers } from './snapshot-job.ts';

export interface HeldFile {
  /** As in the store: the snapshot's prefix is left away. */
  readonly name: string;
  readonly byteCount: number;
}

export interface HeldSnapshot {
  readonly snapshotNumber: number;
  /** Of the last record that it holds; 0: none, or its manifest cannot be read. */
  readonly sequence: number;
  /** Tables and leaves: second names of files that the store has, or had. */
  readonly linked: readonly HeldFile[];
  /** Segments of the log and the manifest: files of its own. */
  readonly own: readonly HeldFile[];
}

/** All of which a file is in the folder, ascending. [HS1] */
export function heldSnapshots(
  disk: Disk,
  names: readonly string[],
  checksum: Checksum,
): readonly HeldSnapshot[] {
  return snapshotNumbers(names).map((snapshotNumber) => {
    const held = readHeldSnapshot(disk, checksum, snapshotNumber);
    return held.ok ? held.value : { snapshotNumber, sequence: 0, linked: [], own: [] };
  });
}

export function readHeldSnapshot(
  below: Disk,
  checksum: Checksum,
  snapshotNumber: number,
): DiskResult<HeldSnapshot> {
  const disk = new PrefixDisk(below, snapshotPrefix(snapshotNumber));
  const names = disk.list();
  if (!names.ok) return names;
  const linked: HeldFile[] = [];
  const own: HeldFile[] = [];
  for (const name of names.value) {
    const byteCount = byteCountOf(disk, name);
    if (!byteCount.ok) return byteCount;
    const kind = parseFileName(name)?.kind;
    const files = kind === 'table' || kind === 'leaves' ? linked : own;
    files.push({ name, byteCount: byteCount.value });
  }
  const load = loadManifest(disk, names.value, checksum);
  if (load.kind === 'failed') return load.error;
  const sequence = load.kind === 'found' ? lastSequenceOf(load.manifest) : 0;
  return { ok: true, value: { snapshotNumber, sequence, linked, own } };
}

export function bytesOfSnapshot({ linked, own }: HeldSnapshot): number {
  return [...linked, ...own].reduce((sum, { byteCount }) => sum + byteCount, 0);
}

export function filesOfSnapshot({ linked, own }: HeldSnapshot): number {
  return linked.length + own.length;
}

/** [HS2] */
export function pinnedBySnapshots(
  held: readonly HeldSnapshot[],
  manifest: Manifest,
): { readonly pinnedFiles: number; readonly pinnedBytes: number } {
  const counted = new Set(manifest.tables.map(({ fileNumber }) => tableName(fileNumber)));
  counted.add(leavesName(manifest.leavesFileNumber));
  let pinnedFiles = 0;
  let pinnedBytes = 0;
  const count = (file: HeldFile): void => {
    pinnedFiles += 1;
    pinnedBytes += file.byteCount;
  };
  for (const { linked, own } of held) {
    for (const file of own) count(file);
    for (const file of linked) {
      if (!counted.has(file.name)) count(file);
      counted.add(file.name);
    }
  }
  return { pinnedFiles, pinnedBytes };
}

/** The last record of a snapshot whose manifest it is. */
export function lastSequenceOf({ floorSequence, sealed }: Manifest): number {
  return Math.max(floorSequence, ...sealed.map(({ lastSequence }) => lastSequence));
}

function byteCountOf(disk: Disk, name: string): DiskResult<number> {
  const file = disk.open(name, 'read');
  if (!file.ok) return file;
  const size = disk.size(file.value);
  disk.close(file.value);
  return size;
}
