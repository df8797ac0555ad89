/**
 * How much of a hand-off may be on its way to one target: grows while the target answers soon, shrinks
 * where it refuses or is slow, and is a single probe a round where it does not answer. Pure.
 *
 * Invariants:
 *   HW1 never more than the window's operations, nor its bytes, are under way; one operation may be larger
 *   HW2 while probing there is one at a time, and one a round at the most
 *   HW3 what was sent before a reduction reduces no second time
 *   HW4 a target that has answered nothing since the silent operation was sent is probed from then on
 *   HW5 how far away a target is, as its quickest answer says, is no reason to send it less
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';

export type WindowLimits = Pick<
  Limits,
  'handOffWindowMax' | 'handOffBytesMax' | 'handOffRoundMs' | 'handOffLatencyMs'
>;

/** Answers later than so many times `handOffLatencyMs` are a reason to send less. */
const SLOW = 4;
/** Reductions in a row at a window of one, after which the target is only probed. */
const STRIKES_MAX = 3;
/** No way to another data centre and back takes longer than this, in milliseconds. */
const AWAY_MS_MAX = 500;

export class HandOffWindow {
  readonly #limits: WindowLimits;
  /** Whether the target is in another data centre: else all that its answers take is its own doing. */
  readonly #isAway: boolean;
  /** The quickest answer since it was last probed. */
  #quickestMs = AWAY_MS_MAX;
  #size = 1;
  #isProbing = true;
  #strikes = 0;
  #notBefore: Instant = -Infinity;
  #reducedAt: Instant = -Infinity;
  #answeredAt: Instant = -Infinity;
  #operations = 0;
  #bytes = 0;

  constructor(limits: WindowLimits, isAway = false) {
    this.#limits = limits;
    this.#isAway = isAway;
  }

  get size(): number {
    return this.#size;
  }

  get isProbing(): boolean {
    return this.#isProbing;
  }

  get operationsInFlight(): number {
    return this.#operations;
  }

  /** [HW1, HW2] Whether an operation of `byteCount` may be sent now. */
  admits(byteCount: number, now: Instant): boolean {
    if (now < this.#notBefore || this.#operations >= this.#size) return false;
    return this.#operations === 0 || this.#bytes + byteCount <= this.#limits.handOffBytesMax;
  }

  sent(byteCount: number, now: Instant): void {
    assert(this.admits(byteCount, now), '[HW1] only what is admitted is sent');
    this.#operations += 1;
    this.#bytes += byteCount;
    if (this.#isProbing) this.#notBefore = now + this.#limits.handOffRoundMs;
  }

  /** What was admitted turned out to be so many bytes larger, or smaller. */
  grown(byteCount: number): void {
    this.#bytes += byteCount;
  }

  /** What was admitted has not been sent after all. */
  withdrawn(byteCount: number): void {
    this.#ended(byteCount);
  }

  /** The target has stored what was sent at `sentAt`. */
  acknowledged(byteCount: number, sentAt: Instant, now: Instant): void {
    this.#ended(byteCount);
    this.#answeredAt = now;
    if (this.#isProbing) this.#notBefore = -Infinity;
    this.#isProbing = false;
    // [HW5]
    if (this.#isAway) this.#quickestMs = Math.min(this.#quickestMs, now - sentAt);
    const elapsedMs = now - sentAt - (this.#isAway ? this.#quickestMs : 0);
    const { handOffLatencyMs, handOffWindowMax } = this.#limits;
    if (elapsedMs > SLOW * handOffLatencyMs) {
      this.#reduce(sentAt, now);
    } else if (elapsedMs <= handOffLatencyMs) {
      this.#strikes = 0;
      this.#size = Math.min(this.#size + 1, handOffWindowMax);
    }
  }

  /** The target would not take it. */
  refused(byteCount: number, sentAt: Instant, now: Instant): void {
    this.#ended(byteCount);
    this.#answeredAt = now;
    this.#reduce(sentAt, now);
  }

  /** [HW4] The target has not answered, or its link was lost. */
  silent(byteCount: number, sentAt: Instant, now: Instant): void {
    this.#ended(byteCount);
    if (this.#answeredAt < sentAt) this.#probe(now);
    else this.#reduce(sentAt, now);
  }

  #ended(byteCount: number): void {
    assert(this.#operations > 0, 'only what was sent ends');
    this.#operations -= 1;
    this.#bytes -= byteCount;
  }

  /** [HW3] */
  #reduce(sentAt: Instant, now: Instant): void {
    if (sentAt < this.#reducedAt || this.#isProbing) return;
    this.#reducedAt = now;
    if (this.#size > 1) {
      this.#size = Math.floor(this.#size / 2);
      return;
    }
    this.#strikes += 1;
    // A window of one that is refused would come again at once: it waits for the next round.
    this.#notBefore = now + this.#limits.handOffRoundMs;
    if (this.#strikes >= STRIKES_MAX) this.#probe(now);
  }

  #probe(now: Instant): void {
    if (!this.#isProbing) this.#notBefore = now + this.#limits.handOffRoundMs;
    this.#isProbing = true;
    this.#quickestMs = AWAY_MS_MAX;
    this.#size = 1;
    this.#strikes = 0;
    this.#reducedAt = now;
  }
}
