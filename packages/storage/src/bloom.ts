/**
 * A blocked Bloom filter: all bits of a key lie in one line of 64 bytes, so that a test costs one cache
 * miss. Keys are represented by (bucket id, token): the token's low half covers the whole key.
 *
 * data plane
 *
 * Invariants:
 *   BF1 a key that was added tests true
 */
import { assert } from '@clockwise/kernel/assert';

export const BLOOM_LINE_WORDS = 16;
/** Odd, near 2^32 divided by the golden ratio: moves fresh bits into the top places. */
const GOLDEN = 0x9e3779b9 | 0;

/** Lines that hold `keyCount` keys at this many bits each. */
export function bloomLineCount(keyCount: number, bitsPerKey: number): number {
  return Math.max(1, Math.ceil((keyCount * bitsPerKey) / (BLOOM_LINE_WORDS * 32)));
}

/** Bits set per key: ln 2 times the bits per key is best for a whole filter, a little less for lines. */
export function bloomProbeCount(bitsPerKey: number): number {
  return Math.max(1, Math.min(12, Math.round(bitsPerKey * 0.62)));
}

/** Chooses the line. */
function lineHash(bucketId: number, tokenHigh: number, tokenLow: number): number {
  return mix(mix(tokenLow ^ Math.imul(bucketId, GOLDEN)) ^ tokenHigh);
}

/** Chooses the bits within the line. */
function bitHash(bucketId: number, tokenHigh: number, tokenLow: number): number {
  return mix(mix(tokenHigh ^ Math.imul(bucketId, 0x85ebca6b)) + tokenLow);
}

/** murmur3's final mix. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

function lineOffset(words: Int32Array, hash: number): number {
  const lineCount = words.length / BLOOM_LINE_WORDS;
  return Math.floor(((hash >>> 0) / 0x1_0000_0000) * lineCount) * BLOOM_LINE_WORDS;
}

export function bloomAdd(
  words: Int32Array,
  probeCount: number,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
): void {
  assert(words.length % BLOOM_LINE_WORDS === 0, 'a filter is whole lines');
  const line = lineOffset(words, lineHash(bucketId, tokenHigh, tokenLow));
  let hash = bitHash(bucketId, tokenHigh, tokenLow);
  for (let probe = 0; probe < probeCount; probe += 1) {
    const bit = hash >>> 23;
    words[line + (bit >>> 5)]! |= 1 << (bit & 31);
    hash = Math.imul(hash, GOLDEN);
  }
}

export function bloomMayContain(
  words: Int32Array,
  probeCount: number,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
): boolean {
  const line = lineOffset(words, lineHash(bucketId, tokenHigh, tokenLow));
  let hash = bitHash(bucketId, tokenHigh, tokenLow);
  for (let probe = 0; probe < probeCount; probe += 1) {
    const bit = hash >>> 23;
    if ((words[line + (bit >>> 5)]! & (1 << (bit & 31))) === 0) return false;
    hash = Math.imul(hash, GOLDEN);
  }
  return true;
}
