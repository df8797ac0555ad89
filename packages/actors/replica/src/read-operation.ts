/**
 * A read of one key: what memory holds is answered in the same step. data plane.
 */
import { LANE } from '@clockwise/kernel/core';
import { sometimes } from '@clockwise/kernel/probe';
import { STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { REPLY_KIND } from '@clockwise/protocol/frame';
import type { ReplicaContext } from './replica-context.ts';
import { laneOf, replyRecord, replyStatus, type Asker } from './reply.ts';

/** `chunk` and `current` say where the key's record is; `current` is -1 where there is none. */
export function applyReadOperation(
  context: ReplicaContext,
  asker: Asker,
  chunk: number,
  current: number,
): void {
  context.counters.reads += 1;
  if (current < 0) {
    replyStatus(context, asker, REPLY_KIND.read, STATUS_NOT_FOUND, LANE.now);
    return;
  }
  const lane = laneOf(context, chunk, current);
  sometimes(lane === LANE.durable, 'replica: a read waits until its record is durable');
  replyRecord(context, asker, REPLY_KIND.read, lane, chunk, current);
}
