/**
 * Gate: what a pause or a hang holds up. While it is shut, what falls due behind it waits, and happens
 * in the order in which it fell due when the gate opens again. Gates nest: a thread's within its
 * process's.
 *
 * Invariants:
 *   GT1 nothing behind a shut gate happens before it opens
 *   GT2 what waited happens in the order in which it fell due, before anything that falls due later
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Simulation } from './simulation.ts';

export class Gate {
  readonly #simulation: Simulation;
  readonly #outer: Gate | undefined;
  #until: Instant = 0;
  #waiting: (() => void)[] = [];

  constructor(simulation: Simulation, outer?: Gate) {
    this.#simulation = simulation;
    this.#outer = outer;
  }

  get isShut(): boolean {
    return this.#until > this.#simulation.now || this.#outer?.isShut === true;
  }

  /** Shut for so long from now on; a longer pause that lasts already is not shortened. */
  shut(forMs: number): void {
    const until = this.#simulation.now + forMs;
    if (until <= this.#until) return;
    this.#until = until;
    this.#simulation.at(until, () => this.#drain());
  }

  /** Opens at once: the world is healed. */
  open(): void {
    this.#until = this.#simulation.now;
    this.#drain();
  }

  after(delayMs: number, run: () => void): void {
    this.#simulation.after(delayMs, () => this.pass(run));
  }

  /** Runs now, or when all gates around it are open. */
  pass(run: () => void): void {
    if (this.#until > this.#simulation.now || this.#waiting.length > 0) this.#waiting.push(run);
    else if (this.#outer !== undefined) this.#outer.pass(run);
    else run();
  }

  /** What was asked for while it drains waits behind what waited. */
  #drain(): void {
    if (this.#until > this.#simulation.now) return;
    while (this.#waiting.length > 0) {
      const run = this.#waiting[0]!;
      if (this.#outer === undefined) run();
      else this.#outer.pass(run);
      this.#waiting.shift();
      if (this.#until > this.#simulation.now) return;
    }
  }
}
