/**
 * When a unit that crashed is started again, and when it is given up. Pure: time and randomness are
 * handed in.
 *
 * Invariants:
 *   RP1 the n-th crash within the window waits base * 2^(n-1), at most the greatest delay, with a
 *       jitter of a quarter to both sides
 *   RP2 where units are given up: at the `crashesMax`-th crash within the window, never before
 *   RP3 crashes older than the window are forgotten
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import type { Prng } from '@clockwise/kernel/prng';

export interface RestartRules {
  readonly delayMsBase: number;
  readonly delayMsMax: number;
  readonly windowMs: number;
  readonly crashesMax: number;
  /** A shard is given up; what the node cannot do without is tried for ever. */
  readonly givesUp: boolean;
}

export const RESTART_RULES: RestartRules = {
  delayMsBase: 50,
  delayMsMax: 5000,
  windowMs: 60_000,
  crashesMax: 5,
  givesUp: true,
};

export type RestartDecision =
  { readonly kind: 'restart'; readonly delayMs: number } | { readonly kind: 'give-up' };

const JITTER = 0.25;

export class RestartPolicy {
  readonly #rules: RestartRules;
  readonly #prng: Prng;
  #crashes: Instant[] = [];

  constructor(rules: RestartRules, prng: Prng) {
    assert(rules.delayMsBase > 0 && rules.crashesMax > 0, 'a policy waits and counts');
    this.#rules = rules;
    this.#prng = prng;
  }

  crashed(now: Instant): RestartDecision {
    const { windowMs, crashesMax, givesUp, delayMsBase, delayMsMax } = this.#rules;
    this.#crashes = this.#crashes.filter((crash) => now - crash < windowMs);
    // Without giving up the count is bounded all the same: beyond it the delay grows no more.
    if (this.#crashes.length < crashesMax) this.#crashes.push(now);
    else this.#crashes[crashesMax - 1] = now;
    const count = this.#crashes.length;
    if (givesUp && count >= crashesMax) return { kind: 'give-up' };
    const delayMs = Math.min(delayMsBase * 2 ** (count - 1), delayMsMax);
    return { kind: 'restart', delayMs: delayMs * (1 - JITTER + 2 * JITTER * this.#prng.unit()) };
  }
}
