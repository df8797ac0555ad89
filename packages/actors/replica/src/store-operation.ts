/**
 * A record that another replica made, or that a get merged: joined with what is here. data plane.
 *
 * Invariants:
 *   S1 a store that brings nothing new, and of a hinted copy owes nobody more, appends nothing, and is
 *      acknowledged when what is here is durable
 *   S2 a record that knows a counter of this shard's incarnations that was not given here is stored like any
 *      other, and the shard makes no more dots under that name
 */
import { buggify } from '@clockwise/kernel/buggify';
import { LANE } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  DURABILITY,
  POLICY,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { isHidden, joinOwed, owedOf } from '@clockwise/record/hidden';
import { HEADER, KIND, recordWordCount } from '@clockwise/record/layout';
import { RELATION } from '@clockwise/versioning/context';
import { joinRecords } from '@clockwise/versioning/join';
import { compareRecords } from '@clockwise/versioning/relation';
import { commitRecord } from './commit-record.ts';
import { observeTimes } from './observe-times.ts';
import type { ReplicaContext } from './replica-context.ts';
import { durabilityOf, laneOf, replyRecord, replyStatus, type Asker } from './reply.ts';

/** `chunk` and `current` say where the key's record is; `current` is -1 where there is none. */
export function applyStoreOperation(
  context: ReplicaContext,
  asker: Asker,
  hash: number,
  chunk: number,
  current: number,
): void {
  const { memtable, counters } = context;
  const incoming = asker.offset + REPLICA_STORE_HEADER_WORDS;
  counters.stores += 1;
  if (isHidden(asker.words, incoming)) counters.hinted += 1;
  leaveNamesAhead(context, asker.words, incoming);
  observeTimes(context, asker.words, incoming);
  const currentWords = memtable.pool.words[chunk < 0 ? 0 : chunk]!;
  if (current >= 0) {
    const relation = compareRecords(currentWords, current, asker.words, incoming);
    const isOld = relation === RELATION.equal || relation === RELATION.leftDominates;
    if (isOld && owesNoMore(currentWords, current, asker.words, incoming)) {
      replyOld(context, asker, chunk, current);
      return;
    }
    sometimes(isOld, 'replica: a hinted copy is owed to more positions');
  }
  if (isTombstone(asker.words, incoming) ? context.refusesDeletes : context.refusesValues) {
    reachable('replica: a full disk refuses a store');
    counters.refusedByFullDisk += 1;
    replyStatus(context, asker, REPLY_KIND.stored, ERRORS.DISK_FULL.code, LANE.now);
    return;
  }
  const size = recordWordCount(asker.words, incoming);
  const currentSize = current < 0 ? 0 : recordWordCount(currentWords, current);
  const isRefused = buggify('replica: refuse a store although memory has room');
  const record = isRefused ? -1 : memtable.reserve(size + currentSize);
  if (record < 0) {
    reachable('replica: a store is refused for want of memory');
    counters.overloaded += 1;
    replyStatus(context, asker, REPLY_KIND.stored, ERRORS.OVERLOADED.code, LANE.now);
    return;
  }
  const opcode = asker.words[asker.offset + REPLICA_REQUEST.opcode]!;
  if (current < 0) {
    copyWords(asker.words, incoming, memtable.words, record, size);
  } else {
    const { join } = context;
    join.lww = ((opcode >>> 24) & POLICY.lww) !== 0;
    join.nowSeconds = context.nowSeconds;
    joinRecords(join, currentWords, current, asker.words, incoming, memtable.words, record);
    if (join.equalsLeft && owesNoMore(currentWords, current, asker.words, incoming)) {
      // What was new has retired from the context again.
      replyOld(context, asker, chunk, current);
      return;
    }
    sometimes(!join.equalsRight, 'replica: a store is joined with what the other did not know');
    if (join.discardedConcurrent) counters.lwwDiscardedConcurrent += 1;
  }
  commitRecord(context, record, hash, chunk, current);
  if (durabilityOf(opcode) === DURABILITY.sync) context.needsSync = true;
  replyRecord(context, asker, REPLY_KIND.stored, LANE.durable, memtable.activeChunk, record);
}

function isTombstone(words: Int32Array, record: number): boolean {
  return (words[record + HEADER.kind]! & 0xff) === KIND.tombstone;
}

/** [S1] */
function replyOld(context: ReplicaContext, asker: Asker, chunk: number, current: number): void {
  const lane = laneOf(context, chunk, current);
  sometimes(lane === LANE.now, 'replica: a store brings nothing new');
  sometimes(lane === LANE.durable, 'replica: a store repeats what is not durable yet');
  replyRecord(context, asker, REPLY_KIND.stored, lane, chunk, current);
}

/** Visible records are owed to nobody: both words are zero. */
function owesNoMore(
  currentWords: Int32Array,
  current: number,
  words: Int32Array,
  incoming: number,
): boolean {
  const held = owedOf(currentWords, current);
  return joinOwed(held, owedOf(words, incoming)) === held;
}

/**
 * [S2] Whose name stands in it with more than was given under it: a client has forged the entry, or there
 * is another maker of dots under that name. Either way whatever is made under it next could be taken for
 * known by somebody who never saw it. The operator hears of the 1st, 2nd, 4th, 8th.
 */
function leaveNamesAhead(context: ReplicaContext, words: Int32Array, record: number): void {
  const { book, counters, shard } = context;
  const leftCount = book.leaveAhead(words, record);
  if (leftCount === 0) return;
  const before = counters.namesAhead;
  counters.namesAhead += leftCount;
  if (Math.clz32(before) === Math.clz32(counters.namesAhead)) return;
  const message: ActorMessage = { kind: 'name-ahead', shard, count: counters.namesAhead };
  context.out.effect({ kind: 'tell', to: 'main', message });
}
