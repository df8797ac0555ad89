/**
 * A key's token: where it lives on the ring. data plane.
 *
 *   high = murmur3, seed 0, over the bucket id (little-endian 32 bits) and the `{tag}` within the key,
 *          or the whole key where it has none: tagged keys share a partition.
 *   low  = murmur3, seed 1, over the bucket id and always the whole key: they still spread inside it.
 *
 * A tag is read as Redis Cluster reads it: the first `{`, the next `}` after it, something between.
 * Halves are stored as signed 32-bit integers (no boxed numbers) and compared as unsigned ones.
 *
 * Invariants
 *  T1 keys with the same tag and bucket have the same high half.
 *  T2 a partition is the top bits of the high half, so equal partitions are contiguous token ranges.
 *  T3 nothing is allocated: the tag is hashed where it lies, at any byte offset.
 */
import { finishHash, maskTail, scrambleBlock, takeBlock } from './murmur3.ts';

/** One token, reused by its owner for key after key. Both halves are signed 32-bit integers. */
export interface Token {
  high: number;
  low: number;
}

const openBraces = 0x7b7b7b7b;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Writes the token of the key at `words[wordOffset]` into `token`. */
export function computeToken(
  token: Token,
  bucketId: number,
  words: Int32Array,
  wordOffset: number,
  byteLength: number,
): void {
  const prefix = scrambleBlock(bucketId);
  let high = takeBlock(0, prefix);
  let low = takeBlock(1, prefix);
  let braces = 0;
  const tailWord = wordOffset + (byteLength >>> 2);
  for (let index = wordOffset; index < tailWord; index += 1) {
    const word = words[index]!;
    const scrambled = scrambleBlock(word);
    high = takeBlock(high, scrambled);
    low = takeBlock(low, scrambled);
    braces |= zeroBytes(word ^ openBraces);
  }
  const tailBytes = byteLength & 3;
  if (tailBytes !== 0) {
    const word = maskTail(words[tailWord]!, tailBytes);
    const scrambled = scrambleBlock(word);
    high ^= scrambled;
    low ^= scrambled;
    braces |= zeroBytes(word ^ openBraces);
  }
  token.low = finishHash(low, byteLength + 4);
  token.high =
    braces === 0
      ? finishHash(high, byteLength + 4)
      : highOfBracedKey(high, prefix, words, wordOffset, byteLength);
}

/** The partition of a token: the top `partitionCountLog2` bits of its high half. */
export function partitionOf(tokenHigh: number, partitionCountLog2: number): number {
  return (tokenHigh >>> 1) >>> (31 - partitionCountLog2);
}

/** The least high half (signed) of a partition; the last partition ends at 0xffffffff. */
export function partitionStart(partition: number, partitionCountLog2: number): number {
  return (partition << (31 - partitionCountLog2)) << 1;
}

/** Orders tokens as pairs of unsigned numbers: negative, zero or positive. */
export function compareTokens(
  highA: number,
  lowA: number,
  highB: number,
  lowB: number,
): -1 | 0 | 1 {
  if (highA !== highB) return highA >>> 0 < highB >>> 0 ? -1 : 1;
  if (lowA !== lowB) return lowA >>> 0 < lowB >>> 0 ? -1 : 1;
  return 0;
}

/** The top bit of each byte that is zero (and perhaps of bytes above a zero one): a cheap filter. */
function zeroBytes(word: number): number {
  return (word - 0x01010101) & ~word & 0x80808080;
}

/** The key has a `{`: the high half is over its tag, if it has one, else over the whole key. */
function highOfBracedKey(
  wholeKeyHash: number,
  prefix: number,
  words: Int32Array,
  wordOffset: number,
  byteLength: number,
): number {
  const start = indexOfByte(words, wordOffset, byteLength, 0, openBrace) + 1;
  const end = start === 0 ? -1 : indexOfByte(words, wordOffset, byteLength, start, closeBrace);
  if (end <= start) return finishHash(wholeKeyHash, byteLength + 4);
  return hashSlice(takeBlock(0, prefix), words, wordOffset, start, end - start);
}

/** Index of the first byte `wanted` at or after `from`, or -1. */
function indexOfByte(
  words: Int32Array,
  wordOffset: number,
  byteLength: number,
  from: number,
  wanted: number,
): number {
  for (let index = from; index < byteLength; index += 1) {
    const byte = (words[wordOffset + (index >>> 2)]! >>> ((index & 3) << 3)) & 0xff;
    if (byte === wanted) return index;
  }
  return -1;
}

/** Ends `hash` (which took the bucket id) with bytes that need not start at a word boundary. */
function hashSlice(
  hash: number,
  words: Int32Array,
  wordOffset: number,
  byteOffset: number,
  byteLength: number,
): number {
  const shift = (byteOffset & 3) << 3;
  let index = wordOffset + (byteOffset >>> 2);
  const tailWord = index + (byteLength >>> 2);
  let mixed = hash;
  for (; index < tailWord; index += 1) {
    mixed = takeBlock(mixed, scrambleBlock(unalignedWord(words, index, shift)));
  }
  const tailBytes = byteLength & 3;
  if (tailBytes !== 0) {
    const spills = shift + (tailBytes << 3) > 32;
    const word = spills ? unalignedWord(words, index, shift) : words[index]! >>> shift;
    mixed ^= scrambleBlock(maskTail(word, tailBytes));
  }
  return finishHash(mixed, byteLength + 4);
}

function unalignedWord(words: Int32Array, index: number, shift: number): number {
  if (shift === 0) return words[index]!;
  return (words[index]! >>> shift) | (words[index + 1]! << (32 - shift));
}
