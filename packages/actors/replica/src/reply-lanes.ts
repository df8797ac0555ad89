/**
 * The lanes from a replica to its coordinators, for tests: frames as they were written, each reply
 * with a copy of what it names. Nothing in a running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { LANE, type Lane } from '@clockwise/kernel/core';
import { ArrayBacking } from '@clockwise/protocol/array-backing';
import {
  FRAME_HEADER_WORDS,
  OPERATION,
  REPLICA_REPLY_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import { decodeRecord, type RecordObject } from '@clockwise/record/build';
import {
  hiddenVersion,
  isHidden,
  owedOf,
  visibleWordCount,
  writeVisible,
} from '@clockwise/record/hidden';
import { HEADER, recordWordCount, siblingCount } from '@clockwise/record/layout';
import { recordLimits, validateRecord } from '@clockwise/record/validate';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { Memtable } from '@clockwise/storage/memtable';
import { SMALL_LIMITS } from './open-replica.ts';
import { sequenceOf } from './replica-context.ts';
import { type ReplyHeader, replyHeader } from './sample-operations.ts';

export interface Reply extends ReplyHeader {
  readonly target: number;
  readonly lane: Lane;
  /** Of a hinted copy its visible form. */
  readonly records: readonly RecordObject[];
  /** By record: what is hidden in it, if it is. */
  readonly hidden: readonly (HiddenPart | undefined)[];
  /** Of the one record that the reply names; 0 for a clean copy. */
  readonly sequence: number;
  /** The coordinator may have seen it. */
  released: boolean;
}

export interface HiddenPart {
  readonly bucketId: number;
  readonly owed: number;
  readonly version: readonly [number, number];
}

export interface Sent {
  readonly wordCount: number;
  readonly replies: readonly Reply[];
  /** What each reply's record was when it was named. */
  readonly copies: readonly Int32Array[];
}

export interface Lanewise {
  readonly backing: ArrayBacking;
  readonly writer: FrameWriter;
  written: number;
  consumed: number;
  waiting: Sent[];
}

/** Where replies name records, and up to where these are on the disk. */
export interface LaneMemory {
  readonly memtable: Memtable;
  readonly durableSequence: number;
}

export function newLane(): Lanewise {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 256);
  return { backing, writer, written: 0, consumed: 0, waiting: [] };
}

function decodeRecords(
  words: Int32Array,
  from: number,
  wordCount: number,
  count: number,
): RecordObject[] {
  const records: RecordObject[] = [];
  let at = from;
  for (let index = 0; index < count; index += 1) {
    records.push(decodeOne(words, at, from + wordCount - at));
    at += recordWordCount(words, at);
  }
  assert(at === from + wordCount, 'a reply has the words that it says');
  return records;
}

function decodeOne(words: Int32Array, record: number, wordCount: number): RecordObject {
  // Marks and what is settled have no other form.
  if (isHidden(words, record) && siblingCount(words, record) === 0)
    return decodeRecord(words, record);
  if (isHidden(words, record)) {
    const visible = new Int32Array(visibleWordCount(words, record));
    return decodeOne(visible, 0, writeVisible(words, record, visible, 0));
  }
  const fault = validateRecord(words, record, wordCount, recordLimits(SMALL_LIMITS));
  assert(fault === 0, `a reply names a whole record, not one with fault ${fault}`);
  return decodeRecord(words, record);
}

function hiddenParts(words: Int32Array, from: number, count: number): (HiddenPart | undefined)[] {
  let at = from;
  return Array.from({ length: count }, () => {
    const record = at;
    at += recordWordCount(words, record);
    if (!isHidden(words, record)) return undefined;
    const version = new Int32Array(2);
    hiddenVersion(words, record, version);
    const bucketId = words[record + HEADER.bucketId]!;
    return { bucketId, owed: owedOf(words, record), version: [version[0]!, version[1]!] };
  });
}

export function assertSame(
  words: Int32Array,
  from: number,
  copy: Int32Array,
  reason: string,
): void {
  assert(
    copy.every((word, index) => words[from + index] === word),
    reason,
  );
}

export function decodeFrame(
  frame: Int32Array,
  target: number,
  lane: Lane,
  { memtable, durableSequence }: LaneMemory,
): Sent {
  const replies: Reply[] = [];
  const copies: Int32Array[] = [];
  for (let at = FRAME_HEADER_WORDS; at < frame.length; at += frame[at + OPERATION.wordCount]!) {
    const header = replyHeader(frame, at);
    const isInline = (header.flags & REPLY_FLAG.inline) !== 0;
    const isNamed = !isInline && header.recordWords > 0;
    const words = isNamed ? memtable.pool.words[header.chunk]! : frame;
    const from = isNamed ? header.offset : at + REPLICA_REPLY_HEADER_WORDS;
    const count = isNamed ? 1 : header.recordCount;
    const records = decodeRecords(words, from, header.recordWords, count);
    const hidden = hiddenParts(words, from, count);
    const isFlagged = (header.flags & REPLY_FLAG.hidden) !== 0;
    assert(!isNamed || isFlagged === (hidden[0] !== undefined), 'a reply says what it names');
    const sequence = isNamed ? sequenceOf(words, from) : 0;
    if (isNamed) {
      const { generations, states } = memtable.pool;
      const isRetired = states[header.chunk] === CHUNK_STATE.retired;
      const generation = generations[header.chunk]! - (isRetired ? 1 : 0);
      assert(header.generation === generation, 'a reply names the chunk as it was in the step');
      assert(recordWordCount(words, from) === header.recordWords, 'a reply names one record');
    }
    if (lane === LANE.now && header.kind !== REPLY_KIND.forward) {
      assert(sequence <= durableSequence, '[RP1] an early answer rests on the disk');
    }
    copies.push(words.slice(from, from + header.recordWords));
    replies.push({
      ...header,
      target,
      lane,
      records,
      hidden,
      sequence,
      released: lane === LANE.now,
    });
  }
  return { wordCount: frame.length, replies, copies };
}
