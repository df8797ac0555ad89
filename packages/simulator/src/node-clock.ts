/**
 * A node's clocks. The monotonic one begins anywhere at each boot and runs a little fast or slow; the
 * wall clock is as fast, has an offset, and may be set.
 *
 * Invariants:
 *   NC1 a jump changes the wall clock only
 *   NC2 the monotonic clock never goes back, and `whenIs` is its inverse, never too early
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Simulation } from './simulation.ts';

/** 2026-01-01, so that seconds since 1970 look like those of a real cluster. */
const EPOCH_MS = 1_767_225_600_000;

/** More than what a time of some days loses to rounding. */
const ROUNDING_MS = 1e-6;

export class NodeClock {
  readonly #simulation: Simulation;
  readonly #rate: number;
  #offsetMs: number;
  #bootedAt: Instant = 0;
  #base = 0;

  constructor(simulation: Simulation, offsetMs: number, driftPerMillion: number = 0) {
    this.#simulation = simulation;
    this.#offsetMs = offsetMs;
    this.#rate = 1 + driftPerMillion / 1e6;
  }

  /** The monotonic clock begins anew, at `base`. */
  boot(base: number): void {
    this.#bootedAt = this.#simulation.now;
    this.#base = base;
  }

  now(): Instant {
    return this.#at(this.#simulation.now);
  }

  /** The virtual time from which on this clock shows at least `instant`. */
  whenIs(instant: Instant): Instant {
    const due = this.#bootedAt + (instant - this.#base) / this.#rate;
    // Rounded down, a timer would fire before its instant, be set again, and fire again at once.
    return this.#at(due) >= instant ? due : due + ROUNDING_MS;
  }

  #at(time: Instant): Instant {
    return this.#base + (time - this.#bootedAt) * this.#rate;
  }

  wallTimeMs(): number {
    return Math.floor(EPOCH_MS + this.#simulation.now * this.#rate + this.#offsetMs);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }
}
