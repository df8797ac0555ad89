/**
 * The policy of both caches, of blocks and of records: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi, SOSP
 * 2023) on segments that are filled one after the other. What comes for the first time goes into the
 * small queue; what was asked for again by the time its segment is given up moves to the main queue,
 * the rest leaves its hash among the ghosts. What comes back while its ghost is there goes to the main
 * queue at once. So a single pass over many things, which asks for each once, goes through the small
 * queue and leaves the main queue alone; a hit costs two bits, and no list is relinked.
 *
 * data plane
 *
 * Invariants:
 *   SF1 ghosts are the last `countMax` hashes added, less those taken; an older one is forgotten
 *   SF2 a queue gives segments back in the order in which they came
 *   SF3 what comes twice, with little between, is known the second time
 */
import { assert } from '@clockwise/kernel/assert';

export const QUEUE = { small: 1, main: 2 } as const;

/** How often a thing was asked for since it came, as far as two bits count. */
export const COUNTER_MAX = 3;

/** Of all segments, those that the small queue may have before it is the one to give some up. */
const SMALL_PERCENT = 10;

export function smallSegmentsMax(segmentCount: number): number {
  return Math.max(1, Math.round((segmentCount * SMALL_PERCENT) / 100));
}

/** The counter with which a thing moves to the main queue as its segment is given up; -1: it goes. */
export function survivingCounter(queue: number, counter: number): number {
  if (counter === 0) return -1;
  return queue === QUEUE.small ? 0 : counter - 1;
}

/** Spreads the bits of a hash over all places. */
export function mixHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/** [SF2] Numbers of segments, first in first out. */
export class SegmentQueue {
  readonly #segments: Int32Array;
  #first = 0;
  count = 0;

  constructor(countMax: number) {
    this.#segments = new Int32Array(countMax);
  }

  push(segment: number): void {
    assert(this.count < this.#segments.length, 'a queue has room for every segment there is');
    this.#segments[(this.#first + this.count) % this.#segments.length] = segment;
    this.count += 1;
  }

  /** REQUIRES: `count` is above zero. */
  shift(): number {
    assert(this.count > 0, 'a segment is taken from a queue that has one');
    const segment = this.#segments[this.#first]!;
    this.#first = (this.#first + 1) % this.#segments.length;
    this.count -= 1;
    return segment;
  }
}

/**
 * Hashes of what was asked for once and not kept, a place for each that the next one with this place
 * takes over: one look, and no order to keep.
 */
export class SeenOnce {
  readonly #hashes: Int32Array;
  readonly #shift: number;

  /** Places for so many, rounded up to a power of two. */
  constructor(countMax: number) {
    assert(countMax >= 1 && countMax <= 1 << 28, 'what was seen once is bounded');
    const bits = Math.max(1, Math.ceil(Math.log2(countMax)));
    this.#hashes = new Int32Array(2 ** bits);
    this.#shift = 32 - bits;
  }

  get byteCount(): number {
    return this.#hashes.byteLength;
  }

  /** Whether the hash came before; if not, it has now. */
  isSecond(hash: number): boolean {
    const place = Math.imul(hash, 0x9e3779b1) >>> this.#shift;
    // A place that nobody took yet looks as if hash 0 had: that one is known at once.
    if (this.#hashes[place] === hash) return true;
    this.#hashes[place] = hash;
    return false;
  }
}

/** Hashes of what was given up without having been asked for twice. */
export class Ghosts {
  /** The hashes in the order in which they came; a taken one stays, without an entry. */
  readonly #ring: Int32Array;
  /** Open addressing: position in the ring + 1; 0: empty. */
  readonly #entries: Int32Array;
  readonly #mask: number;
  #next = 0;
  #filled = 0;

  constructor(countMax: number) {
    assert(countMax >= 1 && countMax <= 1 << 28, 'ghosts are bounded');
    this.#ring = new Int32Array(countMax);
    const entryCount = 2 ** Math.ceil(Math.log2(countMax * 2));
    this.#entries = new Int32Array(entryCount);
    this.#mask = entryCount - 1;
  }

  get byteCount(): number {
    return this.#ring.byteLength + this.#entries.byteLength;
  }

  /** [SF1] */
  add(hash: number): void {
    this.take(hash);
    const position = this.#next;
    if (this.#filled < this.#ring.length) {
      this.#filled += 1;
    } else {
      const oldest = this.#find(this.#ring[position]!);
      if (oldest >= 0 && this.#entries[oldest] === position + 1) this.#remove(oldest);
    }
    this.#ring[position] = hash;
    this.#next = position + 1 === this.#ring.length ? 0 : position + 1;
    let entry = mixHash(hash) & this.#mask;
    while (this.#entries[entry] !== 0) entry = (entry + 1) & this.#mask;
    this.#entries[entry] = position + 1;
  }

  /** Whether the hash was there; it is no longer. */
  take(hash: number): boolean {
    const entry = this.#find(hash);
    if (entry < 0) return false;
    this.#remove(entry);
    return true;
  }

  #find(hash: number): number {
    let entry = mixHash(hash) & this.#mask;
    for (;;) {
      const named = this.#entries[entry]!;
      if (named === 0) return -1;
      if (this.#ring[named - 1] === hash) return entry;
      entry = (entry + 1) & this.#mask;
    }
  }

  /** Entries behind the gap move up, so that every search still ends at the first empty place. */
  #remove(entry: number): void {
    const entries = this.#entries;
    const mask = this.#mask;
    let gap = entry;
    for (let next = (gap + 1) & mask; entries[next] !== 0; next = (next + 1) & mask) {
      const home = mixHash(this.#ring[entries[next]! - 1]!) & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      entries[gap] = entries[next]!;
      gap = next;
    }
    entries[gap] = 0;
  }
}
