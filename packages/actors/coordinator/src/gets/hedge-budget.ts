/**
 * How many gets may be hedged before they are late (get-hedge.ts): one in ten, and some in
 * advance. A cluster that is slow as a whole must not be asked twice as much for it. data plane.
 *
 * Invariants:
 *   HB1 hedges are at most a tenth of the gets and HEDGES_AHEAD_MAX, at any time
 */
const GETS_PER_HEDGE = 10;
export const HEDGES_AHEAD_MAX = 50;

export class HedgeBudget {
  /** In gets. */
  #earned = GETS_PER_HEDGE * HEDGES_AHEAD_MAX;

  /** A get begins. */
  earn(): void {
    if (this.#earned < GETS_PER_HEDGE * HEDGES_AHEAD_MAX) this.#earned += 1;
  }

  /** Whether one more may be hedged; then it is counted. */
  spend(): boolean {
    if (this.#earned < GETS_PER_HEDGE) return false;
    this.#earned -= GETS_PER_HEDGE;
    return true;
  }
}
