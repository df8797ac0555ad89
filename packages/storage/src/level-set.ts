/**
 * The tables of one version of the store, newest first, as searches go through them: level 0 run by
 * run, then level by level. A run is what holds a token in one table at the most: the tables of level 0
 * with one last sequence, or all of a deeper level. Never changed: the next version has its own.
 *
 * data plane (nextCandidate)
 *
 * Invariants:
 *   LV1 of two readers that may hold a key, the one that comes first holds the newer version
 *   LV2 going from candidate to candidate misses no reader that holds the token, but those whose records
 *       of it a range drop has taken away
 *   LV3 tables of a run do not meet, and stand in the order of (bucket, token)
 */
import { assert } from '@clockwise/kernel/assert';
import { type Manifest, type RangeDrop, type TableMetadata, tableOrder } from './manifest.ts';
import { bloomBitHash, bloomLineHash } from './bloom.ts';
import type { TableReader } from './sstable-reader.ts';
import { compareEndToBegin, comparePlaces, rangeHolds } from './table-extent.ts';

/** First bucket, token high, token low, then the last. */
const EXTENT_WORDS = 6;

/** The tables as runs, newest run first, each by (bucket, token). */
export function runsOf(tables: readonly TableMetadata[]): readonly (readonly TableMetadata[])[] {
  const runs: TableMetadata[][] = [];
  for (const table of tableOrder(tables)) {
    const run = runs.at(-1);
    if (run !== undefined && isSameRun(run[0]!, table)) run.push(table);
    else runs.push([table]);
  }
  return runs.toReversed();
}

function isSameRun(left: TableMetadata, right: TableMetadata): boolean {
  if (left.level !== right.level) return false;
  return left.level > 0 || left.lastSequence === right.lastSequence;
}

export class LevelSet {
  /** Newest first; within a run by (bucket, token). */
  readonly readers: readonly TableReader[];
  /** Run `run` is readers[runStarts[run]] up to, and without, readers[runStarts[run + 1]]. */
  readonly runStarts: Int32Array;
  /** Runs of level 0. */
  readonly runCount: number;
  /** Levels that hold a table. */
  readonly levelCount: number;
  /** Bytes in memory: indexes and filters. */
  readonly partsBytes: number;
  readonly #runOf: Int32Array;
  readonly #extents: Int32Array;
  readonly #lastSequences: Float64Array;
  readonly #rangeDrops: readonly RangeDrop[];

  private constructor(manifest: Manifest, readers: ReadonlyMap<number, TableReader>) {
    const runs = runsOf(manifest.tables);
    const tables = runs.flat();
    this.readers = tables.map((table) => {
      const reader = readers.get(table.fileNumber);
      assert(reader !== undefined, 'every table of a version has a reader');
      return reader;
    });
    this.runStarts = new Int32Array(runs.length + 1);
    this.#runOf = new Int32Array(tables.length);
    this.#extents = new Int32Array(tables.length * EXTENT_WORDS);
    this.#lastSequences = Float64Array.from(tables, (table) => table.lastSequence);
    this.#rangeDrops = manifest.rangeDrops;
    this.runCount = runs.filter((run) => run[0]!.level === 0).length;
    this.levelCount = new Set(tables.map((table) => table.level)).size;
    let partsBytes = 0;
    let start = 0;
    for (const [run, members] of runs.entries()) {
      this.#runOf.fill(run, start, start + members.length);
      start += members.length;
      this.runStarts[run + 1] = start;
    }
    for (const [index, table] of tables.entries()) {
      const { parts } = this.readers[index]!;
      partsBytes += parts.index.byteLength + parts.filter.byteLength;
      this.#setExtent(index, table);
      const before = tables[index - 1];
      if (before === undefined || this.#runOf[index] !== this.#runOf[index - 1]) continue;
      assert(compareEndToBegin(before, table) < 0, 'LV3 tables of a run do not meet');
    }
    this.partsBytes = partsBytes;
  }

  static of(manifest: Manifest, readers: ReadonlyMap<number, TableReader>): LevelSet {
    return new LevelSet(manifest, readers);
  }

  /**
   * The next reader at or behind `from` that may hold the token, or -1. By its reach, then by the range
   * drops, then by its filter.
   */
  nextCandidate(from: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const count = this.readers.length;
    const lineHash = bloomLineHash(bucketId, tokenHigh, tokenLow);
    const bitHash = bloomBitHash(bucketId, tokenHigh, tokenLow);
    let index = from;
    while (index < count) {
      const end = this.runStarts[this.#runOf[index]! + 1]!;
      const table = this.#firstThatReaches(index, end, bucketId, tokenHigh, tokenLow);
      if (
        table < end &&
        this.#compareFirst(table, bucketId, tokenHigh, tokenLow) <= 0 &&
        !this.isDropped(table, bucketId, tokenHigh, tokenLow) &&
        this.readers[table]!.mayContainHashed(lineHash, bitHash)
      ) {
        return table;
      }
      index = end;
    }
    return -1;
  }

  /** Whether a range drop has taken away what reader number `index` holds of the token. */
  isDropped(index: number, bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    const drops = this.#rangeDrops;
    for (let drop = 0; drop < drops.length; drop += 1) {
      const { sequence } = drops[drop]!;
      if (this.#lastSequences[index]! > sequence) continue;
      if (rangeHolds(drops[drop]!, bucketId, tokenHigh, tokenLow)) return true;
    }
    return false;
  }

  /** The first table of [from, end) whose last place is not before the token; `end`: none. */
  #firstThatReaches(
    from: number,
    end: number,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
  ): number {
    let low = from;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compareLast(middle, bucketId, tokenHigh, tokenLow) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compareFirst(index: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const extents = this.#extents;
    const at = index * EXTENT_WORDS;
    const high = extents[at + 1]!;
    return comparePlaces(extents[at]!, high, extents[at + 2]!, bucketId, tokenHigh, tokenLow);
  }

  #compareLast(index: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const extents = this.#extents;
    const at = index * EXTENT_WORDS + 3;
    const high = extents[at + 1]!;
    return comparePlaces(extents[at]!, high, extents[at + 2]!, bucketId, tokenHigh, tokenLow);
  }

  #setExtent(index: number, table: TableMetadata): void {
    const at = index * EXTENT_WORDS;
    this.#extents[at] = table.firstBucketId;
    this.#extents[at + 1] = table.firstTokenHigh;
    this.#extents[at + 2] = table.firstTokenLow;
    this.#extents[at + 3] = table.lastBucketId;
    this.#extents[at + 4] = table.lastTokenHigh;
    this.#extents[at + 5] = table.lastTokenLow;
  }
}
