/**
 * The LZ4 block format (without frames): runs of literals and copies of what came before. Decoding is
 * lz4-decode.ts.
 *
 *     token (literals << 4 | match - 4) | more of literals | literals | offset (2) | more of match
 *
 * Bytes are moved four at a time where they lie apart: byte by byte a block takes three times as long.
 *
 * data plane
 *
 * Invariants:
 *   LZ1 decompress(compress(bytes)) is the bytes
 */

const MATCH_BYTES_MIN = 4;
/** The last bytes are literals, and the last match begins this far before the end at the latest. */
const LITERALS_LAST = 5;
const MATCH_LAST = 12;
const OFFSET_MAX = 0xffff;
/** Bits of the table of places by the hash of their four bytes. */
const HASH_BITS = 12;
/** After 2^this places without a match the search takes longer steps. */
const STEP_SHIFT = 2;
/** Places are counted on from call to call, so that those of the calls before are known as old. */
const BASE_MAX = 0x4000_0000;
const HASH_FACTOR = 0x9e3779b1;
/** A length in a token's half byte; more of it follows. */
const LENGTH_FULL = 15;

/** Where four bytes were seen last, by their hash; one table for all calls of a thread. */
class SeenPlaces {
  readonly places: Int32Array = new Int32Array(1 << HASH_BITS);
  #base = 1;

  /** What the places of a call are counted from: those of the calls before lie below. */
  begin(byteCount: number): number {
    if (this.#base > BASE_MAX) {
      this.places.fill(0);
      this.#base = 1;
    }
    const base = this.#base;
    this.#base += byteCount;
    return base;
  }
}

const SEEN: SeenPlaces = new SeenPlaces();

/** The view of the bytes that were asked for last: blocks of a table lie in the same two buffers. */
class KeptView {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#view;
  }
}

const SOURCE: KeptView = new KeptView();
const TARGET: KeptView = new KeptView();

/**
 * Compresses source[from, to) to target[at, end); the position behind the last byte written, or -1: it
 * does not fit.
 */
export function lz4Compress(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  end: number = target.length,
): number {
  const { places } = SEEN;
  const first = SEEN.begin(to - from) - from;
  const bytes = SOURCE.of(source);
  const out = TARGET.of(target);
  const matchBefore = to - LITERALS_LAST;
  const placeLast = to - MATCH_LAST;
  let put = at;
  let anchor = from;
  let place = from;
  let misses = 1 << STEP_SHIFT;
  while (place <= placeLast) {
    const four = bytes.getInt32(place, true);
    const hash = Math.imul(four, HASH_FACTOR) >>> (32 - HASH_BITS);
    const candidate = places[hash]! - first;
    places[hash] = place + first;
    if (
      candidate < from ||
      place - candidate > OFFSET_MAX ||
      bytes.getInt32(candidate, true) !== four
    ) {
      place += misses >>> STEP_SHIFT;
      misses += 1;
      continue;
    }
    misses = 1 << STEP_SHIFT;
    const offset = place - candidate;
    // Long steps meet a match behind its beginning.
    const before = offset + from > anchor ? offset + from : anchor;
    while (place > before && source[place - 1] === source[place - 1 - offset]) place -= 1;
    let matched = place + MATCH_BYTES_MIN;
    while (
      matched + 4 <= matchBefore &&
      bytes.getInt32(matched, true) === bytes.getInt32(matched - offset, true)
    ) {
      matched += 4;
    }
    while (matched < matchBefore && source[matched] === source[matched - offset]) matched += 1;
    const moreBytes = matched - place - MATCH_BYTES_MIN;
    put = writeLiterals(bytes, anchor, place, out, put, end, moreBytes);
    if (put < 0 || put + 2 > end) return -1;
    out.setUint16(put, offset, true);
    put += 2;
    if (moreBytes >= LENGTH_FULL) {
      put = writeLength(out, put, end, moreBytes - LENGTH_FULL);
      if (put < 0) return -1;
    }
    place = matched;
    anchor = matched;
    // A place within the match, so that what repeats at a short distance is found again.
    if (place <= placeLast) {
      const within = bytes.getInt32(place - 2, true);
      places[Math.imul(within, HASH_FACTOR) >>> (32 - HASH_BITS)] = place - 2 + first;
    }
  }
  return writeLiterals(bytes, anchor, to, out, put, end, 0);
}

/** A token and the literals [from, to); the position behind them, or -1. */
export function writeLiterals(
  bytes: DataView,
  from: number,
  to: number,
  out: DataView,
  at: number,
  end: number,
  matchCode: number,
): number {
  const literalBytes = to - from;
  let put = at + 1;
  if (put > end) return -1;
  const literalCode = literalBytes < LENGTH_FULL ? literalBytes : LENGTH_FULL;
  out.setUint8(at, (literalCode << 4) | (matchCode < LENGTH_FULL ? matchCode : LENGTH_FULL));
  if (literalCode === LENGTH_FULL) put = writeLength(out, put, end, literalBytes - LENGTH_FULL);
  if (put < 0 || put + literalBytes > end) return -1;
  copyBytes(bytes, from, out, put, literalBytes);
  return put + literalBytes;
}

export function writeLength(out: DataView, at: number, end: number, length: number): number {
  let put = at;
  let rest = length;
  if (put + Math.floor(rest / 255) + 1 > end) return -1;
  while (rest >= 255) {
    out.setUint8(put, 255);
    put += 1;
    rest -= 255;
  }
  out.setUint8(put, rest);
  return put + 1;
}

/** REQUIRES: four bytes of the target are not read after they are written, or that is meant. */
export function copyBytes(
  bytes: DataView,
  from: number,
  out: DataView,
  at: number,
  byteCount: number,
): void {
  let index = 0;
  for (; index + 4 <= byteCount; index += 4) {
    out.setInt32(at + index, bytes.getInt32(from + index, true), true);
  }
  for (; index < byteCount; index += 1) out.setUint8(at + index, bytes.getUint8(from + index));
}
