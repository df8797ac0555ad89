/**
 * How many stores that mend a replica may be under way to each node: a node that comes back behind is
 * mended at the pace at which it takes it, and what is left out is mended by a later read. data plane.
 *
 * Invariants:
 *   MB1 at most `inFlightMax` repairs of a node are unanswered at any time
 */
export class RepairBudget {
  readonly #inFlight: Int32Array;
  readonly #inFlightMax: number;

  constructor(nodeCount: number, inFlightMax: number) {
    this.#inFlight = new Int32Array(nodeCount);
    this.#inFlightMax = inFlightMax;
  }

  /** [MB1] */
  admits(node: number): boolean {
    return this.#inFlight[node]! < this.#inFlightMax;
  }

  sent(node: number): void {
    this.#inFlight[node]! += 1;
  }

  /** One was answered, whatever the answer. A peer may answer what it was not asked. */
  ended(node: number): void {
    if (this.#inFlight[node]! > 0) this.#inFlight[node]! -= 1;
  }

  /** The link to a node, or this node's shard, is gone, and with it all that was under way. */
  lost(node: number): void {
    this.#inFlight[node] = 0;
  }
}
