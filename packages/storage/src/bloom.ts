/**
 * A blocked Bloom filter: all bits of a key lie in one line of 64 bytes, so that a test costs one cache
 * miss. Keys are represented by (bucket id, token): the token's low half covers the whole key. A key's
 * bits are 9 bits each of a hash, three to a hash, which is then mixed again: independent, so that the
 * false positives are those of theory (`bloomFalsePositives`).
 *
 * data plane
 *
 * Invariants:
 *   BF1 a key that was added tests true
 */
import { assert } from '@clockwise/kernel/assert';

const BLOOM_LINE_SHIFT = 4;
export const BLOOM_LINE_WORDS: number = 1 << BLOOM_LINE_SHIFT;
/** Of a hash, as a share of all hashes. */
const HASH_SHARE = 1 / 0x1_0000_0000;
/** Odd, near 2^32 divided by the golden ratio: moves fresh bits into the top places. */
const GOLDEN = 0x9e3779b9 | 0;
/** Of 9 bits each. */
const PROBES_PER_HASH = 3;

/** Lines that hold `keyCount` keys at this many bits each. */
export function bloomLineCount(keyCount: number, bitsPerKey: number): number {
  return Math.max(1, Math.ceil((keyCount * bitsPerKey) / (BLOOM_LINE_WORDS * 32)));
}

/** Bits set per key: ln 2 times the bits per key is best for a whole filter, a little less for lines. */
export function bloomProbeCount(bitsPerKey: number): number {
  return Math.max(1, Math.min(12, Math.round(bitsPerKey * 0.62)));
}

/**
 * The share of absent keys that a filter says maybe to. Lines hold keys by Poisson; a bit is set
 * with 1 - (1 - 1/512)^(probes * keys of the line).
 */
export function bloomFalsePositives(bitsPerKey: number): number {
  const bits = BLOOM_LINE_WORDS * 32;
  const probes = bloomProbeCount(bitsPerKey);
  const mean = bits / bitsPerKey;
  let share = 0;
  let probability = Math.exp(-mean);
  for (let keys = 0; keys < mean * 4 + 20; keys += 1) {
    share += probability * (1 - (1 - 1 / bits) ** (probes * keys)) ** probes;
    probability *= mean / (keys + 1);
  }
  return share;
}

/** Chooses the line. */
export function bloomLineHash(bucketId: number, tokenHigh: number, tokenLow: number): number {
  return mix(mix(tokenLow ^ Math.imul(bucketId, GOLDEN)) ^ tokenHigh);
}

/** Chooses the bits within the line. */
export function bloomBitHash(bucketId: number, tokenHigh: number, tokenLow: number): number {
  return mix(mix(tokenHigh ^ Math.imul(bucketId, 0x85ebca6b)) + tokenLow);
}

/** murmur3's final mix. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

function lineOffset(words: Int32Array, hash: number): number {
  const lineCount = words.length >>> BLOOM_LINE_SHIFT;
  return (((hash >>> 0) * HASH_SHARE * lineCount) | 0) << BLOOM_LINE_SHIFT;
}

/** Takes in the key of these two hashes. */
export function bloomAdd(
  words: Int32Array,
  probeCount: number,
  lineHash: number,
  bitHash: number,
): void {
  assert(words.length % BLOOM_LINE_WORDS === 0, 'a filter is whole lines');
  const line = lineOffset(words, lineHash);
  let hash = bitHash;
  let bits = hash;
  for (let probe = 1; probe <= probeCount; probe += 1) {
    words[line + ((bits >>> 5) & 15)]! |= 1 << (bits & 31);
    bits >>>= 9;
    if (probe % PROBES_PER_HASH !== 0) continue;
    hash = mix((hash + GOLDEN) | 0);
    bits = hash;
  }
}

export function bloomMayContain(
  words: Int32Array,
  probeCount: number,
  bucketId: number,
  tokenHigh: number,
  tokenLow: number,
): boolean {
  const lineHash = bloomLineHash(bucketId, tokenHigh, tokenLow);
  const bitHash = bloomBitHash(bucketId, tokenHigh, tokenLow);
  return bloomMayContainHashed(words, probeCount, lineHash, bitHash);
}

/**
 * The same for who has the hashes of the key, and asks several filters. All bits are looked at whatever
 * the first ones say: they stand in one line of the processor's cache, and a branch on each, which goes
 * either way as often, would keep the next filter's line from being on its way.
 */
export function bloomMayContainHashed(
  words: Int32Array,
  probeCount: number,
  lineHash: number,
  bitHash: number,
): boolean {
  const line = lineOffset(words, lineHash);
  let hash = bitHash;
  let bits = hash;
  let found = 1;
  for (let probe = 1; probe <= probeCount; probe += 1) {
    found &= words[line + ((bits >>> 5) & 15)]! >>> (bits & 31);
    bits >>>= 9;
    if (probe % PROBES_PER_HASH !== 0) continue;
    hash = mix((hash + GOLDEN) | 0);
    bits = hash;
  }
  return found !== 0;
}
