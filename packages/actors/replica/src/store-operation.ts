/**
 * A record that another replica made, or that a get merged: joined with what is here. data plane.
 *
 * Invariants:
 *   S1 a store that brings nothing new appends nothing, and is acknowledged when what is here is durable
 *   S2 nobody else knows a counter of this incarnation that was not given here
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { LANE } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS } from '@clockwise/protocol/errors';
import {
  DURABILITY,
  POLICY,
  REPLICA_REQUEST,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import {
  contextCount,
  contextOffset,
  ENTRY,
  ENTRY_WORDS,
  HEADER,
  KIND,
  recordWordCount,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { RELATION } from '@clockwise/versioning/context';
import { joinRecords } from '@clockwise/versioning/join';
import { compareRecords } from '@clockwise/versioning/relation';
import { commitRecord } from './commit-record.ts';
import type { ReplicaContext } from './replica-context.ts';
import { durabilityOf, laneOf, replyRecord, replyStatus, type Asker } from './reply.ts';
import type { DotMaker } from './write-operation.ts';

/** `chunk` and `current` say where the key's record is; `current` is -1 where there is none. */
export function applyStoreOperation(
  context: ReplicaContext,
  dots: DotMaker,
  asker: Asker,
  hash: number,
  chunk: number,
  current: number,
): void {
  const { memtable, counters } = context;
  const incoming = asker.offset + REPLICA_STORE_HEADER_WORDS;
  counters.stores += 1;
  checkOwnDots(context, dots, asker.words, incoming);
  observeTimes(context, asker.words, incoming);
  const currentWords = memtable.pool.words[chunk < 0 ? 0 : chunk]!;
  if (current >= 0) {
    const relation = compareRecords(currentWords, current, asker.words, incoming);
    if (relation === RELATION.equal || relation === RELATION.leftDominates) {
      const lane = laneOf(context, chunk, current);
      sometimes(lane === LANE.now, 'replica: a store brings nothing new');
      sometimes(lane === LANE.durable, 'replica: a store repeats what is not durable yet');
      replyRecord(context, asker, REPLY_KIND.stored, lane, chunk, current);
      return;
    }
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
    sometimes(!join.equalsRight, 'replica: a store is joined with what the other did not know');
    if (join.discardedConcurrent) counters.lwwDiscardedConcurrent += 1;
  }
  commitRecord(context, record, hash, currentWords, current);
  if (durabilityOf(opcode) === DURABILITY.sync) context.needsSync = true;
  replyRecord(context, asker, REPLY_KIND.stored, LANE.durable, memtable.activeChunk, record);
}

function isTombstone(words: Int32Array, record: number): boolean {
  return (words[record + HEADER.kind]! & 0xff) === KIND.tombstone;
}

/** [S2] */
function checkOwnDots(
  context: ReplicaContext,
  dots: DotMaker,
  words: Int32Array,
  record: number,
): void {
  const { low, high } = context.incarnation;
  let entry = contextOffset(words, record);
  for (let left = contextCount(words, record); left > 0; left -= 1) {
    if (
      words[entry + ENTRY.incarnationLow] === low &&
      words[entry + ENTRY.incarnationHigh] === high
    ) {
      const counterLow = words[entry + ENTRY.counterLow]!;
      const counterHigh = words[entry + ENTRY.counterHigh]!;
      assert(
        !dots.isAhead(counterLow, counterHigh),
        '[S2] a counter of this incarnation was given by this incarnation',
      );
    }
    entry += ENTRY_WORDS;
  }
}

function observeTimes(context: ReplicaContext, words: Int32Array, record: number): void {
  let sibling = siblingsOffset(words, record);
  for (let left = siblingCount(words, record); left > 0; left -= 1) {
    // A time too far ahead is not followed; the record is kept all the same.
    context.clock.observe(
      words[sibling + SIBLING.hybridLow]!,
      words[sibling + SIBLING.hybridHigh]!,
      context.wallTimeMs,
    );
    sibling += siblingWordCount(words, sibling);
  }
}
