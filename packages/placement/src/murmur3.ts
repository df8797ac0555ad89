/**
 * murmur3 x86_32, the public placement hash. data plane.
 *
 * Two readers of the same function: `murmur3Words` walks a key where it lies in a frame, word by word,
 * with one word (the bucket id) put in front; `murmur3Bytes` is the byte-wise reference and serves
 * rare callers (ring positions, ring hashes). Placement is public and can be flooded: tables in memory
 * use a keyed hash, never this one.
 *
 * Results are signed 32-bit integers, for those never leave V8's small integers; `>>> 0` gives the
 * unsigned value that published vectors print.
 *
 * Invariants
 *  H1 both readers agree: words with a prefix equal the bytes of prefix and key together.
 *  H2 bytes past `byteLength` in the last word never reach the hash.
 *  H3 the machine is little-endian, asserted when this file is loaded.
 */
import { assert } from '@clockwise/kernel/assert';

assert(new Uint8Array(new Int32Array([1]).buffer)[0] === 1, 'H3 the machine is little-endian');

/** Mixes one block so that every seed can use it; independent of the hash so far. */
export function scrambleBlock(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

/** Takes one scrambled block of four bytes into the hash. */
export function takeBlock(hash: number, scrambled: number): number {
  const mixed = hash ^ scrambled;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Ends a hash over `byteLength` bytes; returns a signed 32-bit integer. */
export function finishHash(hash: number, byteLength: number): number {
  let mixed = hash ^ byteLength;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Keeps the first `byteCount` (1 to 3) bytes of a little-endian word. */
export function maskTail(word: number, byteCount: number): number {
  return word & ((1 << (byteCount << 3)) - 1);
}

/**
 * Hash of `prefixWord` (four little-endian bytes) followed by `byteLength` key bytes that start at
 * `words[wordOffset]`. REQUIRES: the key lies wholly inside `words`.
 */
export function murmur3Words(
  words: Int32Array,
  wordOffset: number,
  byteLength: number,
  seed: number,
  prefixWord: number,
): number {
  let hash = takeBlock(seed | 0, scrambleBlock(prefixWord));
  const tailWord = wordOffset + (byteLength >>> 2);
  for (let index = wordOffset; index < tailWord; index += 1) {
    hash = takeBlock(hash, scrambleBlock(words[index]!));
  }
  const tailBytes = byteLength & 3;
  if (tailBytes !== 0) hash ^= scrambleBlock(maskTail(words[tailWord]!, tailBytes));
  return finishHash(hash, byteLength + 4);
}

/** The reference: hash of bytes, read one at a time. */
export function murmur3Bytes(bytes: Uint8Array, seed: number): number {
  let hash = seed | 0;
  const tailStart = bytes.length & ~3;
  for (let index = 0; index < tailStart; index += 4) {
    const block =
      bytes[index]! |
      (bytes[index + 1]! << 8) |
      (bytes[index + 2]! << 16) |
      (bytes[index + 3]! << 24);
    hash = takeBlock(hash, scrambleBlock(block));
  }
  let tail = 0;
  for (let index = bytes.length - 1; index >= tailStart; index -= 1) {
    tail = (tail << 8) | bytes[index]!;
  }
  return finishHash(hash ^ scrambleBlock(tail), bytes.length);
}
