/** Refuses operations on keys whose partition this shard may not answer for. data plane. */
import { LANE } from '@clockwise/kernel/core';
import { STATUS_OK } from '@clockwise/protocol/errors';
import {
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { replyKindOf } from '@clockwise/protocol/reply-kind';
import { isHiddenBucket } from '@clockwise/record/hidden';
import { HEADER } from '@clockwise/record/layout';
import type { ReplicaContext } from './replica-context.ts';
import { replyStatus, type Asker } from './reply.ts';

/** True: it was refused. `current` is -1 where the key is not there. */
export function isUnheld(
  context: ReplicaContext,
  asker: Asker,
  opcode: number,
  current: number,
): boolean {
  const { words, offset, isForeground } = asker;
  const isStore = opcode === REPLICA_OPCODE.store;
  const record = offset + REPLICA_STORE_HEADER_WORDS;
  const bucket = isStore ? record + HEADER.bucketId : offset + REPLICA_REQUEST.bucketId;
  if (isHiddenBucket(words[bucket]!)) return false;
  const token = isStore ? record + HEADER.tokenHigh : offset + REPLICA_REQUEST.tokenHigh;
  const status = context.held.refusalOf(opcode, words[token]!, current >= 0, isForeground);
  if (status === STATUS_OK) return false;
  replyStatus(context, asker, replyKindOf(opcode), status, LANE.now);
  return true;
}
