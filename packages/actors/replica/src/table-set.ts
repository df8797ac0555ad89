/**
 * The tables of a shard that count now, newest first: views of its versions.
 *
 * Invariants:
 *   TS1 of two tables that hold a key, the one that comes first here holds the newer version
 */
import type { TableReader } from '@clockwise/storage/sstable-reader';
import type { StoreVersions } from '@clockwise/storage/store-versions';

/** What searches need of the versions: the tables that count, and those that they hold. */
export type TableVersions = Pick<
  StoreVersions,
  'version' | 'levels' | 'pin' | 'unpin' | 'readersOf'
>;

export class TableSet {
  readonly #versions: StoreVersions;

  constructor(versions: StoreVersions) {
    this.#versions = versions;
  }

  /** Newest first. */
  get readers(): readonly TableReader[] {
    return this.#versions.levels.readers;
  }

  /** Changes whenever the set does. */
  get version(): number {
    return this.#versions.version;
  }
}
