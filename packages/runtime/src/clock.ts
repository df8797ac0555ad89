/**
 * The real clock, read once per step by a shell. The only place of the runtime that reads it for a
 * core.
 *
 * Invariants:
 *   CK1 `now` never goes back
 *
 * Instants of different threads do not compare: each thread's clock starts with the thread.
 */
import type { Instant } from '@clockwise/kernel/core';

export interface Clock {
  /** Monotonic milliseconds. */
  now(): Instant;
  /** Milliseconds since 1970; may jump. */
  wallTimeMs(): number;
}

export class RealClock implements Clock {
  #latest = 0;

  now(): Instant {
    const now = performance.now();
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }

  wallTimeMs(): number {
    return Date.now();
  }
}
