/**
 * How many retries a client may make: a share of its requests and a few a second, so that retries
 * never make a cluster that has too much work have twice as much. Pure: instants are arguments.
 *
 * data plane
 *
 * Invariants:
 *   RU1 of n requests in t seconds at most `burst` + n x `share` + t x `perSecond` retries are granted
 */
export interface RetryBudgetLimits {
  /** Retries that each request earns. */
  readonly share: number;
  /** Retries earned a second. */
  readonly perSecond: number;
  /** Retries that can be saved up; it begins with as many. */
  readonly burst: number;
}

export class RetryBudget {
  readonly #limits: RetryBudgetLimits;
  #saved: number;
  #countedAt = -Infinity;

  constructor(limits: RetryBudgetLimits) {
    this.#limits = limits;
    this.#saved = limits.burst;
  }

  /** A request was sent for the first time. */
  requested(): void {
    this.#earn(this.#limits.share);
  }

  /** Whether a retry may be made now; it is spent if so. */
  takes(now: number): boolean {
    if (this.#countedAt !== -Infinity) {
      this.#earn(((now - this.#countedAt) / 1000) * this.#limits.perSecond);
    }
    this.#countedAt = now;
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }

  #earn(count: number): void {
    this.#saved = Math.min(this.#saved + count, this.#limits.burst);
  }
}
