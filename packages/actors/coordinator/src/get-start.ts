/**
 * A get that has its slot: what is kept of its request, and when another replica is asked. data plane.
 */
import { buggify } from '@clockwise/kernel/buggify';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { OPERATION } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from './coordinator-context.ts';
import { GET_HEDGE_MS, startGet } from './get-core.ts';
import type { KeyToken } from './replica-operations.ts';

/**
 * Returns STATUS_OK where the read is on its way, else the status of a refusal.
 * REQUIRES: the slot's request, partition, shard and R are set.
 */
export function startRead(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  // What comes by a link is compared with the request, and what fails is asked for elsewhere: only
  // the sole copy, in this node, does without.
  const own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  if (placement.stride > 1 || own < 0) {
    slots.keepRequest(slot, words, offset, words[offset + OPERATION.wordCount]!);
  }
  if (placement.stride > slots.required[slot]!) {
    const hedgeMs = buggify('get: hedge at once') ? 0 : GET_HEDGE_MS;
    slots.hedgeAt[slot] = context.now + hedgeMs;
    context.watchDue(slots.hedgeAt[slot]);
  }
  return startGet(context, slot, words, offset, token);
}
