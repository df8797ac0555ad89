/**
 * How long something took lately: counts in buckets of a quarter of an octave (1/16 ms to 4 s), in two
 * halves of a window. The half that is full is kept whole until the next one is, so that what is known
 * is never younger than half a window nor older than a whole one. data plane.
 *
 * The place of the 99th percentile is kept, not looked for: a record moves it by a bucket or two.
 *
 * Invariants:
 *   LW1 the 99th percentile is the upper end of the bucket in which that of the window's values lies,
 *       whatever came before the window
 */
import type { Instant } from '@clockwise/kernel/core';

const BUCKETS = 64;
/** Units of one millisecond; the smallest and the largest value, in units, that are told apart. */
const UNITS = 64;
const UNITS_MIN = 4;
const UNITS_MAX = 0x3_ffff;
/** One of so many may be above. */
const ABOVE = 100;

export class LatencyWindow {
  readonly #halfMs: number;
  /** The half before, the half under way, and their sum. */
  #before: Int32Array = new Int32Array(BUCKETS);
  #during: Int32Array = new Int32Array(BUCKETS);
  readonly #sum: Int32Array = new Int32Array(BUCKETS);
  #total = 0;
  #half = 0;
  /** The bucket of the percentile, and how many values lie in it and below. */
  #place = 0;
  #upToPlace = 0;

  constructor(windowMs: number) {
    this.#halfMs = windowMs / 2;
  }

  record(milliseconds: number, now: Instant): void {
    this.#roll(now);
    const bucket = bucketOf(milliseconds);
    this.#during[bucket]! += 1;
    this.#sum[bucket]! += 1;
    this.#total += 1;
    if (bucket <= this.#place) this.#upToPlace += 1;
    this.#settle();
  }

  /** In milliseconds; Infinity where nothing was recorded. */
  p99(now: Instant): number {
    this.#roll(now);
    return this.#total === 0 ? Infinity : upperEndOf(this.#place);
  }

  /** [LW1] Forgets the half that is over for longer than a half. */
  #roll(now: Instant): void {
    const half = Math.floor(now / this.#halfMs);
    if (half === this.#half) return;
    const forgotten = this.#before;
    const kept = this.#during;
    forgotten.fill(0);
    if (half > this.#half + 1) kept.fill(0);
    this.#before = kept;
    this.#during = forgotten;
    this.#half = half;
    this.#sum.set(kept);
    this.#total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) this.#total += kept[bucket]!;
    this.#place = 0;
    this.#upToPlace = kept[0]!;
    this.#settle();
  }

  #settle(): void {
    const rank = this.#total - Math.floor(this.#total / ABOVE);
    while (this.#upToPlace < rank) {
      this.#place += 1;
      this.#upToPlace += this.#sum[this.#place]!;
    }
    while (this.#place > 0 && this.#upToPlace - this.#sum[this.#place]! >= rank) {
      this.#upToPlace -= this.#sum[this.#place]!;
      this.#place -= 1;
    }
  }
}

/** Exported for its test. */
export function bucketOf(milliseconds: number): number {
  const units = Math.min(UNITS_MAX, Math.max(UNITS_MIN, Math.floor(milliseconds * UNITS)));
  const shift = 29 - Math.clz32(units);
  return shift * 4 + (units >>> shift) - 4;
}

/** What no value of the bucket reaches; those beyond the last one are told as it. */
export function upperEndOf(bucket: number): number {
  return ((5 + (bucket & 3)) * 2 ** (bucket >>> 2)) / UNITS;
}
