/**
 * The LZ4 block format (without frames): runs of literals and copies of what came before. Both
 * functions work on bytes of the caller's and trust nothing that they read.
 *
 *     token (literals << 4 | match - 4) | more of literals | literals | offset (2) | more of match
 *
 * data plane
 *
 * Invariants:
 *   LZ1 decompress(compress(bytes)) is the bytes
 *   LZ2 whatever the source says, nothing outside [from, to) is read and nothing outside
 *       [at, end) is written, and the work is bounded by their sizes
 */

const MATCH_BYTES_MIN = 4;
/** The last bytes are literals, and the last match begins this far before the end at the latest. */
const LITERALS_LAST = 5;
const MATCH_LAST = 12;
const OFFSET_MAX = 0xffff;
/** Bits of the table of places by the hash of their four bytes. */
const HASH_BITS = 12;
/** After 2^this places without a match the search takes longer steps. */
const STEP_SHIFT = 6;
/** A length in a token's half byte; more of it follows. */
const LENGTH_FULL = 15;

/**
 * Compresses source[from, to) to target[at, target.length); the position behind the last byte
 * written, or -1: it does not fit.
 */
export function lz4Compress(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  // Places count from 1, so that 0 is none.
  const places = new Int32Array(1 << HASH_BITS);
  const matchBefore = to - LITERALS_LAST;
  let out = at;
  let anchor = from;
  let place = from;
  let misses = 1 << STEP_SHIFT;
  while (place <= to - MATCH_LAST) {
    const hash = hashAt(source, place);
    const candidate = from + places[hash]! - 1;
    places[hash] = place - from + 1;
    if (
      candidate < from ||
      place - candidate > OFFSET_MAX ||
      source[candidate] !== source[place] ||
      source[candidate + 1] !== source[place + 1] ||
      source[candidate + 2] !== source[place + 2] ||
      source[candidate + 3] !== source[place + 3]
    ) {
      place += misses >>> STEP_SHIFT;
      misses += 1;
      continue;
    }
    misses = 1 << STEP_SHIFT;
    let matched = place + MATCH_BYTES_MIN;
    let earlier = candidate + MATCH_BYTES_MIN;
    while (matched < matchBefore && source[matched] === source[earlier]) {
      matched += 1;
      earlier += 1;
    }
    const matchBytes = matched - place;
    out = writeLiterals(source, anchor, place, target, out, matchBytes - MATCH_BYTES_MIN);
    if (out < 0 || out + 2 > target.length) return -1;
    const offset = place - candidate;
    target[out] = offset & 0xff;
    target[out + 1] = offset >>> 8;
    out += 2;
    if (matchBytes - MATCH_BYTES_MIN >= LENGTH_FULL) {
      out = writeLength(target, out, matchBytes - MATCH_BYTES_MIN - LENGTH_FULL);
      if (out < 0) return -1;
    }
    place = matched;
    anchor = matched;
    // A place within the match, so that what repeats at a short distance is found again.
    if (place <= to - MATCH_LAST) places[hashAt(source, place - 2)] = place - 2 - from + 1;
  }
  return writeLiterals(source, anchor, to, target, out, 0);
}

function hashAt(source: Uint8Array, place: number): number {
  const four =
    source[place]! |
    (source[place + 1]! << 8) |
    (source[place + 2]! << 16) |
    (source[place + 3]! << 24);
  return Math.imul(four, 0x9e3779b1) >>> (32 - HASH_BITS);
}

/** A token and the literals [from, to); the position behind them, or -1. */
function writeLiterals(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  matchCode: number,
): number {
  const literalBytes = to - from;
  let out = at + 1;
  if (out > target.length) return -1;
  const literalCode = Math.min(literalBytes, LENGTH_FULL);
  target[at] = (literalCode << 4) | Math.min(matchCode, LENGTH_FULL);
  if (literalCode === LENGTH_FULL) out = writeLength(target, out, literalBytes - LENGTH_FULL);
  if (out < 0 || out + literalBytes > target.length) return -1;
  for (let index = from; index < to; index += 1) {
    target[out] = source[index]!;
    out += 1;
  }
  return out;
}

function writeLength(target: Uint8Array, at: number, length: number): number {
  let out = at;
  let rest = length;
  if (out + Math.floor(rest / 255) + 1 > target.length) return -1;
  while (rest >= 255) {
    target[out] = 255;
    out += 1;
    rest -= 255;
  }
  target[out] = rest;
  return out + 1;
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
  let place = from;
  let out = at;
  while (place < to) {
    const token = source[place]!;
    place += 1;
    let literalBytes = token >>> 4;
    if (literalBytes === LENGTH_FULL) {
      let more = 255;
      while (more === 255) {
        if (place >= to) return -1;
        more = source[place]!;
        place += 1;
        literalBytes += more;
      }
    }
    // [LZ2]
    if (literalBytes > to - place || literalBytes > end - out) return -1;
    for (const stop = out + literalBytes; out < stop; out += 1) {
      target[out] = source[place]!;
      place += 1;
    }
    if (out === end) return place;
    if (to - place < 2) return -1;
    const offset = source[place]! | (source[place + 1]! << 8);
    place += 2;
    let matchBytes = (token & 15) + MATCH_BYTES_MIN;
    if ((token & 15) === LENGTH_FULL) {
      let more = 255;
      while (more === 255) {
        if (place >= to) return -1;
        more = source[place]!;
        place += 1;
        matchBytes += more;
      }
    }
    // [LZ2]
    if (offset === 0 || offset > out - at || matchBytes > end - out) return -1;
    for (const stop = out + matchBytes; out < stop; out += 1) target[out] = target[out - offset]!;
  }
  return -1;
}
