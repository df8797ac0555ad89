/**
 * How many stores that mend a replica may be under way to each node: a node that comes back behind is
 * mended at the pace at which it takes it, and what is left out is mended by a later read. data plane.
 *
 * A repair may stay without an answer although its link lives: a peer's shard dies with it, a full link
 * takes no answer. So what has been silent for long is not counted: repairs are in two halves, those of
 * the last FORGOTTEN_MS and those of as long before, and where time goes on the older half is forgotten.
 *
 * Invariants:
 *   MB1 at most `inFlightMax` repairs of a node that were sent in the last FORGOTTEN_MS are unanswered
 *   MB2 a repair that is never answered is forgotten: nodes are mended again after twice that, at most
 */
import type { Instant } from '@clockwise/kernel/core';

export const FORGOTTEN_MS = 2000;

export class RepairBudget {
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  /** Since when the newer half is counted. */
  readonly #since: Float64Array;
  readonly #inFlightMax: number;

  constructor(nodeCount: number, inFlightMax: number) {
    this.#newer = new Int32Array(nodeCount);
    this.#older = new Int32Array(nodeCount);
    this.#since = new Float64Array(nodeCount);
    this.#inFlightMax = inFlightMax;
  }

  /** [MB1] [MB2] */
  admits(node: number, now: Instant): boolean {
    const passedMs = now - this.#since[node]!;
    if (passedMs >= FORGOTTEN_MS) {
      this.#older[node] = passedMs >= 2 * FORGOTTEN_MS ? 0 : this.#newer[node]!;
      this.#newer[node] = 0;
      this.#since[node] = now;
    }
    return this.#newer[node]! + this.#older[node]! < this.#inFlightMax;
  }

  /** REQUIRES: it was admitted in this step. */
  sent(node: number): void {
    this.#newer[node]! += 1;
  }

  /** One was answered, whatever the answer. A peer may answer what it was not asked. */
  ended(node: number): void {
    const half = this.#older[node]! > 0 ? this.#older : this.#newer;
    if (half[node]! > 0) half[node]! -= 1;
  }

  /** The link to a node, or this node's shard, is gone, and with it all that was under way. */
  lost(node: number): void {
    this.#newer[node] = 0;
    this.#older[node] = 0;
  }
}
