/**
 * A client's put or delete on the replica that makes its dot: read, merge, append, insert, in one
 * step. data plane.
 *
 * Invariants:
 *   W1 a dot is made only after this replica has successfully read the key
 *
 * Names and counters (W2, HN3) are the incarnation book's: what a stand-in writes, it writes under the
 * fallback name.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { LANE } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  DURABILITY,
  POLICY,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_WRITE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { compareUnsigned64 } from '@clockwise/record/compare';
import { isHiddenBucket } from '@clockwise/record/hidden';
import {
  ENTRY_WORDS,
  paddedWords,
  recordWordCount,
  SIBLING,
  siblingCount,
  siblingsOffset,
} from '@clockwise/record/layout';
import { contextCovers } from '@clockwise/versioning/context';
import { operationIsKnown } from '@clockwise/versioning/recents';
import { applyWrite, WRITE_STATUS } from '@clockwise/versioning/write';
import { type WriteOperands, writeWordCountMax } from '@clockwise/versioning/write-operands';
import { commitRecord } from './commit-record.ts';
import { observeTimes } from './observe-times.ts';
import type { ReplicaContext } from './replica-context.ts';
import { durabilityOf, laneOf, replyRecord, replyStatus, type Asker } from './reply.ts';

/** `chunk` and `current` say where the key's record is; `current` is -1 where there is none. */
export function applyWriteOperation(
  context: ReplicaContext,
  asker: Asker,
  hash: number,
  chunk: number,
  current: number,
): void {
  const { memtable, operands, counters } = context;
  const currentWords = memtable.pool.words[chunk < 0 ? 0 : chunk]!;
  if (current >= 0 && context.isFromBefore(currentWords, current)) {
    observeTimes(context, currentWords, current);
  }
  const isFollowed = fillOperands(context, asker.words, asker.offset);
  if (operands.tombstone ? context.refusesDeletes : context.refusesValues) {
    sometimes(operands.tombstone, 'replica: a full disk refuses even a delete');
    sometimes(!operands.tombstone, 'replica: a full disk refuses a put');
    counters.refusedByFullDisk += 1;
    refuse(context, asker, ERRORS.DISK_FULL.code);
    return;
  }
  if (operands.lww && !isFollowed && !isKnown(context, currentWords, current)) {
    reachable('replica: a session of a lww bucket has seen a time too far ahead');
    refuse(context, asker, ERRORS.CLOCK_AHEAD.code);
    return;
  }
  const currentSize = current < 0 ? 0 : recordWordCount(currentWords, current);
  const wordCountMax = writeWordCountMax(operands, currentSize);
  const isRefused = buggify('replica: refuse a write although memory has room');
  const record = isRefused ? -1 : memtable.reserve(wordCountMax);
  if (record < 0) {
    reachable('replica: a write is refused for want of memory');
    counters.overloaded += 1;
    replyStatus(context, asker, REPLY_KIND.written, ERRORS.OVERLOADED.code, LANE.now);
    return;
  }
  counters.writes += 1;
  const isHint = isHiddenBucket(operands.bucketId);
  if (isHint) counters.hinted += 1;
  context.book.next(operands.dot, isHint);
  const { words } = memtable;
  const size = applyWrite(context.writer, operands, currentWords, current, words, record);
  if (size < 0) {
    replyRefusal(context, asker, size, chunk, current);
    return;
  }
  if (operands.lww && operands.contextGiven) countDiscarded(context, currentWords, current);
  commitRecord(context, record, hash, chunk, current);
  sometimes(operands.tombstone && current < 0, 'replica: a delete of a key that nobody put');
  sometimes(operands.tombstone && current >= 0, 'replica: a delete of a record');
  const flags = asker.words[asker.offset + REPLICA_REQUEST.opcode]!;
  if (durabilityOf(flags) === DURABILITY.sync) context.needsSync = true;
  const active = memtable.activeChunk;
  if (((flags >>> 8) & REPLICA_REQUEST_FLAG.forward) !== 0) {
    replyRecord(context, asker, REPLY_KIND.forward, LANE.now, active, record);
  }
  replyRecord(context, asker, REPLY_KIND.written, LANE.durable, active, record);
}

function replyRefusal(
  context: ReplicaContext,
  asker: Asker,
  status: number,
  chunk: number,
  current: number,
): void {
  switch (status) {
    case WRITE_STATUS.overtaken:
      reachable('replica: a retried lww write is older than what is here');
      context.counters.lwwDiscardedConcurrent += 1;
      replyDuplicate(context, asker, chunk, current);
      return;
    case WRITE_STATUS.duplicate:
      replyDuplicate(context, asker, chunk, current);
      return;
    case WRITE_STATUS.tooManySiblings:
      reachable('replica: a write is refused for too many siblings');
      refuse(context, asker, ERRORS.TOO_MANY_SIBLINGS.code);
      return;
    case WRITE_STATUS.contextFromFuture:
      refuse(context, asker, ERRORS.BAD_REQUEST.code);
      return;
    default:
      unreachable(status as never);
  }
}

/** A write of a `lww` bucket replaces what is there also where its writer named something else. */
function countDiscarded(
  { operands, counters }: ReplicaContext,
  currentWords: Int32Array,
  current: number,
): void {
  if (current < 0 || siblingCount(currentWords, current) === 0) return;
  const { contextWords, contextOffset, contextCount } = operands;
  const dot = siblingsOffset(currentWords, current) + SIBLING.incarnationLow;
  if (contextCovers(contextWords, contextOffset, contextCount, currentWords, dot)) return;
  reachable('replica: a lww write replaces what its writer had not seen');
  counters.lwwDiscardedConcurrent += 1;
}

/** The record is as if the write had been made: forwarded again, and acknowledged when durable. */
function replyDuplicate(
  context: ReplicaContext,
  asker: Asker,
  chunk: number,
  current: number,
): void {
  const flags = asker.words[asker.offset + REPLICA_REQUEST.opcode]!;
  const flag = REPLY_FLAG.duplicate << 24;
  if (((flags >>> 8) & REPLICA_REQUEST_FLAG.forward) !== 0) {
    // Other replicas may acknowledge before this one's record is durable: who is answered then is told, too.
    replyRecord(context, asker, REPLY_KIND.forward | flag, LANE.now, chunk, current);
  }
  const kind = REPLY_KIND.written | flag;
  const lane = laneOf(context, chunk, current);
  sometimes(lane === LANE.now, 'replica: a write is repeated whose record is durable');
  sometimes(lane === LANE.durable, 'replica: a write is repeated before its record is durable');
  replyRecord(context, asker, kind, lane, chunk, current);
}

function refuse(context: ReplicaContext, asker: Asker, status: number): void {
  replyStatus(context, asker, REPLY_KIND.written, status, LANE.now);
}

/** False: the session has seen a time that is too far ahead to be followed. */
function fillOperands(context: ReplicaContext, words: Int32Array, offset: number): boolean {
  const { operands, clock } = context;
  const opcode = words[offset + REPLICA_REQUEST.opcode]!;
  const flags = (opcode >>> 8) & 0xff;
  const keyAndContext = words[offset + REPLICA_REQUEST.keyAndContext]!;
  operands.bucketId = words[offset + REPLICA_REQUEST.bucketId]!;
  operands.tokenHigh = words[offset + REPLICA_REQUEST.tokenHigh]!;
  operands.tokenLow = words[offset + REPLICA_REQUEST.tokenLow]!;
  operands.replicationClass = words[offset + REPLICA_REQUEST.replicationClass]!;
  operands.keyWords = words;
  operands.keyOffset = offset + REPLICA_WRITE_HEADER_WORDS;
  operands.keyByteCount = keyAndContext & 0xffff;
  operands.contextGiven = (flags & REPLICA_REQUEST_FLAG.contextGiven) !== 0;
  operands.contextWords = words;
  operands.contextOffset = operands.keyOffset + paddedWords(operands.keyByteCount);
  operands.contextCount = keyAndContext >>> 16;
  operands.valueWords = words;
  operands.valueOffset = operands.contextOffset + operands.contextCount * ENTRY_WORDS;
  operands.valueByteCount = words[offset + REPLICA_REQUEST.valueBytes]!;
  operands.codec = (opcode >>> 16) & 0xff;
  operands.tombstone = (flags & REPLICA_REQUEST_FLAG.tombstone) !== 0;
  operands.expirySeconds = words[offset + REPLICA_REQUEST.expirySeconds]!;
  operands.sessionLow = words[offset + REPLICA_REQUEST.sessionLow]!;
  operands.sessionHigh = words[offset + REPLICA_REQUEST.sessionHigh]!;
  operands.sequence = words[offset + REPLICA_REQUEST.sequence]!;
  operands.lww = ((opcode >>> 24) & POLICY.lww) !== 0;
  operands.retry = (flags & REPLICA_REQUEST_FLAG.retry) !== 0;
  operands.owed = words[offset + REPLICA_REQUEST.owed]!;
  const seenLow = words[offset + REPLICA_REQUEST.seenLow]!;
  const seenHigh = words[offset + REPLICA_REQUEST.seenHigh]!;
  const isFollowed =
    compareUnsigned64(seenHigh, seenLow, clock.high, clock.low) <= 0 ||
    clock.observe(seenLow, seenHigh, context.wallTimeMs);
  clock.tick(context.wallTimeMs);
  operands.hybridLow = clock.low;
  operands.hybridHigh = clock.high;
  if (operands.retry) {
    operands.seenLow = isFollowed ? seenLow : 0;
    operands.seenHigh = isFollowed ? seenHigh : 0;
    const ageMs = words[offset + REPLICA_REQUEST.ageMs]!;
    if (operands.lww) stampRetried(operands, context.wallTimeMs - ageMs);
  }
  return isFollowed;
}

/** [V15] A retried lww write has the time at which it was first sent, and is later than what was seen. */
function stampRetried(operands: WriteOperands, firstTryMs: number): void {
  const milliseconds = Math.max(0, Math.floor(firstTryMs));
  const { seenLow, seenHigh } = operands;
  operands.hybridLow = (milliseconds & 0xffff) << 16;
  operands.hybridHigh = Math.floor(milliseconds / 65_536) | 0;
  const { hybridLow, hybridHigh } = operands;
  if (compareUnsigned64(hybridHigh, hybridLow, seenHigh, seenLow) > 0) return;
  reachable('replica: a retried lww write is stamped after what its session had seen');
  operands.hybridLow = (seenLow + 1) | 0;
  operands.hybridHigh = (seenHigh + (operands.hybridLow === 0 ? 1 : 0)) | 0;
}

/** A write that was made is answered as such, whatever its session has seen. */
function isKnown(context: ReplicaContext, currentWords: Int32Array, current: number): boolean {
  const { sessionLow, sessionHigh, sequence } = context.operands;
  return current >= 0 && operationIsKnown(currentWords, current, sessionLow, sessionHigh, sequence);
}
