/**
 * One actor's timers over one node timer: the earliest.
 *
 * Invariants:
 *   TM1 a timer fires once, not before its instant
 *   TM2 setting a timer again moves it
 */
import type { Instant } from '@clockwise/kernel/core';

/** A bound on what node's timers take; later instants are armed in turns. */
const DELAY_MS_MAX = 0x7fff_ffff;

export class Timers {
  readonly #wake: () => void;
  readonly #due = new Map<number, Instant>();
  #earliest = Infinity;
  #armedFor = Infinity;
  #handle: NodeJS.Timeout | undefined;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  set(timer: number, at: Instant): void {
    this.#due.set(timer, at);
    if (at < this.#earliest) this.#earliest = at;
  }

  /** Takes the numbers of all timers that are due. */
  takeDue(now: Instant, taken: number[]): void {
    if (this.#earliest > now) return;
    this.#earliest = Infinity;
    for (const [timer, at] of this.#due) {
      if (at <= now) {
        this.#due.delete(timer);
        taken.push(timer);
      } else if (at < this.#earliest) {
        this.#earliest = at;
      }
    }
  }

  /**
   * After a step: sees to it that the thread wakes for the earliest. A node timer that is armed for
   * an earlier instant is left alone: the needless wake-up is cheaper than arming anew every step.
   */
  arm(now: Instant): void {
    if (this.#earliest >= this.#armedFor) return;
    clearTimeout(this.#handle);
    this.#armedFor = this.#earliest;
    const delayMs = Math.min(Math.max(Math.ceil(this.#earliest - now), 0), DELAY_MS_MAX);
    this.#handle = setTimeout(() => {
      this.#armedFor = Infinity;
      this.#wake();
    }, delayMs);
  }

  stop(): void {
    clearTimeout(this.#handle);
    this.#due.clear();
    this.#earliest = Infinity;
    this.#armedFor = Infinity;
  }
}
