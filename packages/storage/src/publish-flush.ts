/**
 * Makes a flushed table part of the store: the next edition of the manifest, in which the table is
 * named and the log's floor has passed its records. One publisher per store at a time.
 *
 * Invariants:
 *   PF1 tables of one shard are published in the order of their sequences: the floor leaves no hole
 *   PF2 the log is released only to the floor of an edition that is durable
 */
import { assert } from '@clockwise/kernel/assert';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskResult } from './disk.ts';
import { leavesName } from './file-names.ts';
import { publishManifest } from './manifest-files.ts';
import type { Manifest, TableMetadata } from './manifest.ts';

export interface FlushPublication {
  readonly table: TableMetadata;
  /** 0: the store keeps none. */
  readonly leavesFileNumber: number;
  /** The counter as it stands: above every number that was given to a job. */
  readonly nextFileNumber: number;
  /** Above every edition that was tried. */
  readonly edition: number;
}

/**
 * The new manifest, durable. After an error the old one is the caller's truth, and the next try takes
 * a higher edition; either may count after a crash, so nothing that one of them names is deleted.
 */
export function publishFlush(
  disk: Disk,
  checksum: Checksum,
  manifest: Manifest,
  flush: FlushPublication,
): DiskResult<Manifest> {
  const { table } = flush;
  assert(table.firstSequence === manifest.floorSequence + 1, 'PF1 flushes follow one another');
  const next: Manifest = {
    ...manifest,
    edition: flush.edition,
    nextFileNumber: flush.nextFileNumber,
    floorSequence: table.lastSequence,
    leavesFileNumber: flush.leavesFileNumber,
    sealed: manifest.sealed.filter((segment) => segment.lastSequence > table.lastSequence),
    tables: [...manifest.tables, table],
  };
  const published = publishManifest(disk, next, manifest.edition, checksum);
  if (!published.ok) return published;
  // A snapshot that is missing can be computed anew; the edition before this one can do without.
  if (manifest.leavesFileNumber !== 0 && manifest.leavesFileNumber !== next.leavesFileNumber) {
    const removed = disk.remove(leavesName(manifest.leavesFileNumber));
    if (!removed.ok && removed.code !== 'ENOENT') return removed;
  }
  return { ok: true, value: next };
}
