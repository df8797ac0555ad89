/**
 * Bytes into words and out of them, little-endian on every machine.
 *
 * data plane: no view is made per call.
 *
 * Invariants:
 *   WB1 what is written reads back equal, and its padding is zero
 */

/** Writes the bytes at the word offset, padded with zeros to 8 bytes. Returns the offset behind. */
export function writeBytes(words: Int32Array, offset: number, bytes: Uint8Array): number {
  const byteLength = bytes.length;
  const whole = byteLength & ~3;
  let word = offset;
  let index = 0;
  for (; index < whole; index += 4) {
    words[word] =
      bytes[index]! |
      (bytes[index + 1]! << 8) |
      (bytes[index + 2]! << 16) |
      (bytes[index + 3]! << 24);
    word += 1;
  }
  if (index < byteLength) {
    let last = bytes[index]!;
    if (index + 1 < byteLength) last |= bytes[index + 1]! << 8;
    if (index + 2 < byteLength) last |= bytes[index + 2]! << 16;
    words[word] = last;
    word += 1;
  }
  if (((word - offset) & 1) !== 0) {
    words[word] = 0;
    word += 1;
  }
  return word;
}

/** A copy of `byteLength` bytes at the word offset. */
export function readBytes(words: Int32Array, offset: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const whole = byteLength & ~3;
  let word = offset;
  let index = 0;
  for (; index < whole; index += 4) {
    const four = words[word]!;
    bytes[index] = four;
    bytes[index + 1] = four >>> 8;
    bytes[index + 2] = four >>> 16;
    bytes[index + 3] = four >>> 24;
    word += 1;
  }
  for (; index < byteLength; index += 1) {
    bytes[index] = words[word]! >>> ((index & 3) << 3);
  }
  return bytes;
}
