/**
 * A client's write on the replica that coordinates it: the current record and the operands become
 * the next record, word for word.
 *
 * A write with a context replaces exactly the siblings that the context covers. One without a
 * context replaces all of the current record. With an empty context it replaces none. In a `lww`
 * bucket each write replaces the one sibling, and its hybrid time is raised above that one's; a retry's
 * is not, which loses to what is later (V15).
 *
 * data plane
 *
 * Invariants:
 *   V6 a write replaces exactly what its context covers, and adds one sibling with a new dot
 *   V9 an operation id that the record holds or remembers makes nothing: the write is one event
 *   V10 a write never brings siblings or their bytes beyond the limits; a write that does not add to
 *       them is never refused for them
 *   V15 a retried write of a `lww` bucket makes nothing where a later one is
 *
 * A retried overwrite replaces only what its session could have seen (retry-context.ts, V14); what is too
 * much of the context retires (retire.ts, V16).
 *
 * Boundary: the current record was read, successfully, by the replica that makes the dot. The output
 * has room for writeWordCountMax words and overlaps no input. A negative status leaves rubbish there.
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { compareUnsigned64 } from '@clockwise/record/compare';
import { copyWords } from '@clockwise/record/copy';
import { joinOwed, owedOf } from '@clockwise/record/hidden';
import {
  contextCount,
  contextOffset,
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  kindWord,
  paddedWords,
  RECENT_WORDS,
  recentCount,
  recentsOffset,
  recordWordCount,
  SIBLING,
  SIBLING_FLAG,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { compareEntries, contextCovers, coverNewDot, joinContexts } from './context.ts';
import { overwritePlain, writeSibling } from './plain-overwrite.ts';
import { hybridSeconds, operationIsKnown, RecentsUnion } from './recents.ts';
import type { RecentLimits } from './recents.ts';
import { retireEntries } from './retire.ts';
import { contextOfSeen } from './retry-context.ts';
import type { WriteOperands } from './write-operands.ts';

export interface WriteLimits extends RecentLimits {
  readonly contextEntriesMax: number;
  readonly siblingsMax: number;
  readonly siblingBytesMax: number;
}

/** Why nothing was written. Not stored, not sent. */
export const WRITE_STATUS = {
  tooManySiblings: -1,
  /** The record knows this operation already: the answer is the current record. */
  duplicate: -2,
  /** The client's context claims dots of this incarnation that it has not given yet. */
  contextFromFuture: -3,
  /** [V15] Answered as a duplicate: had it come in time, the present sibling had replaced it. */
  overtaken: -4,
} as const;

/** Made once per core. */
export class RecordWriter {
  readonly limits: WriteLimits;
  readonly recents: RecentsUnion;
  /** The siblings kept so far, the new one included. */
  count = 0;
  tombstones = 0;
  valueBytes = 0;
  /** What a retried overwrite may replace, as the entries of a context. */
  seenContext: Int32Array = new Int32Array(16 * ENTRY_WORDS);

  constructor(limits: WriteLimits) {
    this.limits = limits;
    this.recents = new RecentsUnion(limits);
  }
}

/** Writes the next record at `record` in `out`; returns its words. `current`: -1 for none. */
export function applyWrite(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  record: number,
): number {
  if (current >= 0) {
    const refusal = lookBefore(writer, operands, words, current);
    if (refusal < 0) return refusal;
    const wordCount = overwritePlain(writer.limits, operands, words, current, out, record);
    if (wordCount > 0) return wordCount;
  }
  return writeAny(writer, operands, words, current, out, record);
}

/** The general way; exported for the tests that compare the plain one with it. */
export function writeAny(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  record: number,
): number {
  const keyWordCount = paddedWords(operands.keyByteCount);
  const context = record + HEADER_WORDS + keyWordCount;
  copyWords(operands.keyWords, operands.keyOffset, out, record + HEADER_WORDS, keyWordCount);
  const entries = writeContext(operands, words, current, out, context);
  if (entries < 0) return entries;
  const siblings = context + entries * ENTRY_WORDS;
  writer.recents.begin();
  writer.count = 0;
  writer.tombstones = 0;
  writer.valueBytes = 0;
  let position = siblings;
  sometimes(
    current >= 0 && !operands.contextGiven && siblingCount(words, current) > 1,
    'write: a write without a context replaces several siblings',
  );
  if (operands.contextGiven && !operands.lww && current >= 0) {
    position = writeSiblings(writer, operands, words, current, out, siblings);
    sometimes(writer.count > 1, 'write: a write leaves siblings that its context does not cover');
    if (addsBeyondLimits(writer, words, current)) return WRITE_STATUS.tooManySiblings;
  } else {
    position = addSibling(writer, operands, out, siblings);
    if (current >= 0) dropSiblings(writer, words, current);
    // [V15] A retry keeps the time of its first try: it is not before what it replaces.
    const isRaised = operands.lww && !operands.retry && current >= 0;
    if (isRaised) raiseHybridTime(words, current, out, siblings);
  }
  const recents =
    current < 0 ? 0 : writeRecents(writer, operands, words, current, out, siblings, position);
  const wordCount = position + recents * RECENT_WORDS - record;
  out[record + HEADER.wordCount] = wordCount;
  out[record + HEADER.kind] = kindWord(
    writer.count === writer.tombstones,
    operands.replicationClass,
  );
  out[record + HEADER.bucketId] = operands.bucketId;
  out[record + HEADER.tokenHigh] = operands.tokenHigh;
  out[record + HEADER.tokenLow] = operands.tokenLow;
  out[record + HEADER.keyAndContext] = operands.keyByteCount | (entries << 16);
  out[record + HEADER.siblingsAndRecents] = writer.count | (recents << 16);
  // Zero, but for hidden records.
  const held = current < 0 ? 0 : owedOf(words, current);
  out[record + HEADER.reserved] = held === 0 ? operands.owed : joinOwed(held, operands.owed);
  const { contextEntriesMax } = writer.limits;
  return entries > contextEntriesMax ? retireEntries(out, record, contextEntriesMax) : wordCount;
}

/** What the present record says of a write that may have been made already. 0: that it is made. */
function lookBefore(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
): number {
  const { sessionLow, sessionHigh, sequence } = operands;
  if (operationIsKnown(words, current, sessionLow, sessionHigh, sequence)) {
    return WRITE_STATUS.duplicate;
  }
  if (!operands.retry) return 0;
  if (operands.lww) return isOvertaken(operands, words, current) ? WRITE_STATUS.overtaken : 0;
  if (!operands.contextGiven) replaceOnlySeen(writer, operands, words, current);
  return 0;
}

/** [V15] Whether the present sibling is later, as a join would say. */
function isOvertaken(operands: WriteOperands, words: Int32Array, current: number): boolean {
  const sibling = siblingsOffset(words, current);
  const byTime = compareUnsigned64(
    words[sibling + SIBLING.hybridHigh]!,
    words[sibling + SIBLING.hybridLow]!,
    operands.hybridHigh,
    operands.hybridLow,
  );
  if (byTime !== 0) return byTime > 0;
  return compareEntries(words, sibling + SIBLING.incarnationLow, operands.dot, 0) > 0;
}

/** [V14] From an overwrite to a write with the context of what its session could have seen. */
function replaceOnlySeen(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
): void {
  const count = siblingCount(words, current);
  if (writer.seenContext.length < count * ENTRY_WORDS) {
    writer.seenContext = new Int32Array(count * 2 * ENTRY_WORDS);
  }
  const { seenLow, seenHigh } = operands;
  operands.contextGiven = true;
  operands.contextWords = writer.seenContext;
  operands.contextOffset = 0;
  operands.contextCount = contextOfSeen(words, current, seenLow, seenHigh, writer.seenContext, 0);
  sometimes(operands.contextCount > 0, 'write: a retried overwrite replaces what its session saw');
  sometimes(operands.contextCount === 0, 'write: a retried overwrite replaces nothing');
}

/** What is known here, what the client knew, and the new dot. Returns entries, or a status. */
function writeContext(
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  context: number,
): number {
  const entriesCurrent = current < 0 ? 0 : contextCount(words, current);
  const contextCurrent = current < 0 ? 0 : contextOffset(words, current);
  const given = operands.contextGiven && !operands.lww ? operands.contextCount : 0;
  let entries = entriesCurrent;
  if (given === 0) {
    copyWords(words, contextCurrent, out, context, entriesCurrent * ENTRY_WORDS);
  } else {
    entries = joinContexts(
      words,
      contextCurrent,
      entriesCurrent,
      operands.contextWords,
      operands.contextOffset,
      given,
      out,
      context,
    );
  }
  entries = coverNewDot(out, context, entries, operands.dot, 0);
  if (entries < 0) {
    const known = contextCovers(words, contextCurrent, entriesCurrent, operands.dot, 0);
    assert(!known, 'no incarnation gives a counter that its own record covers');
    return WRITE_STATUS.contextFromFuture;
  }
  return entries;
}

/** The current siblings that the client's context does not cover, and the new one in its place. */
function writeSiblings(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  siblings: number,
): number {
  let position = siblings;
  let sibling = siblingsOffset(words, current);
  let isWritten = false;
  for (let remaining = siblingCount(words, current); remaining > 0; remaining -= 1) {
    const dot = sibling + SIBLING.incarnationLow;
    const wordCount = siblingWordCount(words, sibling);
    if (!isWritten && compareEntries(operands.dot, 0, words, dot) < 0) {
      position = addSibling(writer, operands, out, position);
      isWritten = true;
    }
    const { contextWords, contextOffset: given, contextCount: givenCount } = operands;
    if (contextCovers(contextWords, given, givenCount, words, dot)) {
      writer.recents.drop(words, sibling);
    } else {
      copyWords(words, sibling, out, position, wordCount);
      writer.count += 1;
      writer.tombstones += words[sibling + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone;
      writer.valueBytes += words[sibling + SIBLING.valueBytes]!;
      position += wordCount;
    }
    sibling += wordCount;
  }
  return isWritten ? position : addSibling(writer, operands, out, position);
}

function addSibling(
  writer: RecordWriter,
  operands: WriteOperands,
  out: Int32Array,
  position: number,
): number {
  writer.count += 1;
  writer.tombstones += operands.tombstone ? 1 : 0;
  writer.valueBytes += operands.tombstone ? 0 : operands.valueByteCount;
  return writeSibling(operands, out, position);
}

function dropSiblings(writer: RecordWriter, words: Int32Array, current: number): void {
  let sibling = siblingsOffset(words, current);
  for (let remaining = siblingCount(words, current); remaining > 0; remaining -= 1) {
    writer.recents.drop(words, sibling);
    sibling += siblingWordCount(words, sibling);
  }
}

/** What joins have made too large may be reconciled in steps: only more of it is refused. */
function addsBeyondLimits(writer: RecordWriter, words: Int32Array, current: number): boolean {
  const { siblingsMax, siblingBytesMax } = writer.limits;
  const countCurrent = siblingCount(words, current);
  if (writer.count > siblingsMax && writer.count > countCurrent) return true;
  if (writer.valueBytes <= siblingBytesMax || writer.count === 1) return false;
  let bytesCurrent = 0;
  let sibling = siblingsOffset(words, current);
  for (let remaining = countCurrent; remaining > 0; remaining -= 1) {
    bytesCurrent += words[sibling + SIBLING.valueBytes]!;
    sibling += siblingWordCount(words, sibling);
  }
  sometimes(writer.valueBytes <= bytesCurrent, 'write: one beyond the limits that adds nothing');
  return writer.valueBytes > bytesCurrent;
}

/** The later write wins although a clock is behind: one above what it replaces, at the least. */
function raiseHybridTime(
  words: Int32Array,
  current: number,
  out: Int32Array,
  sibling: number,
): void {
  const replaced = siblingsOffset(words, current);
  const low = words[replaced + SIBLING.hybridLow]! >>> 0;
  const high = words[replaced + SIBLING.hybridHigh]! >>> 0;
  const newLow = out[sibling + SIBLING.hybridLow]! >>> 0;
  const newHigh = out[sibling + SIBLING.hybridHigh]! >>> 0;
  if (newHigh > high || (newHigh === high && newLow > low)) return;
  reachable('write: the clock is behind the lww write that is replaced');
  const carries = low === 0xffff_ffff;
  assert(!(carries && high === 0xffff_ffff), 'hybrid time has room above it');
  out[sibling + SIBLING.hybridLow] = (low + 1) | 0;
  out[sibling + SIBLING.hybridHigh] = (high + (carries ? 1 : 0)) | 0;
}

function writeRecents(
  writer: RecordWriter,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  siblings: number,
  outRecents: number,
): number {
  return writer.recents.write(
    words,
    recentsOffset(words, current),
    recentCount(words, current),
    words,
    current + recordWordCount(words, current),
    0,
    hybridSeconds(operands.hybridLow, operands.hybridHigh),
    out,
    siblings,
    writer.count,
    outRecents,
  );
}
