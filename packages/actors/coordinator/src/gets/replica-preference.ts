/**
 * Whom to ask first: by whether a node can be used, by its data centre, by how long its answers took
 * lately and by how many are still awaited from it. Of nodes that are not asked nothing is learned, so
 * that one get in `PROBE_EVERY` asks the last one besides. data plane.
 *
 * Invariants:
 *   PF1 no node that cannot be used comes before one that can, none of another data centre before one
 *       of the own among those
 *   PF2 a slow node is asked first no longer once that is noticed, and again once it has answered
 *       quickly for a while
 */
import type { Instant } from '@clockwise/kernel/core';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { isUsable, primaryAt } from '../positions.ts';
import { POSITIONS_MAX } from '../requests/request-slots.ts';
import type { RingView } from '../ring-view.ts';

/** One get in so many asks the last in order besides. */
export const PROBE_EVERY = 64;
/** Until anything is known, in milliseconds. */
const FIRST_GUESS_MS = 1;
/** What a refusal is taken for. */
const REFUSED_MS = 50;
/** An answer's weight is its distance from the one before in units of this, within bounds. */
const MEMORY_MS = 500;
const WEIGHT_MIN = 1 / 32;
const WEIGHT_MAX = 1 / 2;
/** So many awaited answers count as much as one more answer time. */
const IN_FLIGHT_PER_TIME = 64;
/** The own node needs no link. */
const OWN_FACTOR = 0.7;

export class ReplicaPreference {
  readonly #ownNode: number;
  readonly #isElsewhere: Uint8Array;
  readonly #suspected: Uint8Array;
  /** By node: how long its answers took lately, in milliseconds, and when the last one came. */
  readonly #answerMs: Float64Array;
  readonly #answeredAt: Float64Array;
  /** By node: reads that it has not answered. */
  readonly #inFlight: Int32Array;
  /** What `order` found: positions, best first, and what each was judged by. */
  readonly ordered: Int32Array = new Int32Array(POSITIONS_MAX);
  readonly #rank: Float64Array = new Float64Array(POSITIONS_MAX);
  #untilProbe = PROBE_EVERY;

  constructor(ring: RingView, suspected: Uint8Array) {
    const count = ring.nodes.length;
    const own = ring.dataCentreOf[ring.ownNode];
    this.#ownNode = ring.ownNode;
    this.#isElsewhere = Uint8Array.from(ring.dataCentreOf, (one) => (one === own ? 0 : 1));
    this.#suspected = suspected;
    this.#answerMs = new Float64Array(count).fill(FIRST_GUESS_MS);
    this.#answeredAt = new Float64Array(count);
    this.#inFlight = new Int32Array(count);
  }

  asked(node: number): void {
    this.#inFlight[node]! += 1;
  }

  /** What was asked of a node is not waited for any more. */
  ended(node: number): void {
    this.#inFlight[node]! -= 1;
  }

  answered(node: number, milliseconds: number, now: Instant): void {
    const since = (now - this.#answeredAt[node]!) / MEMORY_MS;
    const weight = Math.min(WEIGHT_MAX, Math.max(WEIGHT_MIN, since));
    this.#answeredAt[node] = now;
    this.#answerMs[node]! += (milliseconds - this.#answerMs[node]!) * weight;
  }

  /** A node has not answered for so long: it will have taken longer. */
  silent(node: number, milliseconds: number, now: Instant): void {
    if (milliseconds > this.#answerMs[node]!) this.answered(node, milliseconds, now);
  }

  refused(node: number, now: Instant): void {
    this.answered(node, Math.max(REFUSED_MS, this.#answerMs[node]!), now);
  }

  /** Whether this get is one of those that ask the last in order besides. */
  takesProbe(): boolean {
    this.#untilProbe -= 1;
    if (this.#untilProbe > 0) return false;
    this.#untilProbe = PROBE_EVERY;
    return true;
  }

  /** [PF1] Fills `ordered` with the positions of a slot whose primaries can be used; how many. */
  order(context: CoordinatorContext, slot: number): number {
    const { slots, ring } = context;
    const { stride } = ring.tables[slots.replicationClass[slot]!]!;
    let count = 0;
    for (let position = 0; position < stride; position += 1) {
      const node = primaryAt(context, slot, position);
      if (!isUsable(context, node, slots.shard[slot]!)) continue;
      this.#insert(position, this.#isElsewhere[node]! * ELSEWHERE + this.#costOf(node), count);
      count += 1;
    }
    return count;
  }

  /** Below zero where the left node comes first. */
  compare(left: number, right: number): number {
    const suspected = this.#suspected[left]! - this.#suspected[right]!;
    if (suspected !== 0) return suspected;
    const elsewhere = this.#isElsewhere[left]! - this.#isElsewhere[right]!;
    if (elsewhere !== 0) return elsewhere;
    return this.#costOf(left) - this.#costOf(right);
  }

  #insert(position: number, rank: number, count: number): void {
    let at = count;
    for (; at > 0 && this.#rank[at - 1]! > rank; at -= 1) {
      this.#rank[at] = this.#rank[at - 1]!;
      this.ordered[at] = this.ordered[at - 1]!;
    }
    this.#rank[at] = rank;
    this.ordered[at] = position;
  }

  #costOf(node: number): number {
    const cost = this.#answerMs[node]! * (1 + this.#inFlight[node]! / IN_FLIGHT_PER_TIME);
    return node === this.#ownNode ? cost * OWN_FACTOR : cost;
  }
}

/** Above every cost. */
const ELSEWHERE = 1e12;
