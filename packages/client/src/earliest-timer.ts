/**
 * One timer of the platform for all that is due some time: it is set for the earliest instant that
 * anybody named, and whoever it wakes names the next one.
 *
 * Invariants:
 *   ET1 it fires no earlier than the earliest instant named since it last fired, and at most once for it
 */
import type { World } from './transport.ts';

export class EarliestTimer {
  readonly #world: World;
  readonly #wake: (now: number) => void;
  readonly #fire = (): void => this.#fired();
  #at = Infinity;
  #timer: unknown;

  constructor(world: World, wake: (now: number) => void) {
    this.#world = world;
    this.#wake = wake;
  }

  arm(at: number): void {
    if (at >= this.#at) return;
    if (this.#timer !== undefined) this.#world.clearTimer(this.#timer);
    this.#at = at;
    const delayMs = Math.max(Math.ceil(at - this.#world.now()), 1);
    this.#timer = this.#world.setTimer(this.#fire, delayMs);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#world.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#at = Infinity;
  }

  #fired(): void {
    const at = this.#at;
    this.#timer = undefined;
    this.#at = Infinity;
    const now = this.#world.now();
    // Platforms fire a little early at times.
    if (now < at) this.arm(at);
    else this.#wake(now);
  }
}
