/**
 * The values of records as LZ4 sequences, each body by itself, so that one is decoded without the
 * others; what the first body of a block says may be pointed to by all. As lz4.ts has it, but that a body
 * may end with a match: whoever decodes knows how many bytes it has.
 *
 * data plane
 *
 * Invariants:
 *   LB1 decoding gives the body
 */
import { writeLength, writeLiterals } from './lz4.ts';

const MATCH_BYTES_MIN = 4;
/** Of the table of places by the hash of their four bytes. */
const HASH_BITS = 10;
const HASH_FACTOR = 0x9e3779b1;
/** After 2^this places without a match the search takes longer steps. */
const STEP_SHIFT = 2;
const LENGTH_FULL = 15;
const OFFSET_MAX = 0xffff;
/** Of a first body of so many bytes each place is known, of one n times as long each n-th: matches grow backwards, too. */
const KNOWN_STEP_BYTES = 512;
/** Places are counted on from body to body, so that those of the bodies before are known as old. */
const BASE_MAX = 0x4000_0000;

export class BodyPacker {
  /** The last body points into the first one. */
  usesFirst = false;
  /** By hash: where in the body, counted on; and where in the first one. */
  readonly #places: Int32Array = new Int32Array(1 << HASH_BITS);
  readonly #firstPlaces: Int32Array = new Int32Array(1 << HASH_BITS);
  #base = 1;
  #firstBase = 1;
  #firstFrom = 0;
  #firstBytes = 0;
  #hasFirst = false;

  /** A block begins: nothing is known. */
  begin(): void {
    this.#hasFirst = false;
    this.usesFirst = false;
  }

  /** What the first body is, for those behind it: it stands in front of each, from `from` to its beginning. */
  know(bytes: DataView, from: number, to: number): void {
    if (this.#firstBase > BASE_MAX) {
      this.#firstPlaces.fill(0);
      this.#firstBase = 1;
    }
    this.#firstBase += this.#firstBytes;
    this.#firstFrom = from;
    this.#firstBytes = to - from;
    this.#hasFirst = true;
    const first = this.#firstBase - from;
    const step = Math.ceil((to - from) / KNOWN_STEP_BYTES);
    for (let place = from; place + MATCH_BYTES_MIN <= to; place += step) {
      this.#firstPlaces[hashOf(bytes.getInt32(place, true))] = place + first;
    }
  }

  /** Puts bytes [from, to) to out[at, end): the place behind them, or -1: they do not fit. */
  pack(bytes: DataView, from: number, to: number, out: DataView, at: number, end: number): number {
    const places = this.#places;
    const first = this.#nextBase(to - from) - from;
    const floor = this.#hasFirst ? this.#firstFrom : from;
    const placeLast = to - MATCH_BYTES_MIN;
    let put = at;
    let anchor = from;
    let place = from;
    let misses = 1 << STEP_SHIFT;
    while (place <= placeLast) {
      const four = bytes.getInt32(place, true);
      const hash = hashOf(four);
      let candidate = places[hash]! - first;
      places[hash] = place + first;
      if (
        candidate < from ||
        place - candidate > OFFSET_MAX ||
        bytes.getInt32(candidate, true) !== four
      ) {
        candidate = this.#hasFirst ? this.#inFirst(bytes, hash, four, place) : -1;
        if (candidate < 0) {
          place += misses >>> STEP_SHIFT;
          misses += 1;
          continue;
        }
      }
      misses = 1 << STEP_SHIFT;
      const offset = place - candidate;
      const before = offset + floor > anchor ? offset + floor : anchor;
      while (place > before && bytes.getUint8(place - 1) === bytes.getUint8(place - 1 - offset)) {
        place -= 1;
      }
      const matched = matchEnd(bytes, place + MATCH_BYTES_MIN, to, offset);
      if (place - offset < from) this.usesFirst = true;
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
    }
    return anchor === to ? put : writeLiterals(bytes, anchor, to, out, put, end, 0);
  }

  /** The place of the same four bytes in the first body, or -1. */
  #inFirst(bytes: DataView, hash: number, four: number, place: number): number {
    const candidate = this.#firstPlaces[hash]! - this.#firstBase + this.#firstFrom;
    if (candidate < this.#firstFrom || place - candidate > OFFSET_MAX) return -1;
    return bytes.getInt32(candidate, true) === four ? candidate : -1;
  }

  #nextBase(byteCount: number): number {
    if (this.#base > BASE_MAX) {
      this.#places.fill(0);
      this.#base = 1;
    }
    const base = this.#base;
    this.#base += byteCount;
    return base;
  }
}

function matchEnd(bytes: DataView, from: number, to: number, offset: number): number {
  let at = from;
  while (at + 4 <= to && bytes.getInt32(at, true) === bytes.getInt32(at - offset, true)) at += 4;
  while (at < to && bytes.getUint8(at) === bytes.getUint8(at - offset)) at += 1;
  return at;
}

function hashOf(four: number): number {
  return Math.imul(four, HASH_FACTOR) >>> (32 - HASH_BITS);
}
