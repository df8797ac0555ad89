/**
 * UTF-8, both ways, in loops of our own: cores have no TextEncoder, and what is refused here must be
 * refused on every node alike.
 *
 * Invariants:
 *   U1 decoding refuses what RFC 3629 refuses: overlong forms, surrogates, code points above
 *      U+10FFFF, stray and missing continuation bytes
 *   U2 encoding refuses lone surrogates, so that whatever is encoded decodes to the same text
 */

/** Code units that are handed to `String.fromCharCode` at once. */
const CHUNK_UNITS = 1024;

/** Bytes of the text in UTF-8, or -1 where it holds a lone surrogate. */
export function utf8ByteLength(text: string): number {
  let byteLength = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) byteLength += 1;
    else if (unit < 0x800) byteLength += 2;
    else if ((unit & 0xf800) !== 0xd800) byteLength += 3;
    else {
      if (!isPair(unit, text.charCodeAt(index + 1))) return -1;
      index += 1;
      byteLength += 4;
    }
  }
  return byteLength;
}

/**
 * Writes the text at `offset` and returns the offset behind it. REQUIRES: `utf8ByteLength` gave a
 * length, and `bytes` has room for it.
 */
export function writeUtf8(text: string, bytes: Uint8Array, offset: number): number {
  let position = offset;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      bytes[position++] = unit;
    } else if (unit < 0x800) {
      bytes[position++] = 0xc0 | (unit >>> 6);
      bytes[position++] = 0x80 | (unit & 0x3f);
    } else if ((unit & 0xf800) !== 0xd800) {
      bytes[position++] = 0xe0 | (unit >>> 12);
      bytes[position++] = 0x80 | ((unit >>> 6) & 0x3f);
      bytes[position++] = 0x80 | (unit & 0x3f);
    } else {
      index += 1;
      const low = text.charCodeAt(index) & 0x3ff;
      const codePoint = 0x1_0000 + (((unit & 0x3ff) << 10) | low);
      bytes[position++] = 0xf0 | (codePoint >>> 18);
      bytes[position++] = 0x80 | ((codePoint >>> 12) & 0x3f);
      bytes[position++] = 0x80 | ((codePoint >>> 6) & 0x3f);
      bytes[position++] = 0x80 | (codePoint & 0x3f);
    }
  }
  return position;
}

/** The text's bytes, or undefined where it holds a lone surrogate. */
export function encodeUtf8(text: string): Uint8Array | undefined {
  const byteLength = utf8ByteLength(text);
  if (byteLength < 0) return undefined;
  const bytes = new Uint8Array(byteLength);
  writeUtf8(text, bytes, 0);
  return bytes;
}

/** The text of the bytes from `start` to `end`, or undefined where they are not UTF-8. */
export function decodeUtf8(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): string | undefined {
  const units = new Array<number>(Math.min(end - start, CHUNK_UNITS)).fill(0);
  let text = '';
  let unitCount = 0;
  let position = start;
  while (position < end) {
    if (unitCount + 2 > CHUNK_UNITS) {
      text += textOf(units, unitCount);
      unitCount = 0;
    }
    const first = bytes[position]!;
    if (first < 0x80) {
      units[unitCount++] = first;
      position += 1;
      continue;
    }
    const codePoint = decodeSequence(bytes, position, end);
    if (codePoint < 0) return undefined;
    if (codePoint < 0x1_0000) {
      units[unitCount++] = codePoint;
      position += codePoint < 0x800 ? 2 : 3;
    } else {
      units[unitCount++] = 0xd800 | ((codePoint - 0x1_0000) >>> 10);
      units[unitCount++] = 0xdc00 | (codePoint & 0x3ff);
      position += 4;
    }
  }
  return text + textOf(units, unitCount);
}

function textOf(units: number[], unitCount: number): string {
  const all = unitCount === units.length ? units : units.slice(0, unitCount);
  return String.fromCharCode.apply(undefined, all);
}

/** The code point of the sequence of two to four bytes at `position`, or -1. */
function decodeSequence(bytes: Uint8Array, position: number, end: number): number {
  const first = bytes[position]!;
  const count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || position + count > end) return -1;
  let codePoint = first & (0x7f >>> count);
  for (let index = 1; index < count; index += 1) {
    const byte = bytes[position + index]!;
    if ((byte & 0xc0) !== 0x80) return -1;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  if (count === 3 && (codePoint < 0x800 || (codePoint & 0xf800) === 0xd800)) return -1;
  if (count === 4 && (codePoint < 0x1_0000 || codePoint > 0x10_ffff)) return -1;
  return codePoint;
}

function isPair(high: number, low: number): boolean {
  return (high & 0xfc00) === 0xd800 && (low & 0xfc00) === 0xdc00;
}
