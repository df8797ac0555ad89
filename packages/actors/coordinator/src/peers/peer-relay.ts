/**
 * Operations of other nodes' coordinators for this node's shards, and the shards' answers back to
 * them. Nothing is kept here per operation: the `route` word names the connection, and the replica
 * echoes it. data plane.
 *
 * Invariants:
 *   PR1 a peer's operation is answered or its link is gone; a shard that is full or down refuses it
 *   PR2 what comes as background work gets at most half of a shard's credit; where more than that is in use
 *       one operation each BACKGROUND_MS, so that it ends at some time
 *   PR3 a hinted copy beyond what this node may hold for others is refused before it is stored
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable } from '@clockwise/kernel/probe';
import { partitionOf } from '@clockwise/placement/token';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  OPERATION,
  PRIORITY,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  SCAN,
  TAG,
} from '@clockwise/protocol/frame';
import { dueWord, laterDue } from '@clockwise/protocol/frame-due';
import { replyKindOf } from '@clockwise/protocol/reply-kind';
import { copyWords } from '@clockwise/record/copy';
import { HEADER, paddedWords, recordWordCount } from '@clockwise/record/layout';
import {
  connectionOfRoute,
  generationOfRoute,
  routeOf,
} from '@clockwise/protocol/connection-table';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { passStoreOn } from '../fan-out/fan-out-relay.ts';
import { ownersOf } from '../hand-off/owed-records.ts';
import type { VisibleRecord } from './visible-record.ts';

/** Milliseconds between two operations of background work that a busy shard takes. */
export const BACKGROUND_MS = 10;

/** Passes a peer's frame of operations on to shards. REQUIRES: it passed its validation. */
export function relayFrame(
  context: CoordinatorContext,
  connection: number,
  words: Int32Array,
  frame: number,
): void {
  const route = routeOf(connection, context.connections.generation[connection]!);
  const priority = (words[frame + FRAME.tag]! >>> 16) & 0xff;
  const remainingMs = words[frame + FRAME.remainingMs]!;
  const due = remainingMs === 0 ? 0 : dueWord(context.now + remainingMs);
  let offset = frame + FRAME_HEADER_WORDS;
  for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
    const wordCount = words[offset + OPERATION.wordCount]!;
    relayOperation(context, connection, route, words, offset, wordCount, priority, due);
    if (isToBePassedOn(words, offset)) {
      passStoreOn(context, connection, words, offset, remainingMs);
    }
    offset += wordCount;
  }
}

/** Whether a store is for other positions, too. */
function isToBePassedOn(words: Int32Array, offset: number): boolean {
  const isStore = (words[offset + REPLICA_REQUEST.opcode]! & 0xff) === REPLICA_OPCODE.store;
  return isStore && words[offset + REPLICA_STORE.fanOut] !== 0;
}

function relayOperation(
  context: CoordinatorContext,
  connection: number,
  route: number,
  words: Int32Array,
  offset: number,
  wordCount: number,
  priority: number,
  due: number,
): void {
  const shard = shardOf(context, words, offset);
  if (shard < 0) {
    refusePeer(context, connection, words, offset, ERRORS.BAD_REQUEST.code);
    return;
  }
  if (context.shardIsUp[shard] === 0) {
    reachable('relay: a peer asks a shard that is down');
    refusePeer(context, connection, words, offset, ERRORS.NOT_READY.code);
    return;
  }
  const opcodeWord = words[offset + REPLICA_REQUEST.opcode]!;
  if (
    ((opcodeWord >>> 8) & REPLICA_REQUEST_FLAG.hint) !== 0 &&
    !isAdmitted(context, words, offset)
  ) {
    reachable('relay: a hinted copy is one too many');
    context.counters.hintsRefused += 1;
    refusePeer(context, connection, words, offset, ERRORS.HINTS_FULL.code);
    return;
  }
  const sink = context.toShard(shard);
  const isFull = isFullFor(context, shard, priority) || buggify('relay: treat a shard as full');
  sink.priority = priority;
  const start = isFull ? -1 : sink.begin(TAG.replicaRequest, wordCount);
  if (start < 0) {
    reachable('relay: a shard takes no more from peers');
    refusePeer(context, connection, words, offset, ERRORS.OVERLOADED.code);
    return;
  }
  copyWords(words, offset, sink.words, start, wordCount);
  sink.words[start + REPLICA_REQUEST.route] = route;
  sink.end(wordCount);
  sink.due = laterDue(sink.due, due);
  context.shardInFlight[shard] = context.shardInFlight[shard]! + 1;
}

/** [PR2] */
function isFullFor(context: CoordinatorContext, shard: number, priority: number): boolean {
  if (priority !== PRIORITY.background) return context.shardIsFull(shard);
  const isBusy = context.shardInFlight[shard]! * 2 >= context.limits.replicaOperationsInFlightMax;
  if (isBusy && context.now >= context.backgroundAt[shard]! && !context.shardIsFull(shard)) {
    reachable('relay: a busy shard takes a little background work of peers');
    context.backgroundAt[shard] = context.now + BACKGROUND_MS;
    return false;
  }
  if (isBusy) reachable('relay: background work of a peer waits for a busy shard');
  return isBusy;
}

/** [PR3] Reads of what is held, and operations that are no stores, are not asked. */
function isAdmitted(context: CoordinatorContext, words: Int32Array, offset: number): boolean {
  if ((words[offset + REPLICA_REQUEST.opcode]! & 0xff) !== REPLICA_OPCODE.store) return true;
  const { ring, ledger, wallTimeMs } = context;
  const record = offset + REPLICA_STORE_HEADER_WORDS;
  const bucket = ring.buckets.get(words[record + HEADER.bucketId]!);
  const partition = partitionOf(words[record + HEADER.tokenHigh]!, ring.partitionBits);
  const owed = words[offset + REPLICA_STORE.owed]!;
  const owners = ownersOf(ring, bucket?.replicationClass ?? 0, partition, owed);
  const byteCount = recordWordCount(words, record) * 4;
  return ledger.admits(owners, byteCount, Math.floor(wallTimeMs / 1000));
}

/** -1 where the operation names a partition that there is not. */
function shardOf(context: CoordinatorContext, words: Int32Array, offset: number): number {
  const { ring } = context;
  const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
  if (opcode === REPLICA_OPCODE.scan) {
    const keyByteCount = words[offset + REPLICA_REQUEST.keyAndContext]! & 0xffff;
    const scan = offset + REPLICA_READ_HEADER_WORDS + paddedWords(keyByteCount);
    const partition = words[scan + SCAN.partition]!;
    return partition < ring.shardOfPartition.length ? ring.shardOfPartition[partition]! : -1;
  }
  const high =
    opcode === REPLICA_OPCODE.store
      ? words[offset + REPLICA_STORE_HEADER_WORDS + HEADER.tokenHigh]!
      : words[offset + REPLICA_REQUEST.tokenHigh]!;
  return ring.shardOfPartition[partitionOf(high, ring.partitionBits)]!;
}

function refusePeer(
  context: CoordinatorContext,
  connection: number,
  words: Int32Array,
  offset: number,
  status: number,
): void {
  const opcode = words[offset + REPLICA_REQUEST.opcode]! & 0xff;
  const sink = context.toConnection(connection);
  const start = sink.begin(TAG.replicaReply, REPLICA_REPLY_HEADER_WORDS);
  if (start < 0) return;
  const reply = sink.words;
  reply.fill(0, start, start + REPLICA_REPLY_HEADER_WORDS);
  reply[start + REPLICA_REPLY.kind] = replyKindOf(opcode) | (status << 8);
  reply[start + REPLICA_REPLY.slot] = words[offset + REPLICA_REQUEST.slot]!;
  reply[start + REPLICA_REPLY.slotGeneration] = words[offset + REPLICA_REQUEST.slotGeneration]!;
  sink.end(REPLICA_REPLY_HEADER_WORDS);
}

/**
 * Sends a shard's answer to the peer that asked; a record it names is copied from shared memory, in its
 * visible form.
 */
export function relayReply(
  context: CoordinatorContext,
  visible: VisibleRecord,
  shard: number,
  words: Int32Array,
  offset: number,
): void {
  const route = words[offset + REPLICA_REPLY.route]!;
  const connection = connectionOfRoute(route);
  if (!context.connections.isOpen(connection, generationOfRoute(route))) {
    reachable('relay: the peer that asked has gone');
    return;
  }
  // That a record is a hidden one is this node's own affair.
  const kind = words[offset + REPLICA_REPLY.kind]! & ~(REPLY_FLAG.hidden << 24);
  const isInline = (kind >>> 24) & REPLY_FLAG.inline;
  const isNamed =
    isInline === 0 &&
    (kind & 0xff) === REPLY_KIND.read &&
    words[offset + REPLICA_REPLY.recordWords] !== 0;
  if (isNamed) {
    const chunk = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
    visible.take(chunk, words[offset + REPLICA_REPLY.offset]!);
  }
  const named = isNamed ? recordWordCount(visible.words, visible.offset) : 0;
  const ownWords = words[offset + REPLICA_REPLY.wordCount]!;
  const sink = context.toConnection(connection);
  const start = sink.begin(TAG.replicaReply, ownWords + named);
  if (start < 0) {
    reachable('relay: the link to a peer takes no more answers');
    return;
  }
  const out = sink.words;
  copyWords(words, offset, out, start, ownWords);
  out[start + REPLICA_REPLY.route] = 0;
  out[start + REPLICA_REPLY.chunk] = 0;
  out[start + REPLICA_REPLY.offset] = 0;
  if (isInline === 0) out[start + REPLICA_REPLY.recordWords] = named;
  out[start + REPLICA_REPLY.kind] = isNamed ? kind | (REPLY_FLAG.inline << 24) : kind;
  if (isNamed) copyWords(visible.words, visible.offset, out, start + ownWords, named);
  sink.end(ownWords + named);
}
