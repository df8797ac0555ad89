/**
 * The tables of a shard that count now, newest first.
 *
 * Invariants:
 *   TS1 of two tables that hold a key, the one that comes first here holds the newer version
 */
import type { TableReader } from '@clockwise/storage/sstable-reader';

export class TableSet {
  /** Newest first. */
  readers: readonly TableReader[];
  /** Changes whenever the set does. */
  version = 0;

  /** `oldestFirst` as the manifest lists them. */
  constructor(oldestFirst: readonly TableReader[]) {
    this.readers = oldestFirst.toReversed();
  }

  add(reader: TableReader): void {
    this.readers = [reader, ...this.readers];
    this.version += 1;
  }
}
