/**
 * A node's clocks. The monotonic one begins anywhere at each boot and runs a little fast or slow; the
 * wall clock is as fast, has an offset, and may be set.
 *
 * Invariants:
 *   NC1 a jump changes the wall clock only
 *   NC2 the monotonic clock never goes back, and `whenIs` is its inverse
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Simulation } from './simulation.ts';

/** 2026-01-01, so that seconds since 1970 look like those of a real cluster. */
const EPOCH_MS = 1_767_225_600_000;

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
    return this.#base + (this.#simulation.now - this.#bootedAt) * this.#rate;
  }

  /** The virtual time at which this clock shows `instant`. */
  whenIs(instant: Instant): Instant {
    return this.#bootedAt + (instant - this.#base) / this.#rate;
  }

  wallTimeMs(): number {
    return Math.floor(EPOCH_MS + this.#simulation.now * this.#rate + this.#offsetMs);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }
}
