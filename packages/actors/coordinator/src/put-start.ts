/**
 * A put or delete that has its slot: to this node's own replica where the list names it, else on to a
 * node that the list names. data plane.
 */
import { sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import { ERRORS } from '@clockwise/protocol/errors';
import { OPERATION } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from './coordinator-context.ts';
import { primaryAt } from './positions.ts';
import { passOn } from './proxy-core.ts';
import { startPut } from './put-core.ts';
import type { KeyToken } from './replica-operations.ts';
import { SLOT_STATE } from './request-slots.ts';
import type { BucketView } from './ring-view.ts';

/**
 * Returns STATUS_OK where the write is on its way, else the status of a refusal.
 * REQUIRES: the slot's request, partition, shard and W are set.
 */
export function startWrite(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[bucket.replicationClass]!;
  const shard = slots.shard[slot]!;
  let reachable = 0;
  for (let position = 0; position < placement.stride; position += 1) {
    if (context.isReachable(primaryAt(context, slot, position), shard)) reachable += 1;
  }
  const own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  if (own >= 0 && context.shardIsUp[shard] === 1) {
    sometimes(reachable < slots.required[slot]!, 'intake: fewer than W replicas can be reached');
    if (reachable < slots.required[slot]!) return ERRORS.UNAVAILABLE.code;
    return startPut(context, slot, bucket, own, words, offset, token);
  }
  const connectionState = context.connections.state[slots.connection[slot]!];
  sometimes(own >= 0, 'intake: the own shard is down under a write');
  sometimes(reachable === 0, 'intake: no replica of a write can be reached');
  sometimes(
    connectionState === CONNECTION_STATE.peer,
    'intake: a write that was passed on finds the shard down',
  );
  if (connectionState === CONNECTION_STATE.peer || reachable === 0) {
    return ERRORS.UNAVAILABLE.code;
  }
  slots.state[slot] = SLOT_STATE.proxied;
  slots.keepRequest(slot, words, offset, words[offset + OPERATION.wordCount]!);
  return passOn(context, slot);
}
