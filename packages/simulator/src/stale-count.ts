/**
 * A published word as another thread sees it: true, or what was true a little ago, by seed.
 *
 * Invariants:
 *   SC1 what is served was true at some time, and never goes back
 */
import type { Prng } from '@clockwise/kernel/prng';

export class StaleCount {
  #served = 0;
  readonly #prng: Prng;
  readonly #staleProbability: number;

  constructor(prng: Prng, staleProbability: number) {
    this.#prng = prng;
    this.#staleProbability = staleProbability;
  }

  read(current: number): number {
    if (current > this.#served && !this.#prng.chance(this.#staleProbability)) {
      this.#served = current;
    }
    return this.#served;
  }
}
