/**
 * What this shard's node owes to others: notes that a key or a partition is owed to positions of its
 * replica list, and settles that take positions out again once they have what they were owed.
 * data plane.
 *
 * Invariants:
 *   ST1 a settle clears nothing that was owed after the delivered version was read
 *   ST2 a note or settle is answered when it is as durable as it asks for
 *
 * A mark has a number, that of its append. A note of what a mark says already makes no new one, as long
 * as no page has shown that mark to anybody: whoever reads it later reads the key later, too.
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { LANE } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  DURABILITY,
  REPLICA_NOTE,
  REPLICA_NOTE_HEADER_WORDS,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_SETTLE,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { hiddenVersion, joinOwed, OWED, owedOf } from '@clockwise/record/hidden';
import {
  HEADER,
  HEADER_WORDS,
  keyBytes,
  kindWord,
  paddedWords,
  RECENT,
  RECENT_WORDS,
  recentsOffset,
  recordWordCount,
} from '@clockwise/record/layout';
import { commitRecord } from './commit-record.ts';
import type { ReplicaContext } from './replica-context.ts';
import { durabilityOf, laneOf, replyRecord, replyStatus, type Asker } from './reply.ts';

/** `current`: the hidden record until now, or -1 where there is none or nothing is owed any more. */
export function applyOwedOperation(
  context: ReplicaContext,
  asker: Asker,
  opcode: number,
  hash: number,
  chunk: number,
  current: number,
): void {
  const isNote = opcode === REPLICA_OPCODE.note;
  assert(isNote || opcode === REPLICA_OPCODE.settle, 'the gateway passes known operations only');
  if (isNote) applyNoteOperation(context, asker, hash, chunk, current);
  else applySettleOperation(context, asker, hash, chunk, current);
}

function applyNoteOperation(
  context: ReplicaContext,
  asker: Asker,
  hash: number,
  chunk: number,
  current: number,
): void {
  const { memtable, counters } = context;
  const { words, offset } = asker;
  const currentWords = memtable.pool.words[chunk < 0 ? 0 : chunk]!;
  counters.notes += 1;
  let owed = words[offset + REPLICA_NOTE.owed]!;
  let firstSeconds = context.nowSeconds;
  if (current >= 0) {
    const held = owedOf(currentWords, current);
    const recent = recentsOffset(currentWords, current);
    owed = joinOwed(held, owed);
    firstSeconds = currentWords[recent + RECENT.seconds]!;
    if (owed === held && !context.wasHandedOut(currentWords[recent + RECENT.sequence]!)) {
      reachable('owed: a note says nothing new');
      counters.notesSkipped += 1;
      replyRecord(
        context,
        asker,
        REPLY_KIND.noted,
        laneOf(context, chunk, current),
        chunk,
        current,
      );
      return;
    }
    sometimes(owed === held, 'owed: a mark that somebody has read is noted anew');
  }
  const keyByteCount = words[offset + REPLICA_REQUEST.keyAndContext]! & 0xffff;
  const keyWords = paddedWords(keyByteCount);
  const wordCount = HEADER_WORDS + keyWords + RECENT_WORDS;
  const record = reserveOwed(context, asker, wordCount, REPLY_KIND.noted);
  if (record < 0) return;
  const out = memtable.words;
  copyWords(words, offset + REPLICA_NOTE_HEADER_WORDS, out, record + HEADER_WORDS, keyWords);
  out[record + HEADER.wordCount] = wordCount;
  out[record + HEADER.kind] = kindWord(false, 0);
  out[record + HEADER.bucketId] = words[offset + REPLICA_REQUEST.bucketId]!;
  out[record + HEADER.tokenHigh] = words[offset + REPLICA_REQUEST.tokenHigh]!;
  out[record + HEADER.tokenLow] = words[offset + REPLICA_REQUEST.tokenLow]!;
  out[record + HEADER.keyAndContext] = keyByteCount;
  out[record + HEADER.siblingsAndRecents] = 1 << 16;
  out[record + HEADER.reserved] = owed;
  const recent = record + HEADER_WORDS + keyWords;
  for (let word = 0; word < RECENT_WORDS; word += 1) out[recent + word] = 0;
  out[recent + RECENT.sequence] = memtable.nextSequence | 0;
  out[recent + RECENT.seconds] = firstSeconds | 0;
  commitRecord(context, record, hash, chunk, current);
  if (isSynced(asker)) context.needsSync = true;
  replyRecord(context, asker, REPLY_KIND.noted, LANE.durable, memtable.activeChunk, record);
}

function applySettleOperation(
  context: ReplicaContext,
  asker: Asker,
  hash: number,
  chunk: number,
  current: number,
): void {
  const { memtable, counters } = context;
  counters.settles += 1;
  if (current < 0) {
    replyStatus(context, asker, REPLY_KIND.settled, STATUS_OK, LANE.now);
    return;
  }
  const currentWords = memtable.pool.words[chunk]!;
  const held = owedOf(currentWords, current);
  const owed = held & ~delivered(context, asker, currentWords, current);
  if (owed === held) {
    const lane = laneOf(context, chunk, current);
    replyStatus(context, asker, REPLY_KIND.settled, STATUS_OK, lane);
    return;
  }
  const isLast = (owed & OWED.positionMask) === 0;
  const keyWords = paddedWords(keyBytes(currentWords, current));
  const size = isLast ? HEADER_WORDS + keyWords : recordWordCount(currentWords, current);
  const record = reserveOwed(context, asker, size, REPLY_KIND.settled);
  if (record < 0) return;
  const out = memtable.words;
  copyWords(currentWords, current, out, record, size);
  out[record + HEADER.reserved] = owed;
  if (isLast) {
    out[record + HEADER.wordCount] = size;
    out[record + HEADER.kind] = kindWord(false, 0);
    out[record + HEADER.keyAndContext] = keyBytes(currentWords, current);
    out[record + HEADER.siblingsAndRecents] = 0;
    out[record + HEADER.reserved] = 0;
    // [HN3]
    context.book.dropped(currentWords, current);
  }
  sometimes(isLast, 'owed: nobody is owed a hidden record any more');
  sometimes(!isLast, 'owed: some positions of a hidden record are settled');
  commitRecord(context, record, hash, chunk, current);
  if (isSynced(asker)) context.needsSync = true;
  replyStatus(context, asker, REPLY_KIND.settled, STATUS_OK, LANE.durable);
}

/** [ST1] The positions to clear: none where the record or the epoch of its positions is another. */
function delivered(
  context: ReplicaContext,
  { words, offset }: Asker,
  currentWords: Int32Array,
  current: number,
): number {
  const positions = words[offset + REPLICA_SETTLE.positions]!;
  const version = context.leafHash;
  hiddenVersion(currentWords, current, version);
  const isSame =
    version[0] === words[offset + REPLICA_SETTLE.versionLow]! &&
    version[1] === words[offset + REPLICA_SETTLE.versionHigh]! &&
    (positions ^ owedOf(currentWords, current)) >>> OWED.epochShift === 0;
  sometimes(!isSame, 'owed: a settle comes when there is a later version');
  return isSame ? positions & OWED.positionMask : 0;
}

/** Room in memory, or -1: refused. What makes the node owe less, or know what it owes, is as a delete. */
function reserveOwed(context: ReplicaContext, asker: Asker, size: number, kind: number): number {
  if (context.refusesDeletes) {
    reachable('owed: a full disk refuses a note or settle');
    context.counters.refusedByFullDisk += 1;
    replyStatus(context, asker, kind, ERRORS.DISK_FULL.code, LANE.now);
    return -1;
  }
  const isRefused = buggify('replica: refuse a note or settle although memory has room');
  const record = isRefused ? -1 : context.memtable.reserve(size);
  if (record >= 0) return record;
  reachable('owed: a note or settle is refused for want of memory');
  context.counters.overloaded += 1;
  replyStatus(context, asker, kind, ERRORS.OVERLOADED.code, LANE.now);
  return -1;
}

function isSynced({ words, offset }: Asker): boolean {
  return durabilityOf(words[offset + REPLICA_REQUEST.opcode]!) === DURABILITY.sync;
}
