/**
 * Decoding of the LZ4 block format (lz4.ts says what it looks like), as far as somebody wants to read:
 * a search for one record of a block ends, on average, in its middle. Trusts nothing that it reads.
 *
 * Short runs are moved in steps of a fixed size, behind their end, too, where there is room: what stands
 * there is written later. A loop that ends after the right number of bytes costs more than the bytes.
 *
 * data plane
 *
 * Invariants:
 *   LZ2 whatever the source says, nothing outside [from, to) is read and nothing outside
 *       [at, end) is written, and the work is bounded by their sizes
 *   LZ3 what stands in front of `put` is what decoding all would give
 */

const MATCH_BYTES_MIN = 4;
/** A length in a token's half byte; more of it follows. */
const LENGTH_FULL = 15;
/** Room in the source for a token, a short run of literals in whole steps, and an offset. */
const SOURCE_ROOM = 20;
/** Room in the target for a short run of literals and a short match in whole steps. */
const TARGET_ROOM = 40;
const NOTHING = new Uint8Array(0);

export class Lz4Decoder {
  /** Behind the last byte taken of the source, and behind the last one written to the target. */
  place = 0;
  put = 0;
  #to = 0;
  #at = 0;
  #end = 0;
  #source: Uint8Array = NOTHING;
  #target: Uint8Array = NOTHING;
  #bytes: DataView = new DataView(NOTHING.buffer);
  #out: DataView = new DataView(NOTHING.buffer);

  /**
   * Decoding of source[from, to) to target[put, end) begins; what is known already stands from `at` on.
   * Views of both are kept for later calls.
   */
  begin(
    source: Uint8Array,
    from: number,
    to: number,
    target: Uint8Array,
    at: number,
    end: number,
    put: number = at,
  ): void {
    if (this.#source !== source) {
      this.#source = source;
      this.#bytes = new DataView(source.buffer, source.byteOffset, source.byteLength);
    }
    if (this.#target !== target) {
      this.#target = target;
      this.#out = new DataView(target.buffer, target.byteOffset, target.byteLength);
    }
    this.place = from;
    this.put = put;
    this.#to = to;
    this.#at = at;
    this.#end = end;
  }

  /** Goes on until `put` is at `stop` or behind it; false: damaged. REQUIRES: `stop` is not behind `end`. */
  run(stop: number): boolean {
    return this.put >= stop || (this.#runShort(stop) && this.#runCareful(stop));
  }

  /** As long as there is room for steps of a fixed size, and the sequences are short. */
  #runShort(stop: number): boolean {
    const bytes = this.#bytes;
    const out = this.#out;
    const at = this.#at;
    const placeLast = this.#to - SOURCE_ROOM;
    const putLast = this.#end - TARGET_ROOM;
    const stopShort = stop < putLast ? stop : putLast;
    let place = this.place;
    let put = this.put;
    while (put < stopShort && place < placeLast) {
      const token = bytes.getUint8(place);
      const literalBytes = token >>> 4;
      const matchBytes = (token & 15) + MATCH_BYTES_MIN;
      if (literalBytes === LENGTH_FULL || (token & 15) === LENGTH_FULL) {
        this.place = place;
        this.put = put;
        if (!this.#runOne()) return false;
        place = this.place;
        put = this.put;
        continue;
      }
      place += 1;
      out.setInt32(put, bytes.getInt32(place, true), true);
      out.setInt32(put + 4, bytes.getInt32(place + 4, true), true);
      if (literalBytes > 8) {
        out.setInt32(put + 8, bytes.getInt32(place + 8, true), true);
        out.setInt32(put + 12, bytes.getInt32(place + 12, true), true);
      }
      place += literalBytes;
      put += literalBytes;
      const offset = bytes.getUint16(place, true);
      place += 2;
      const from = put - offset;
      // [LZ2]
      if (offset === 0 || from < at) return false;
      if (offset >= 4) {
        out.setInt32(put, out.getInt32(from, true), true);
        out.setInt32(put + 4, out.getInt32(from + 4, true), true);
        out.setInt32(put + 8, out.getInt32(from + 8, true), true);
        if (matchBytes > 12) {
          out.setInt32(put + 12, out.getInt32(from + 12, true), true);
          out.setInt32(put + 16, out.getInt32(from + 16, true), true);
        }
      } else {
        repeatBytes(out, from, put, matchBytes);
      }
      put += matchBytes;
    }
    this.place = place;
    this.put = put;
    return true;
  }

  #runCareful(stop: number): boolean {
    while (this.put < stop) if (!this.#runOne()) return false;
    return true;
  }

  /** One sequence, of any lengths, byte for byte where it must be. */
  #runOne(): boolean {
    const bytes = this.#bytes;
    const out = this.#out;
    const to = this.#to;
    const end = this.#end;
    if (this.place >= to) return false;
    const token = bytes.getUint8(this.place);
    this.place += 1;
    const literalBytes = this.#length(token >>> 4);
    // [LZ2]
    if (literalBytes < 0 || literalBytes > to - this.place || literalBytes > end - this.put) {
      return false;
    }
    copyBytes(bytes, this.place, out, this.put, literalBytes);
    this.place += literalBytes;
    this.put += literalBytes;
    if (this.put === end) return true;
    if (to - this.place < 2) return false;
    const offset = bytes.getUint16(this.place, true);
    this.place += 2;
    const matchBytes = this.#length(token & 15) + MATCH_BYTES_MIN;
    const from = this.put - offset;
    // [LZ2]
    if (matchBytes < MATCH_BYTES_MIN || offset === 0 || from < this.#at) return false;
    if (matchBytes > end - this.put) return false;
    if (offset >= 4) copyBytes(out, from, out, this.put, matchBytes);
    else repeatBytes(out, from, this.put, matchBytes);
    this.put += matchBytes;
    return true;
  }

  /** A length whose half byte of a token says `length`; -1: the source ends in it. */
  #length(length: number): number {
    if (length < LENGTH_FULL) return length;
    let whole = length;
    let more = 255;
    while (more === 255) {
      if (this.place >= this.#to) return -1;
      more = this.#bytes.getUint8(this.place);
      this.place += 1;
      whole += more;
    }
    return whole;
  }
}

/** REQUIRES: four bytes of the target are not read after they are written, or that is meant. */
function copyBytes(
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

/** A match that reads what it has just written. */
function repeatBytes(out: DataView, from: number, at: number, byteCount: number): void {
  for (let index = 0; index < byteCount; index += 1) {
    out.setUint8(at + index, out.getUint8(from + index));
  }
}

/**
 * Fills target[at, end) from source[from, to); the position in the source behind the last byte that
 * was taken, or -1: damaged, or not as many bytes as wanted.
 */
export function lz4Decompress(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  end: number,
): number {
  // Of nothing there is one sequence, without literals.
  if (at === end) return from < to && source[from] === 0 ? from + 1 : -1;
  const decoder = new Lz4Decoder();
  decoder.begin(source, from, to, target, at, end);
  return decoder.run(end) ? decoder.place : -1;
}
