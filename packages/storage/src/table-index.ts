/**
 * A table's index in memory: where its blocks begin, and with which bucket and token. It has four columns,
 * as in the file; a block ends where the next one begins, the last where the index begins.
 *
 * data plane
 *
 * Invariants:
 *   TX1 `locate` gives the first block that can hold records of a bucket and token
 */
import { INDEX_COLUMN, INDEX_ENTRY_WORDS, INDEX_OFFSET_MASK } from './sstable-format.ts';
import { compareTokenHalves } from './token-range.ts';

/** Probes by interpolation before a search halves. */
const INTERPOLATIONS = 3;

export class TableIndex {
  readonly blockCount: number;
  /** Places of the index looked at so far, an entry and its neighbour counting as one. */
  probeCount = 0;
  readonly #words: Int32Array;
  readonly #endUnits: number;
  /** Where the columns begin; that of the buckets at 0. */
  readonly #highs: number;
  readonly #lows: number;
  readonly #offsets: number;
  readonly #hasOneBucket: boolean;
  /** Blocks per unit of a token's high half; 0: the blocks are of several buckets, or one. */
  readonly #slope: number;

  /** REQUIRES: `words` holds an entry for each block; behind the last one is `bytesEnd`. */
  constructor(words: Int32Array, bytesEnd: number) {
    const blockCount = words.length / INDEX_ENTRY_WORDS;
    this.blockCount = blockCount;
    this.#words = words;
    this.#endUnits = bytesEnd / 8;
    this.#highs = INDEX_COLUMN.tokenHigh * blockCount;
    this.#lows = INDEX_COLUMN.tokenLow * blockCount;
    this.#offsets = INDEX_COLUMN.offsetAndFlag * blockCount;
    this.#hasOneBucket = words[0] === words[blockCount - 1];
    const from = words[this.#highs]! >>> 0;
    const to = words[this.#highs + blockCount - 1]! >>> 0;
    this.#slope = this.#hasOneBucket && to !== from ? (blockCount - 1) / (to - from) : 0;
  }

  offsetOf(block: number): number {
    return this.#unitsOf(block) * 8;
  }

  /** Of a block with its header. */
  byteCountOf(block: number): number {
    return (this.#unitsOf(block + 1) - this.#unitsOf(block)) * 8;
  }

  bucketOf(block: number): number {
    return this.#words[block]!;
  }

  tokenHighOf(block: number): number {
    return this.#words[this.#highs + block]!;
  }

  tokenLowOf(block: number): number {
    return this.#words[this.#lows + block]!;
  }

  /** The first block that can hold records of this bucket and token, or -1. [TX1] */
  locate(bucketId: number, tokenHigh: number, tokenLow: number): number {
    let block = this.lastNotAfter(bucketId, tokenHigh, tokenLow);
    // Where equal tokens run over a border, the run began before.
    while (block > 0 && this.continues(block, bucketId, tokenHigh, tokenLow)) block -= 1;
    return block;
  }

  /** Whether the block begins with this bucket and token, and the block before it ends with them. */
  continues(block: number, bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    return (
      this.#words[this.#offsets + block]! < 0 &&
      this.#compareFirst(block, bucketId, tokenHigh, tokenLow) === 0
    );
  }

  /**
   * The last block whose first record is not behind (bucket, token); -1: all are. Each probe looks at
   * an entry and its neighbour, so a guess that is off by less than a block ends the search.
   */
  lastNotAfter(bucketId: number, tokenHigh: number, tokenLow: number): number {
    let low = -1;
    let high = this.blockCount;
    let last = 0;
    for (let probe = 0; high - low > 1; probe += 1) {
      const middle =
        probe < INTERPOLATIONS ? this.#guess(low, high, last, tokenHigh) : (low + high) >> 1;
      this.probeCount += 1;
      last = middle;
      if (this.#compareFirst(middle, bucketId, tokenHigh, tokenLow) <= 0) {
        low = middle;
        if (middle + 1 === high) continue;
        if (this.#compareFirst(middle + 1, bucketId, tokenHigh, tokenLow) > 0) return middle;
        low = middle + 1;
      } else {
        high = middle;
        if (middle - 1 === low) continue;
        if (this.#compareFirst(middle - 1, bucketId, tokenHigh, tokenLow) <= 0) return middle - 1;
        high = middle - 1;
      }
    }
    return low;
  }

  #unitsOf(block: number): number {
    if (block >= this.blockCount) return this.#endUnits;
    return this.#words[this.#offsets + block]! & INDEX_OFFSET_MASK;
  }

  /** Where a token would lie, were tokens uniform, seen from block `from`; strictly between. */
  #guess(low: number, high: number, from: number, tokenHigh: number): number {
    if (this.#slope === 0) return (low + high) >> 1;
    const first = this.#words[this.#highs + from]! >>> 0;
    const guess = from + Math.round(((tokenHigh >>> 0) - first) * this.#slope);
    return Math.max(low + 1, Math.min(high - 1, guess));
  }

  #compareFirst(block: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const words = this.#words;
    // Of one bucket no more than its first entry is looked at.
    const bucket = words[this.#hasOneBucket ? 0 : block]!;
    if (bucket !== bucketId) return bucket >>> 0 < bucketId >>> 0 ? -1 : 1;
    const high = words[this.#highs + block]!;
    if (high !== tokenHigh) return high >>> 0 < tokenHigh >>> 0 ? -1 : 1;
    return compareTokenHalves(high, words[this.#lows + block]!, tokenHigh, tokenLow);
  }
}
