/**
 * Hybrid time: 48 bits of milliseconds since 1970 and 16 bits of a logical counter, in two words.
 * It follows the wall clock, never goes back, and is above every time that was observed.
 *
 * Invariants:
 *   HC1 each tick is above the tick before and above everything observed before
 *   HC2 a time further ahead than the limit is refused and changes nothing, so that one broken clock
 *       does not carry every node with it
 *   HC3 without observations, and while the wall clock moves on, milliseconds are the wall clock's
 */
import { assert } from '@clockwise/kernel/assert';
import { sometimes } from '@clockwise/kernel/probe';

/** Milliseconds by which a remote hybrid time may be ahead of this node's wall clock. */
export const HYBRID_AHEAD_MS_MAX = 60_000;

const MILLISECONDS_MAX = 2 ** 48 - 1;
const LOGICAL_MAX = 0xffff;

/** Milliseconds of a hybrid time. */
export function hybridMilliseconds(low: number, high: number): number {
  return (high >>> 0) * 65_536 + (low >>> 16);
}

export class HybridClock {
  /** The last time given or observed. */
  low = 0;
  high = 0;
  readonly #aheadMsMax: number;
  #milliseconds = 0;
  #logical = 0;

  constructor(aheadMsMax: number) {
    assert(aheadMsMax >= 0, 'the limit is a duration');
    this.#aheadMsMax = aheadMsMax;
  }

  /** The next time, left in `low` and `high`. */
  tick(wallTimeMs: number): void {
    const wall = Math.floor(wallTimeMs);
    sometimes(wall < this.#milliseconds, 'hybrid clock: the wall clock is behind');
    if (wall > this.#milliseconds) {
      this.#set(wall, 0);
    } else if (this.#logical < LOGICAL_MAX) {
      this.#set(this.#milliseconds, this.#logical + 1);
    } else {
      this.#set(this.#milliseconds + 1, 0);
    }
  }

  /** Later ticks are above this time. False: it is too far ahead, and nothing changed. */
  observe(low: number, high: number, wallTimeMs: number): boolean {
    const milliseconds = hybridMilliseconds(low, high);
    const isTooFarAhead = milliseconds > wallTimeMs + this.#aheadMsMax;
    sometimes(isTooFarAhead, 'hybrid clock: a time too far ahead is not followed');
    if (isTooFarAhead) return false;
    const logical = low & LOGICAL_MAX;
    if (
      milliseconds > this.#milliseconds ||
      (milliseconds === this.#milliseconds && logical > this.#logical)
    ) {
      this.#set(milliseconds, logical);
    }
    return true;
  }

  #set(milliseconds: number, logical: number): void {
    assert(milliseconds <= MILLISECONDS_MAX, 'hybrid time has 48 bits of milliseconds');
    this.#milliseconds = milliseconds;
    this.#logical = logical;
    this.low = ((milliseconds & 0xffff) << 16) | logical;
    this.high = Math.floor(milliseconds / 65_536) | 0;
  }
}
