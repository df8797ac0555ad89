/**
 * The usual write: one without a context that was not sent before, over a record with one sibling whose
 * context names this incarnation already. It writes what `applyWrite` would, word for word, in one pass:
 * each part of the next record is a part of the present one or of the request.
 *
 * data plane
 *
 * Invariants:
 *   PO1 it writes what the general way writes, or nothing that counts
 *
 * Boundary: whether the record knows the operation already was looked at before.
 */
import { compareUnsigned64 } from '@clockwise/record/compare';
import { copyWords } from '@clockwise/record/copy';
import {
  ENTRY,
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  kindWord,
  paddedWords,
  RECENT,
  RECENT_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';
import { hybridSeconds, type RecentLimits } from './recents.ts';
import type { WriteOperands } from './write-operands.ts';

export interface OverwriteLimits extends RecentLimits {
  readonly contextEntriesMax: number;
}

/** The words of the record that was written at `record` in `out`; 0: it is no such write. [PO1] */
export function overwritePlain(
  limits: OverwriteLimits,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  out: Int32Array,
  record: number,
): number {
  if (operands.contextGiven || operands.retry || operands.owed !== 0) return 0;
  const counts = words[current + HEADER.siblingsAndRecents]!;
  if ((counts & 0xffff) !== 1 || words[current + HEADER.reserved] !== 0) return 0;
  const keyAndContext = words[current + HEADER.keyAndContext]!;
  const entries = keyAndContext >>> 16;
  if (entries > limits.contextEntriesMax) return 0;
  const keyWords = paddedWords(keyAndContext & 0xffff);
  const context = current + HEADER_WORDS + keyWords;
  const entry = entryBefore(operands.dot, words, context, entries);
  if (entry < 0) return 0;
  const sibling = context + entries * ENTRY_WORDS;
  if (operands.lww && !isLater(operands, words, sibling)) return 0;
  // Key and context as they are, but for the new dot's counter.
  const contextEnd = HEADER_WORDS + keyWords + entries * ENTRY_WORDS;
  for (let word = HEADER_WORDS; word < contextEnd; word += 1) {
    out[record + word] = words[current + word]!;
  }
  const newEntry = record + (entry - current);
  out[newEntry + ENTRY.counterLow] = operands.dot[ENTRY.counterLow]!;
  out[newEntry + ENTRY.counterHigh] = operands.dot[ENTRY.counterHigh]!;
  const recentsAt = writeSibling(operands, out, record + contextEnd);
  const end = writeRecents(limits, operands, words, current, sibling, out, recentsAt);
  if (end < 0) return 0;
  const wordCount = end - record;
  out[record + HEADER.wordCount] = wordCount;
  out[record + HEADER.kind] = kindWord(operands.tombstone, operands.replicationClass);
  out[record + HEADER.bucketId] = operands.bucketId;
  out[record + HEADER.tokenHigh] = operands.tokenHigh;
  out[record + HEADER.tokenLow] = operands.tokenLow;
  out[record + HEADER.keyAndContext] = keyAndContext;
  out[record + HEADER.siblingsAndRecents] = 1 | (((end - recentsAt) / RECENT_WORDS) << 16);
  out[record + HEADER.reserved] = 0;
  return wordCount;
}

/** The entry of the dot's incarnation, where its counter is below the dot's; else -1. */
function entryBefore(dot: Int32Array, words: Int32Array, context: number, entries: number): number {
  const incarnationLow = dot[ENTRY.incarnationLow]!;
  const incarnationHigh = dot[ENTRY.incarnationHigh]!;
  const end = context + entries * ENTRY_WORDS;
  for (let entry = context; entry < end; entry += ENTRY_WORDS) {
    if (
      words[entry + ENTRY.incarnationLow] === incarnationLow &&
      words[entry + ENTRY.incarnationHigh] === incarnationHigh
    ) {
      const order = compareUnsigned64(
        words[entry + ENTRY.counterHigh]!,
        words[entry + ENTRY.counterLow]!,
        dot[ENTRY.counterHigh]!,
        dot[ENTRY.counterLow]!,
      );
      return order < 0 ? entry : -1;
    }
  }
  return -1;
}

/** Of a `lww` bucket: whether the write's time needs no raising above what it replaces. */
function isLater(operands: WriteOperands, words: Int32Array, sibling: number): boolean {
  return (
    compareUnsigned64(
      operands.hybridHigh,
      operands.hybridLow,
      words[sibling + SIBLING.hybridHigh]!,
      words[sibling + SIBLING.hybridLow]!,
    ) > 0
  );
}

/** Returns where it ends. */
export function writeSibling(operands: WriteOperands, out: Int32Array, position: number): number {
  const { tombstone, dot } = operands;
  const valueByteCount = tombstone ? 0 : operands.valueByteCount;
  const valueWordCount = paddedWords(valueByteCount);
  out[position + SIBLING.flagsAndCodec] = tombstone ? SIBLING_FLAG.tombstone : operands.codec << 8;
  out[position + SIBLING.valueBytes] = valueByteCount;
  out[position + SIBLING.incarnationLow] = dot[0]!;
  out[position + SIBLING.incarnationHigh] = dot[1]!;
  out[position + SIBLING.counterLow] = dot[2]!;
  out[position + SIBLING.counterHigh] = dot[3]!;
  out[position + SIBLING.sessionLow] = operands.sessionLow;
  out[position + SIBLING.sessionHigh] = operands.sessionHigh;
  out[position + SIBLING.sequence] = operands.sequence;
  out[position + SIBLING.expirySeconds] = tombstone ? 0 : operands.expirySeconds;
  out[position + SIBLING.hybridLow] = operands.hybridLow;
  out[position + SIBLING.hybridHigh] = operands.hybridHigh;
  const value = position + SIBLING_HEADER_WORDS;
  copyWords(operands.valueWords, operands.valueOffset, out, value, valueWordCount);
  return value + valueWordCount;
}

/**
 * The latest of what is remembered, and after that the sibling that is replaced, where it is the latest
 * of all, as it mostly is. Returns where they end; -1: it is not.
 */
function writeRecents(
  limits: OverwriteLimits,
  operands: WriteOperands,
  words: Int32Array,
  current: number,
  sibling: number,
  out: Int32Array,
  outRecents: number,
): number {
  const count = words[current + HEADER.siblingsAndRecents]! >>> 16;
  const end = current + words[current + HEADER.wordCount]!;
  const oldest =
    hybridSeconds(operands.hybridLow, operands.hybridHigh) - limits.recentOperationsSeconds;
  let room = limits.recentOperationsMax;
  const hasSession =
    (words[sibling + SIBLING.sessionLow]! | words[sibling + SIBLING.sessionHigh]!) !== 0;
  let seconds = -1;
  if (hasSession && room > 0) {
    const hybridLow = words[sibling + SIBLING.hybridLow]!;
    seconds = hybridSeconds(hybridLow, words[sibling + SIBLING.hybridHigh]!);
    if (count > 0 && !isLatest(words, sibling, seconds, end - RECENT_WORDS)) return -1;
    // Where it is too old all others are, too.
    room = seconds < oldest ? 0 : room - 1;
  }
  let from = end - (count < room ? count : room) * RECENT_WORDS;
  while (from < end && words[from + RECENT.seconds]! >>> 0 < oldest) from += RECENT_WORDS;
  let position = outRecents;
  for (; from < end; from += 1, position += 1) out[position] = words[from]!;
  if (seconds < 0 || seconds < oldest) return position;
  out[position + RECENT.sessionLow] = words[sibling + SIBLING.sessionLow]!;
  out[position + RECENT.sessionHigh] = words[sibling + SIBLING.sessionHigh]!;
  out[position + RECENT.sequence] = words[sibling + SIBLING.sequence]!;
  out[position + RECENT.seconds] = seconds;
  out[position + RECENT.incarnationLow] = words[sibling + SIBLING.incarnationLow]!;
  out[position + RECENT.incarnationHigh] = words[sibling + SIBLING.incarnationHigh]!;
  out[position + RECENT.counterLow] = words[sibling + SIBLING.counterLow]!;
  out[position + RECENT.counterHigh] = words[sibling + SIBLING.counterHigh]!;
  return position + RECENT_WORDS;
}

/** Whether a sibling, as a recent, comes after one by seconds and counter: see compareRecents. */
function isLatest(words: Int32Array, sibling: number, seconds: number, recent: number): boolean {
  const recentSeconds = words[recent + RECENT.seconds]! >>> 0;
  if (seconds !== recentSeconds) return seconds > recentSeconds;
  return (
    compareUnsigned64(
      words[sibling + SIBLING.counterHigh]!,
      words[sibling + SIBLING.counterLow]!,
      words[recent + RECENT.counterHigh]!,
      words[recent + RECENT.counterLow]!,
    ) > 0
  );
}
