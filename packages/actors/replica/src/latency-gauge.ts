/**
 * How long foreground work takes at this replica, as whoever paces merges wants to know it: from an
 * append to its release by the log, and from a read of the disk to its answer. One sample of each kind
 * is under way at a time, so that an operation costs a comparison.
 *
 * data plane
 *
 * Invariants:
 *   LG1 the answer is the 99th of the last hundred, of the kind that is slower; with 64 samples kept, that
 *       is the slowest of them
 *   LG2 what is older than STALE_MS says nothing any more: 0
 */
import type { Instant } from '@clockwise/kernel/core';

const SAMPLES = 64;
/** [LG2] */
const STALE_MS = 5000;
const NONE = -1;

/** The last samples of one kind. */
class Samples {
  readonly #milliseconds: Float64Array = new Float64Array(SAMPLES);
  #count = 0;
  #at: Instant = 0;

  add(milliseconds: number, now: Instant): void {
    if (now - this.#at > STALE_MS) this.#count = 0;
    this.#milliseconds[this.#count % SAMPLES] = milliseconds;
    this.#count += 1;
    this.#at = now;
  }

  /** [LG1] */
  slowest(now: Instant): number {
    if (now - this.#at > STALE_MS) return 0;
    let slowest = 0;
    const count = Math.min(this.#count, SAMPLES);
    for (let index = 0; index < count; index += 1) {
      slowest = Math.max(slowest, this.#milliseconds[index]!);
    }
    return slowest;
  }
}

export class LatencyGauge {
  readonly #appends: Samples = new Samples();
  readonly #reads: Samples = new Samples();
  /** What is timed now, and since when. */
  #sequence: number = NONE;
  #appendedAt: Instant = 0;
  #read: number = NONE;
  #readAt: Instant = 0;

  /** The step appended up to `sequence`. */
  appended(sequence: number, now: Instant): void {
    if (this.#sequence !== NONE) return;
    this.#sequence = sequence;
    this.#appendedAt = now;
  }

  /** The log has released what it holds up to `sequence`. */
  released(sequence: number, now: Instant): void {
    if (this.#sequence === NONE || sequence < this.#sequence) return;
    this.#sequence = NONE;
    this.#appends.add(now - this.#appendedAt, now);
  }

  readBegan(read: number, now: Instant): void {
    if (this.#read !== NONE) return;
    this.#read = read;
    this.#readAt = now;
  }

  readEnded(read: number, now: Instant): void {
    if (this.#read !== read) return;
    this.#read = NONE;
    this.#reads.add(now - this.#readAt, now);
  }

  /** Milliseconds; 0: nobody did anything lately. */
  latencyMs(now: Instant): number {
    return Math.max(this.#appends.slowest(now), this.#reads.slowest(now));
  }
}
