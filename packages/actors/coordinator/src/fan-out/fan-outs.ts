/**
 * What a coordinator remembers of copies that cross to other data centres: of its own puts, through whom
 * each position there was sent the record; of stores that it passes on for others, who asked; and how
 * soon relays have answered lately. Used only where the nodes of the ring are in more than one data
 * centre. data plane.
 */
import type { Instant } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';
import { LatencyWindow } from '../gets/latency-window.ts';
import { POSITIONS_MAX, type RequestSlots } from '../requests/request-slots.ts';
import type { RingView } from '../ring-view.ts';
import { numberOf } from '../requests/slot-layout.ts';

/** How long a relay may be silent where the answer waits for it, in milliseconds. */
const SILENCE_MS_MIN = 20;
const SILENCE_MS_MAX = 500;
/** Until anything is known of a relay, and the weight of an answer, in how soon it answers. */
const FIRST_GUESS_MS = 1;
const WEIGHT = 1 / 8;
/** One choice in so many is made without regard to how soon relays answer, so that it is learned. */
const PROBE_EVERY = 64;

export class FanOuts {
  readonly isNeeded: boolean;
  /** By slot of a put that was forwarded: positions whose record was sent to a relay ... */
  readonly relayed: Int32Array;
  /** ... those of them that are to be sent it without one since ... */
  readonly redirected: Int32Array;
  /** ... and those whose primaries this node has sent it to, behind a relay or not. */
  readonly direct: Int32Array;
  /** By slot of a relay: the slot, and its generation, of the put at the node that asked. */
  readonly askerSlot: Int32Array;
  readonly askerGeneration: Int32Array;
  /** Slots in which this node is the relay. */
  relaying = 0;
  readonly #relays: Int16Array;
  /** By node. */
  readonly #answerMs: Float64Array;
  readonly #latency: LatencyWindow;
  #choices = 0;

  constructor(ring: RingView, limits: Limits, slots: RequestSlots) {
    this.isNeeded = ring.dataCentreOf.some((one) => one !== ring.dataCentreOf[0]);
    const capacity = this.isNeeded ? limits.requestsInFlightMax : 0;
    this.relayed = slots.relayed;
    this.redirected = slots.redirected;
    this.direct = slots.direct;
    this.askerSlot = slots.askerSlot;
    this.askerGeneration = slots.askerGeneration;
    this.#relays = new Int16Array(capacity * POSITIONS_MAX);
    this.#answerMs = new Float64Array(ring.nodes.length).fill(FIRST_GUESS_MS);
    this.#latency = new LatencyWindow(limits.latencyWindowMs);
  }

  /** A put is forwarded: nothing of it has been sent across. */
  begin(slot: number): void {
    this.relayed[slot] = 0;
    this.redirected[slot] = 0;
    this.direct[slot] = 0;
  }

  /** A relay has been sent the record for some positions besides its own. */
  sent(slot: number, positions: number, relay: number): void {
    this.relayed[slot] = this.relayed[slot]! | positions;
    for (let left = positions; left !== 0; left &= left - 1) {
      this.#relays[numberOf(slot) * POSITIONS_MAX + 31 - Math.clz32(left & -left)] = relay;
    }
  }

  /** A relay cannot account for some positions any more: what it might still say of them is nothing. */
  forget(slot: number, positions: number): void {
    this.relayed[slot] = this.relayed[slot]! & ~positions;
  }

  /** Of the positions that only their relay was sent the record for, those that wait for this one. */
  waitingFor(slot: number, relay: number): number {
    let found = 0;
    for (let left = this.waiting(slot); left !== 0; left &= left - 1) {
      const bit = left & -left;
      if (this.#relays[numberOf(slot) * POSITIONS_MAX + 31 - Math.clz32(bit)] === relay)
        found |= bit;
    }
    return found;
  }

  /** The positions that only their relay was sent the record for. */
  waiting(slot: number): number {
    return this.relayed[slot]! & ~this.redirected[slot]!;
  }

  /** The positions whose primaries nobody but their relay was sent the record by. */
  behind(slot: number): number {
    return this.relayed[slot]! & ~this.direct[slot]!;
  }

  /** Whether a relay was sent the record for a position. */
  isThrough(slot: number, position: number, relay: number): boolean {
    const wasRelayed = (this.relayed[slot]! & (1 << position)) !== 0;
    return wasRelayed && this.#relays[numberOf(slot) * POSITIONS_MAX + position] === relay;
  }

  /** A relay has passed back an acknowledgement, so long after the request came. */
  answered(relay: number, milliseconds: number, now: Instant): void {
    this.#latency.record(milliseconds, now);
    this.#answerMs[relay]! += (milliseconds - this.#answerMs[relay]!) * WEIGHT;
  }

  /** A relay has said nothing for so long: it will have taken longer. */
  silent(slot: number, positions: number, milliseconds: number): void {
    for (let left = positions; left !== 0; left &= left - 1) {
      const relay = this.#relays[numberOf(slot) * POSITIONS_MAX + 31 - Math.clz32(left & -left)]!;
      if (milliseconds > this.#answerMs[relay]!) this.#answerMs[relay] = milliseconds;
    }
  }

  /** Twice as long as relays usually take to answer, within bounds. */
  silenceMs(now: Instant): number {
    return Math.min(Math.max(SILENCE_MS_MIN, 2 * this.#latency.p99(now)), SILENCE_MS_MAX);
  }

  /** Of so many that may be the relay, which is looked at first: in turn, for none to have all the work. */
  nextTurn(count: number): number {
    this.#choices += 1;
    return this.#choices % count;
  }

  /** Whether one node is a much better relay than another, of which it would take the turn. */
  isBetter(node: number, other: number): boolean {
    return this.#choices % PROBE_EVERY !== 0 && 2 * this.#answerMs[node]! < this.#answerMs[other]!;
  }
}
