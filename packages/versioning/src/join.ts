/**
 * The join of two records of one key, word for word from both inputs into the output.
 *
 * A sibling stays if both records hold it, or if one holds it and the other does not cover its dot.
 * In a `lww` bucket the one sibling with the highest hybrid time stays instead, ties going to the
 * higher dot. Equal operation ids do not matter here: they are resolved where siblings are shown
 * (reconcile.ts), because no bounded memory of ids makes a join that drops by id associative
 * (docs/internals/versioning.md has the counterexample).
 *
 * data plane
 *
 * Invariants:
 *   V2 the join is commutative to the byte, and associative and idempotent in context and siblings
 *   V3 a sibling disappears only where a write superseded it (or, in `lww`, a later one won)
 *   V4 of two reachable records of one key with equal contexts, the siblings are equal
 *
 * What is too much of the context retires (retire.ts, V16).
 *
 * Boundary: both records passed validateRecord, and are of one key. The policy of a bucket never
 * changes. The output has room for both records together, and does not overlap them.
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { compareDots, compareUnsigned64 } from '@clockwise/record/compare';
import { copyWords } from '@clockwise/record/copy';
import { joinOwed, owedOf } from '@clockwise/record/hidden';
import {
  contextCount,
  contextOffset,
  ENTRY_WORDS,
  HEADER,
  keyBytes,
  keyOffset,
  kindWord,
  paddedWords,
  RECENT_WORDS,
  recentCount,
  recentsOffset,
  SIBLING,
  SIBLING_FLAG,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { compareContexts, contextCovers, joinContexts, RELATION } from './context.ts';
import { RecentsUnion } from './recents.ts';
import type { RecentLimits } from './recents.ts';
import { retireEntries } from './retire.ts';

export interface JoinLimits extends RecentLimits {
  readonly contextEntriesMax: number;
}

/** Bucket and token lie together in the header. */
const PLACE_WORDS = 3;

/** What a join needs and what it tells, made once per core and used for every join. */
export class RecordJoin {
  /** Set by the caller: the bucket's policy, and now in seconds since 1970. */
  lww = false;
  nowSeconds = 0;
  /** Told: the joined context and siblings are exactly those of that side; nothing to store. */
  equalsLeft = false;
  equalsRight = false;
  /** Told: `lww` dropped a sibling that no write superseded (metric lww_discarded_concurrent). */
  discardedConcurrent = false;
  readonly contextEntriesMax: number;
  readonly recents: RecentsUnion;
  /** The joined siblings so far, and whether they are all of a side's. */
  count = 0;
  tombstones = 0;
  siblingsEqualLeft = false;
  siblingsEqualRight = false;

  constructor(limits: JoinLimits) {
    this.contextEntriesMax = limits.contextEntriesMax;
    this.recents = new RecentsUnion(limits);
  }
}

/** Writes the joined record at `record` in `out`; returns its words. */
export function joinRecords(
  join: RecordJoin,
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
  out: Int32Array,
  record: number,
): number {
  const keyByteCount = keyBytes(wordsLeft, left);
  assert(keyByteCount === keyBytes(wordsRight, right), 'joined records are of one key');
  copyWords(wordsLeft, keyOffset(left), out, keyOffset(record), paddedWords(keyByteCount));
  const entriesLeft = contextCount(wordsLeft, left);
  const entriesRight = contextCount(wordsRight, right);
  const contextLeft = contextOffset(wordsLeft, left);
  const contextRight = contextOffset(wordsRight, right);
  const relation = compareContexts(
    wordsLeft,
    contextLeft,
    entriesLeft,
    wordsRight,
    contextRight,
    entriesRight,
  );
  const context = keyOffset(record) + paddedWords(keyByteCount);
  const entries = joinContexts(
    wordsLeft,
    contextLeft,
    entriesLeft,
    wordsRight,
    contextRight,
    entriesRight,
    out,
    context,
  );
  const siblings = context + entries * ENTRY_WORDS;
  beginJoin(join);
  const siblingsEnd = join.lww
    ? joinLatest(join, wordsLeft, left, wordsRight, right, out, siblings)
    : joinSiblings(join, wordsLeft, left, wordsRight, right, out, siblings);
  const recents = join.recents.write(
    wordsLeft,
    recentsOffset(wordsLeft, left),
    recentCount(wordsLeft, left),
    wordsRight,
    recentsOffset(wordsRight, right),
    recentCount(wordsRight, right),
    join.nowSeconds,
    out,
    siblings,
    join.count,
    siblingsEnd,
  );
  assert((join.count | recents | entries) >>> 16 === 0, 'counts of a record have 16 bits');
  const wordCount = siblingsEnd + recents * RECENT_WORDS - record;
  out[record + HEADER.wordCount] = wordCount;
  out[record + HEADER.kind] = kindWord(
    join.count === join.tombstones,
    joinReplicationClass(wordsLeft, left, wordsRight, right),
  );
  copyWords(wordsLeft, left + HEADER.bucketId, out, record + HEADER.bucketId, PLACE_WORDS);
  out[record + HEADER.keyAndContext] = keyByteCount | (entries << 16);
  out[record + HEADER.siblingsAndRecents] = join.count | (recents << 16);
  out[record + HEADER.reserved] = joinOwed(owedOf(wordsLeft, left), owedOf(wordsRight, right));
  if (entries > join.contextEntriesMax) {
    return retireJoined(join, wordsLeft, left, wordsRight, right, out, record);
  }
  join.equalsLeft = join.siblingsEqualLeft && (relation & RELATION.rightDominates) === 0;
  join.equalsRight = join.siblingsEqualRight && (relation & RELATION.leftDominates) === 0;
  return wordCount;
}

function beginJoin(join: RecordJoin): void {
  join.recents.begin();
  join.count = 0;
  join.tombstones = 0;
  join.discardedConcurrent = false;
  join.siblingsEqualLeft = true;
  join.siblingsEqualRight = true;
}

/** [V16] Which side the result equals shows only when the oldest entries have left it. */
function retireJoined(
  join: RecordJoin,
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
  out: Int32Array,
  record: number,
): number {
  const wordCount = retireEntries(out, record, join.contextEntriesMax);
  join.equalsLeft = join.siblingsEqualLeft && contextsAreEqual(out, record, wordsLeft, left);
  join.equalsRight = join.siblingsEqualRight && contextsAreEqual(out, record, wordsRight, right);
  return wordCount;
}

function contextsAreEqual(
  words: Int32Array,
  record: number,
  otherWords: Int32Array,
  other: number,
): boolean {
  const relation = compareContexts(
    words,
    contextOffset(words, record),
    contextCount(words, record),
    otherWords,
    contextOffset(otherWords, other),
    contextCount(otherWords, other),
  );
  return relation === RELATION.equal;
}

function joinReplicationClass(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const classLeft = (wordsLeft[left + HEADER.kind]! >>> 16) & 0xff;
  const classRight = (wordsRight[right + HEADER.kind]! >>> 16) & 0xff;
  return classLeft > classRight ? classLeft : classRight;
}

/** Walks both lists by dot. Returns the end of what it wrote. */
function joinSiblings(
  join: RecordJoin,
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
  out: Int32Array,
  siblings: number,
): number {
  let position = siblings;
  let fromLeft = siblingsOffset(wordsLeft, left);
  let fromRight = siblingsOffset(wordsRight, right);
  let remainingLeft = siblingCount(wordsLeft, left);
  let remainingRight = siblingCount(wordsRight, right);
  while (remainingLeft > 0 || remainingRight > 0) {
    let order = remainingLeft === 0 ? 1 : -1;
    if (remainingLeft > 0 && remainingRight > 0) {
      order = compareDots(wordsLeft, fromLeft, wordsRight, fromRight);
    }
    if (order === 0) {
      position = keepShared(join, wordsLeft, fromLeft, wordsRight, fromRight, out, position);
    } else if (order < 0) {
      const end = keepUncovered(join, wordsLeft, fromLeft, wordsRight, right, out, position);
      if (end === position) join.siblingsEqualLeft = false;
      else join.siblingsEqualRight = false;
      position = end;
    } else {
      const end = keepUncovered(join, wordsRight, fromRight, wordsLeft, left, out, position);
      if (end === position) join.siblingsEqualRight = false;
      else join.siblingsEqualLeft = false;
      position = end;
    }
    if (order <= 0) {
      fromLeft += siblingWordCount(wordsLeft, fromLeft);
      remainingLeft -= 1;
    }
    if (order >= 0) {
      fromRight += siblingWordCount(wordsRight, fromRight);
      remainingRight -= 1;
    }
  }
  return position;
}

/** Copies a sibling that the other record does not cover; else it is superseded, and remembered. */
function keepUncovered(
  join: RecordJoin,
  words: Int32Array,
  sibling: number,
  otherWords: Int32Array,
  other: number,
  out: Int32Array,
  position: number,
): number {
  const context = contextOffset(otherWords, other);
  const entries = contextCount(otherWords, other);
  if (contextCovers(otherWords, context, entries, words, sibling + SIBLING.incarnationLow)) {
    reachable('join: a sibling of one side is superseded by the other');
    join.recents.drop(words, sibling);
    return position;
  }
  reachable('join: a sibling of one side is unknown to the other');
  return copySibling(join, words, sibling, out, position);
}

function copySibling(
  join: RecordJoin,
  words: Int32Array,
  sibling: number,
  out: Int32Array,
  position: number,
): number {
  const wordCount = siblingWordCount(words, sibling);
  copyWords(words, sibling, out, position, wordCount);
  join.count += 1;
  join.tombstones += words[sibling + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone;
  return position + wordCount;
}

/** One dot is one write. Only an expired value may have become a tombstone on one side already. */
function keepShared(
  join: RecordJoin,
  wordsLeft: Int32Array,
  siblingLeft: number,
  wordsRight: Int32Array,
  siblingRight: number,
  out: Int32Array,
  position: number,
): number {
  const flagsLeft = wordsLeft[siblingLeft + SIBLING.flagsAndCodec]!;
  const flagsRight = wordsRight[siblingRight + SIBLING.flagsAndCodec]!;
  if (flagsLeft === flagsRight || (flagsLeft & SIBLING_FLAG.tombstone) !== 0) {
    if (flagsLeft !== flagsRight) join.siblingsEqualRight = false;
    return copySibling(join, wordsLeft, siblingLeft, out, position);
  }
  join.siblingsEqualLeft = false;
  return copySibling(join, wordsRight, siblingRight, out, position);
}

/** `lww`: whether what is known covers a sibling does not matter, only which one is the latest. */
function joinLatest(
  join: RecordJoin,
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
  out: Int32Array,
  siblings: number,
): number {
  assert(siblingCount(wordsLeft, left) === 1, 'a record of a lww bucket has one sibling');
  assert(siblingCount(wordsRight, right) === 1, 'a record of a lww bucket has one sibling');
  const siblingLeft = siblingsOffset(wordsLeft, left);
  const siblingRight = siblingsOffset(wordsRight, right);
  if (compareDots(wordsLeft, siblingLeft, wordsRight, siblingRight) === 0) {
    reachable('join: both sides of a lww bucket hold the same write');
    return keepShared(join, wordsLeft, siblingLeft, wordsRight, siblingRight, out, siblings);
  }
  if (compareLatest(wordsLeft, siblingLeft, wordsRight, siblingRight) > 0) {
    reachable('join: the left side of a lww bucket is the later');
    join.siblingsEqualRight = false;
    dropEarlier(join, wordsRight, siblingRight, wordsLeft, left);
    return copySibling(join, wordsLeft, siblingLeft, out, siblings);
  }
  join.siblingsEqualLeft = false;
  dropEarlier(join, wordsLeft, siblingLeft, wordsRight, right);
  return copySibling(join, wordsRight, siblingRight, out, siblings);
}

function dropEarlier(
  join: RecordJoin,
  words: Int32Array,
  sibling: number,
  winnerWords: Int32Array,
  winner: number,
): void {
  const context = contextOffset(winnerWords, winner);
  const entries = contextCount(winnerWords, winner);
  const dot = sibling + SIBLING.incarnationLow;
  join.discardedConcurrent = !contextCovers(winnerWords, context, entries, words, dot);
  sometimes(join.discardedConcurrent, 'join: lww drops a write that nobody superseded');
  join.recents.drop(words, sibling);
}

/** Hybrid time, then the dot. */
export function compareLatest(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const byTime = compareUnsigned64(
    wordsLeft[left + SIBLING.hybridHigh]!,
    wordsLeft[left + SIBLING.hybridLow]!,
    wordsRight[right + SIBLING.hybridHigh]!,
    wordsRight[right + SIBLING.hybridLow]!,
  );
  return byTime !== 0 ? byTime : compareDots(wordsLeft, left, wordsRight, right);
}
