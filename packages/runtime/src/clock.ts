/**
 * The real clock, read once per step by a shell. The only place of the runtime that reads it for a
 * core.
 *
 * Invariants:
 *   CK1 `now` never goes back
 *   CK2 instants of two threads of one process compare: they are of one clock, that of the machine
 *
 * Boundary: a thread's own timer starts with the thread; what lies between it and the machine's clock
 * is measured once, when the clock is made. Instants of two machines, or of one before and after it
 * was started anew, do not compare.
 */
import type { Instant } from '@clockwise/kernel/core';

export interface Clock {
  /** Monotonic milliseconds. */
  now(): Instant;
  /** Milliseconds since 1970; may jump. */
  wallTimeMs(): number;
}

/** A thread may be put aside between the two readings of a measurement; not in all of so many. */
const OFFSET_READINGS = 8;

export class RealClock implements Clock {
  readonly #offsetMs: number = offsetMs();
  #latest = 0;

  now(): Instant {
    const now = performance.now() + this.#offsetMs;
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }

  wallTimeMs(): number {
    return Date.now();
  }
}

/** From this thread's timer to the machine's: the later the second reading, the less it seems. */
function offsetMs(): number {
  let offset = -Infinity;
  for (let reading = 0; reading < OFFSET_READINGS; reading += 1) {
    const machineMs = Number(process.hrtime.bigint()) / 1e6;
    offset = Math.max(offset, machineMs - performance.now());
  }
  return offset;
}
