/**
 * HalfSipHash-1-3 (32-bit result) of a bucket id and a key, under a secret of two words: what tables
 * in memory are indexed by, so that nobody outside can choose keys that collide.
 *
 * data plane
 *
 * Invariants:
 *   KH1 equal (secret, bucket, key bytes) give equal hashes, whatever the padding after the key holds
 */

/** REQUIRES: `words` holds the key from `offset` on, `byteCount` bytes, little-endian. */
export function keyedHash(
  secretLow: number,
  secretHigh: number,
  bucketId: number,
  words: Int32Array,
  offset: number,
  byteCount: number,
): number {
  let v0 = secretLow | 0;
  let v1 = secretHigh | 0;
  let v2 = 0x6c796765 ^ secretLow;
  let v3 = 0x74656462 ^ secretHigh;
  const wholeWords = byteCount >>> 2;
  // One round per message word: the bucket id, the key's whole words, its tail with the byte count.
  for (let index = -1; index <= wholeWords; index += 1) {
    const message =
      index < 0
        ? bucketId
        : index < wholeWords
          ? words[offset + index]!
          : keyTail(words, offset, byteCount);
    v3 ^= message;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= message;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}

/** The bytes after the key's last whole word, with the byte count (of bucket and key) on top. */
function keyTail(words: Int32Array, offset: number, byteCount: number): number {
  const tailBytes = byteCount & 3;
  const count = (byteCount + 4) << 24;
  if (tailBytes === 0) return count;
  return count | (words[offset + (byteCount >>> 2)]! & ((1 << (tailBytes << 3)) - 1));
}

/** Whether two keys of `byteCount` bytes are equal, whatever their padding holds. */
export function keysEqual(
  left: Int32Array,
  leftOffset: number,
  right: Int32Array,
  rightOffset: number,
  byteCount: number,
): boolean {
  const wholeWords = byteCount >>> 2;
  for (let index = 0; index < wholeWords; index += 1) {
    if (left[leftOffset + index] !== right[rightOffset + index]) return false;
  }
  const tailBytes = byteCount & 3;
  if (tailBytes === 0) return true;
  const difference = left[leftOffset + wholeWords]! ^ right[rightOffset + wholeWords]!;
  return (difference & ((1 << (tailBytes << 3)) - 1)) === 0;
}

/** Orders keys by their bytes, unsigned, a prefix first: negative, zero or positive. */
export function compareKeys(
  left: Int32Array,
  leftOffset: number,
  leftBytes: number,
  right: Int32Array,
  rightOffset: number,
  rightBytes: number,
): number {
  const shared = leftBytes < rightBytes ? leftBytes : rightBytes;
  for (let index = 0; index < shared; index += 1) {
    const shift = (index & 3) << 3;
    const leftByte = (left[leftOffset + (index >>> 2)]! >>> shift) & 0xff;
    const rightByte = (right[rightOffset + (index >>> 2)]! >>> shift) & 0xff;
    if (leftByte !== rightByte) return leftByte - rightByte;
  }
  return leftBytes - rightBytes;
}
