/**
 * Answers of a replica to coordinators. data plane.
 *
 * Invariants:
 *   RP1 an answer that rests on a record leaves only when that record is durable
 *   RP2 the life of a coordinator that asked gets the answer, or nobody: its successor has slots of the
 *       same numbers, and counts what it asked itself
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { LANE, type Lane } from '@clockwise/kernel/core';
import {
  POLICY,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLY_FLAG,
  TAG,
} from '@clockwise/protocol/frame';
import { isHidden } from '@clockwise/record/hidden';
import { recordWordCount } from '@clockwise/record/layout';
import { sequenceOf, type ReplicaContext } from './replica-context.ts';

/** The source of an operation whose asker has gone. */
export const NOBODY = -1;

/**
 * Which operation is answered: who asked, by the words of the request at `offset`; and of its frame
 * from when on nobody waits for it (FRAME.due), and whether it is somebody's request.
 */
export interface Asker {
  source: number;
  words: Int32Array;
  offset: number;
  due: number;
  isForeground: boolean;
}

/** An answer without a record. */
export function replyStatus(
  context: ReplicaContext,
  asker: Asker,
  kind: number,
  status: number,
  lane: Lane,
): void {
  reply(context, asker, kind | (status << 8), lane, 0, 0, 0);
}

/** An answer that names a record in the shard's memory. */
export function replyRecord(
  context: ReplicaContext,
  asker: Asker,
  kind: number,
  lane: Lane,
  chunk: number,
  record: number,
): void {
  const { pool } = context.memtable;
  const words = pool.words[chunk]!;
  const chunkWord = chunk | (pool.generations[chunk]! << 16);
  const wordCount = recordWordCount(words, record);
  const flags = isHidden(words, record) ? REPLY_FLAG.hidden << 24 : 0;
  reply(context, asker, kind | flags, lane, chunkWord, record, wordCount);
}

/** [RP1] `now` where the record is durable already, else the lane that waits for that. */
export function laneOf(context: ReplicaContext, chunk: number, record: number): Lane {
  const words = context.memtable.pool.words[chunk]!;
  if (sequenceOf(words, record) > context.releasedSequence) return LANE.durable;
  return buggify('replica: answer with a durable record as late as with a fresh one')
    ? LANE.durable
    : LANE.now;
}

function reply(
  context: ReplicaContext,
  asker: Asker,
  kind: number,
  lane: Lane,
  chunkWord: number,
  offset: number,
  recordWords: number,
): void {
  if (asker.source === NOBODY) return;
  const sink = context.out.send(asker.source, lane);
  const start = sink.begin(TAG.replicaReply, REPLICA_REPLY_HEADER_WORDS);
  assert(start >= 0, 'a request is sent only with credit for its reply');
  const { words } = sink;
  const request = asker.words;
  words[start + REPLICA_REPLY.kind] = kind;
  words[start + REPLICA_REPLY.route] = request[asker.offset + REPLICA_REQUEST.route]!;
  words[start + REPLICA_REPLY.slot] = request[asker.offset + REPLICA_REQUEST.slot]!;
  words[start + REPLICA_REPLY.slotGeneration] =
    request[asker.offset + REPLICA_REQUEST.slotGeneration]!;
  words[start + REPLICA_REPLY.chunk] = chunkWord;
  words[start + REPLICA_REPLY.offset] = offset;
  words[start + REPLICA_REPLY.recordWords] = recordWords;
  words[start + REPLICA_REPLY.durability] = durabilityOf(
    request[asker.offset + REPLICA_REQUEST.opcode]!,
  );
  words[start + REPLICA_REPLY.recordCount] = 0;
  sink.end(REPLICA_REPLY_HEADER_WORDS);
}

/** The durability in a request's policy bits. */
export function durabilityOf(opcodeWord: number): number {
  return ((opcodeWord >>> 24) & POLICY.durabilityMask) >> POLICY.durabilityShift;
}
