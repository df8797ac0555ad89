/**
 * Waits between two attempts of a call, which end at once where the client is closed.
 *
 * Invariants:
 *   RW1 every wait ends, and a closed client leaves no timer behind
 */
import type { World } from './transport.ts';

interface Rest {
  readonly resolve: () => void;
  readonly timer: unknown;
}

export class Rests {
  readonly #world: World;
  readonly #rests: Set<Rest> = new Set();

  constructor(world: World) {
    this.#world = world;
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const rest = { resolve, timer: this.#world.setTimer(() => this.#wake(rest), delayMs) };
      this.#rests.add(rest);
    });
  }

  close(): void {
    for (const rest of this.#rests) {
      this.#world.clearTimer(rest.timer);
      this.#wake(rest);
    }
  }

  #wake(rest: Rest): void {
    this.#rests.delete(rest);
    rest.resolve();
  }
}
