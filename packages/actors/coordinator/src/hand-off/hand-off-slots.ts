/**
 * The slots in which operations of the hand-off are under way, and what each is for.
 *
 * Invariants:
 *   HO5 hand-off never holds more than a quarter of the slots
 */
import { assert } from '@clockwise/kernel/assert';
import { sometimes } from '@clockwise/kernel/probe';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { SLOT_STATE } from '../requests/request-slots.ts';

/** Milliseconds after which a step is let go, and a target counts as silent. */
export const SILENCE_MS = 2000;
/** [HO5] Of all slots, one in so many. */
const SLOTS_SHARE = 4;

export class HandOffSlots<Work> {
  readonly #context: CoordinatorContext;
  readonly #works: Map<number, Work> = new Map();

  constructor(context: CoordinatorContext) {
    this.#context = context;
  }

  /** [HO5] A slot for an operation that has to do with a place; -1: there is none. */
  take(place: number, bucketId: number): number {
    const { slots, ledger, ring, now } = this.#context;
    const isFull = this.#works.size >= slots.capacity / SLOTS_SHARE;
    sometimes(isFull, 'hand-off: it has all the slots that it may have');
    if (isFull) return -1;
    const slot = slots.take(SLOT_STATE.handOff, now + SILENCE_MS);
    if (slot < 0) return -1;
    const partition = ledger.partitionOf(place);
    slots.bucketId[slot] = bucketId;
    slots.partition[slot] = partition;
    slots.shard[slot] = ring.shardOfPartition[partition]!;
    slots.replicationClass[slot] = 0;
    this.#context.watchDue(now + SILENCE_MS);
    return slot;
  }

  bind(slot: number, work: Work): void {
    this.#works.set(slot, work);
  }

  of(slot: number): Work {
    const work = this.#works.get(slot);
    assert(work !== undefined, 'a slot of the hand-off has its work');
    return work;
  }

  release(slot: number): void {
    this.#works.delete(slot);
    this.#context.slots.release(slot);
  }
}
