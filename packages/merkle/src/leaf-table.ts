/**
 * The lowest level of the hash trees of one shard: 256 leaves per partition, each the sum modulo 2^64
 * of the leaf hashes (record/leaf-hash) of the records in its slice of tokens. Sums are updated in
 * O(1) by each write, and do not depend on the order of writes (docs/formats/merkle.md).
 *
 * data plane
 *
 * Invariants:
 *   ML1 a leaf is the sum of the hashes of what its slice holds, whatever order it came in
 *   ML2 equal partitions have equal roots; partitions that differ in one record have different roots,
 *       but for a collision of 64-bit hashes
 */
import { assert } from '@clockwise/kernel/assert';

export const LEAVES_PER_PARTITION = 256;
const LEAF_BITS = 8;
const LEAF_WORDS = 2;

/** Words of the leaves of a whole ring of 2^partitionBits partitions. */
export function leafTableWords(partitionBits: number): number {
  return LEAVES_PER_PARTITION * LEAF_WORDS * 2 ** partitionBits;
}

export class LeafTable {
  /** low, high of each leaf, partition by partition. */
  readonly words: Int32Array;
  readonly partitionBits: number;

  constructor(partitionBits: number, words: Int32Array) {
    assert(partitionBits + LEAF_BITS <= 32, 'leaves are cut from the high half of the token');
    assert(words.length === leafTableWords(partitionBits), 'the table has all leaves');
    this.partitionBits = partitionBits;
    this.words = words;
  }

  /** Loads the line of a token's leaf, for a `replace` that follows soon. Tells nothing. */
  touch(tokenHigh: number): number {
    return this.words[(tokenHigh >>> (32 - LEAF_BITS - this.partitionBits)) * LEAF_WORDS]!;
  }

  /** Takes one hash out of a token's leaf and puts one in; zero means there was, or is, none. */
  replace(
    tokenHigh: number,
    replacedLow: number,
    replacedHigh: number,
    installedLow: number,
    installedHigh: number,
  ): void {
    const { words } = this;
    const leaf = (tokenHigh >>> (32 - LEAF_BITS - this.partitionBits)) * LEAF_WORDS;
    const low = words[leaf]!;
    const sum = (low + installedLow) | 0;
    const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
    const borrow = sum >>> 0 < replacedLow >>> 0 ? 1 : 0;
    words[leaf] = (sum - replacedLow) | 0;
    words[leaf + 1] = (words[leaf + 1]! + installedHigh - replacedHigh + carry - borrow) | 0;
  }

  /** The slice holds nothing any more. */
  clear(partition: number): void {
    clearLeaves(this.words, this.partitionBits, partition);
  }

  /** The root of one partition, as two words into `result` at `offset`: low, high. */
  root(partition: number, result: Int32Array, offset: number): void {
    const { words } = this;
    const from = partition * LEAVES_PER_PARTITION * LEAF_WORDS;
    const to = from + LEAVES_PER_PARTITION * LEAF_WORDS;
    let low = 0;
    let high = 0;
    for (let index = from; index < to; index += LEAF_WORDS) {
      low = mix(low ^ words[index]!) + Math.imul(high, 5);
      high = (mix(high ^ words[index + 1]!) + low) | 0;
    }
    result[offset] = low | 0;
    result[offset + 1] = high;
  }
}

/** Sets the leaves of one partition to zero, in the words of a whole ring of 2^partitionBits. */
export function clearLeaves(words: Int32Array, partitionBits: number, partition: number): void {
  assert(words.length === leafTableWords(partitionBits), 'the table has all leaves');
  const wordCount = LEAVES_PER_PARTITION * LEAF_WORDS;
  words.fill(0, partition * wordCount, (partition + 1) * wordCount);
}

/** murmur3's finalizer, offset so that zeros do not stay zeros. */
function mix(word: number): number {
  let hash = (word + 0x9e3779b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
