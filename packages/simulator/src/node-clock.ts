/**
 * A node's wall clock: virtual time plus an offset that may drift and jump. Its monotonic clock is
 * virtual time itself.
 *
 * Invariants:
 *   NC1 a jump changes the wall clock only
 */
import type { Simulation } from './simulation.ts';

/** 2026-01-01, so that seconds since 1970 look like those of a real cluster. */
const EPOCH_MS = 1_767_225_600_000;

export class NodeClock {
  readonly #simulation: Simulation;
  #offsetMs: number;
  readonly #driftPerMillion: number;

  constructor(simulation: Simulation, offsetMs: number, driftPerMillion: number = 0) {
    this.#simulation = simulation;
    this.#offsetMs = offsetMs;
    this.#driftPerMillion = driftPerMillion;
  }

  wallTimeMs(): number {
    const { now } = this.#simulation;
    return Math.floor(EPOCH_MS + now + this.#offsetMs + (now * this.#driftPerMillion) / 1e6);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }
}
