/**
 * The operation ids that a record remembers after their siblings were superseded: a set of
 * (seconds, dot, id), sorted by seconds, then counters. Kept are the latest of them inside the window, and for as long as
 * a sibling of the same id lives, whatever names that id (reconcile.ts hides such a sibling).
 *
 * data plane
 *
 * Invariants:
 *   V7 what is remembered of a join is what is remembered of the union: the order of joins does not
 *      show, inside the window
 *   V8 an id of no session (zero) is nobody's: never remembered, never equal to another
 *
 * Boundary: nothing else in a record depends on what is remembered here.
 */
import { compareRecents } from '@clockwise/record/compare';
import { copyWords } from '@clockwise/record/copy';
import {
  ENTRY_WORDS,
  RECENT,
  RECENT_WORDS,
  recentCount,
  recentsOffset,
  SIBLING,
  siblingCount as siblingCountOf,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';

export interface RecentLimits {
  readonly recentOperationsMax: number;
  readonly recentOperationsSeconds: number;
}

/** A run of picked recents: which list (0 left, 1 right, 2 dropped), where, how many words. */
const RUN_WORDS = 3;
const RUN = { list: 0, offset: 1, wordCount: 2 } as const;

/** Whole seconds since 1970 of a hybrid time, as an unsigned 32-bit number. */
export function hybridSeconds(hybridLow: number, hybridHigh: number): number {
  return Math.floor(((hybridHigh >>> 0) * 65_536 + (hybridLow >>> 16)) / 1000) >>> 0;
}

/** Whether the sibling carries this id, an id that names a session. */
export function sameOperation(
  words: Int32Array,
  sibling: number,
  sessionLow: number,
  sessionHigh: number,
  sequence: number,
): boolean {
  return (
    words[sibling + SIBLING.sequence] === sequence &&
    words[sibling + SIBLING.sessionLow] === sessionLow &&
    words[sibling + SIBLING.sessionHigh] === sessionHigh &&
    (sessionLow | sessionHigh) !== 0
  );
}

/** Whether an id is among remembered ones. */
export function recentsContain(
  words: Int32Array,
  recents: number,
  count: number,
  sessionLow: number,
  sessionHigh: number,
  sequence: number,
): boolean {
  const end = recents + count * RECENT_WORDS;
  for (let recent = recents; recent < end; recent += RECENT_WORDS) {
    if (
      words[recent + RECENT.sequence] === sequence &&
      words[recent + RECENT.sessionLow] === sessionLow &&
      words[recent + RECENT.sessionHigh] === sessionHigh
    ) {
      return true;
    }
  }
  return false;
}

/** Whether a record holds or remembers what an operation made. An id of no session is nobody's. */
export function operationIsKnown(
  words: Int32Array,
  record: number,
  sessionLow: number,
  sessionHigh: number,
  sequence: number,
): boolean {
  if ((sessionLow | sessionHigh) === 0) return false;
  let sibling = siblingsOffset(words, record);
  for (let remaining = siblingCountOf(words, record); remaining > 0; remaining -= 1) {
    if (sameOperation(words, sibling, sessionLow, sessionHigh, sequence)) return true;
    sibling += siblingWordCount(words, sibling);
  }
  const recents = recentsOffset(words, record);
  const count = recentCount(words, record);
  return recentsContain(words, recents, count, sessionLow, sessionHigh, sequence);
}

export class RecentsUnion {
  readonly #countMax: number;
  readonly #windowSeconds: number;
  /** The recents of siblings that this join or write drops, sorted. */
  #dropped: Int32Array = new Int32Array(16 * RECENT_WORDS);
  #droppedCount = 0;
  #runs: Int32Array = new Int32Array(64 * RUN_WORDS);
  #runCount = 0;
  /** Of the write at hand: the window, the record's siblings, and how many the window let in. */
  #oldestSeconds = 0;
  #siblingWords: Int32Array;
  #siblings = 0;
  #siblingCount = 0;
  #keptCount = 0;

  constructor(limits: RecentLimits) {
    this.#countMax = limits.recentOperationsMax;
    this.#windowSeconds = limits.recentOperationsSeconds;
    this.#siblingWords = this.#dropped;
  }

  begin(): void {
    this.#droppedCount = 0;
  }

  /** A sibling is superseded: what it was is remembered. */
  drop(words: Int32Array, sibling: number): void {
    const sessionLow = words[sibling + SIBLING.sessionLow]!;
    const sessionHigh = words[sibling + SIBLING.sessionHigh]!;
    if ((sessionLow | sessionHigh) === 0 || this.#countMax === 0) return;
    const end = this.#droppedCount * RECENT_WORDS;
    if (end + RECENT_WORDS > this.#dropped.length) this.#growDropped();
    const dropped = this.#dropped;
    dropped[end + RECENT.sessionLow] = sessionLow;
    dropped[end + RECENT.sessionHigh] = sessionHigh;
    dropped[end + RECENT.sequence] = words[sibling + SIBLING.sequence]!;
    dropped[end + RECENT.seconds] = hybridSeconds(
      words[sibling + SIBLING.hybridLow]!,
      words[sibling + SIBLING.hybridHigh]!,
    );
    for (let index = 0; index < ENTRY_WORDS; index += 1) {
      dropped[end + RECENT.incarnationLow + index] =
        words[sibling + SIBLING.incarnationLow + index]!;
    }
    this.#droppedCount += 1;
    this.#sinkLastDropped();
  }

  /**
   * Writes the union of two lists of recents and of what was dropped, less what the limits forget.
   * `siblings` are the record's own, already written in `out`. Returns how many were written.
   */
  write(
    wordsLeft: Int32Array,
    recentsLeft: number,
    countLeft: number,
    wordsRight: Int32Array,
    recentsRight: number,
    countRight: number,
    nowSeconds: number,
    out: Int32Array,
    siblings: number,
    siblingCount: number,
    outRecents: number,
  ): number {
    this.#decideBy(nowSeconds, out, siblings, siblingCount);
    let left = recentsLeft + (countLeft - 1) * RECENT_WORDS;
    let right = recentsRight + (countRight - 1) * RECENT_WORDS;
    let dropped = (this.#droppedCount - 1) * RECENT_WORDS;
    // From the latest to the earliest, so that what is beyond the limit is met last.
    for (;;) {
      const hasLeft = left >= recentsLeft;
      const hasRight = right >= recentsRight;
      const hasDropped = dropped >= 0;
      if (!hasDropped && !(hasLeft && hasRight)) {
        if (hasLeft) this.#pickRest(0, wordsLeft, recentsLeft, left);
        else this.#pickRest(1, wordsRight, recentsRight, right);
        break;
      }
      if (!hasDropped) {
        const same = this.#pickShared(
          wordsLeft,
          recentsLeft,
          left,
          wordsRight,
          recentsRight,
          right,
        );
        left -= same;
        right -= same;
        if (same > 0) continue;
      }
      let list = hasLeft ? 0 : 1;
      let words = hasLeft ? wordsLeft : wordsRight;
      let latest = hasLeft ? left : right;
      if (hasLeft && hasRight) {
        const order = compareRecents(wordsRight, right, wordsLeft, left);
        if (order === 0) right -= RECENT_WORDS;
        if (order > 0) {
          list = 1;
          words = wordsRight;
          latest = right;
        }
      }
      if (hasDropped) {
        const hasOthers = hasLeft || hasRight;
        const order = hasOthers ? compareRecents(this.#dropped, dropped, words, latest) : 1;
        if (order === 0) dropped -= RECENT_WORDS;
        if (order > 0) {
          list = 2;
          words = this.#dropped;
          latest = dropped;
        }
      }
      if (list === 0) left -= RECENT_WORDS;
      else if (list === 1) right -= RECENT_WORDS;
      else dropped -= RECENT_WORDS;
      this.#pick(list, words, latest);
    }
    return this.#copyRuns(wordsLeft, wordsRight, out, outRecents);
  }

  /** What says which recents are kept. */
  #decideBy(nowSeconds: number, words: Int32Array, siblings: number, siblingCount: number): void {
    this.#oldestSeconds = nowSeconds - this.#windowSeconds;
    this.#siblingWords = words;
    this.#siblings = siblings;
    this.#siblingCount = siblingCount;
    this.#keptCount = 0;
    this.#runCount = 0;
  }

  /** Takes the next earlier one, if it is inside the window or names a sibling. */
  #pick(list: number, words: Int32Array, recent: number): void {
    const isInWindow =
      this.#keptCount < this.#countMax &&
      words[recent + RECENT.seconds]! >>> 0 >= this.#oldestSeconds;
    if (isInWindow) this.#keptCount += 1;
    else if (!this.#namesSibling(words, recent)) return;
    this.#pushRun(list, recent, RECENT_WORDS);
  }

  /** What both lists have alike at their ends is one run, the usual case. Returns its words. */
  #pickShared(
    wordsLeft: Int32Array,
    firstLeft: number,
    lastLeft: number,
    wordsRight: Int32Array,
    firstRight: number,
    lastRight: number,
  ): number {
    let left = lastLeft;
    let right = lastRight;
    let room = this.#countMax - this.#keptCount;
    while (
      room > 0 &&
      left >= firstLeft &&
      right >= firstRight &&
      recentsEqual(wordsLeft, left, wordsRight, right) &&
      wordsLeft[left + RECENT.seconds]! >>> 0 >= this.#oldestSeconds
    ) {
      left -= RECENT_WORDS;
      right -= RECENT_WORDS;
      room -= 1;
    }
    const wordCount = lastLeft - left;
    if (wordCount > 0) this.#pushRun(0, left + RECENT_WORDS, wordCount);
    this.#keptCount = this.#countMax - room;
    return wordCount;
  }

  /** One list is left: its latest inside the window are one run. */
  #pickRest(list: number, words: Int32Array, first: number, last: number): void {
    const room = (this.#countMax - this.#keptCount) * RECENT_WORDS;
    let start = last + RECENT_WORDS - room;
    if (start < first) start = first;
    while (start <= last && words[start + RECENT.seconds]! >>> 0 < this.#oldestSeconds) {
      start += RECENT_WORDS;
    }
    const wordCount = last + RECENT_WORDS - start;
    if (wordCount > 0) this.#pushRun(list, start, wordCount);
    this.#keptCount += wordCount / RECENT_WORDS;
    for (let recent = start - RECENT_WORDS; recent >= first; recent -= RECENT_WORDS) {
      if (this.#namesSibling(words, recent)) this.#pushRun(list, recent, RECENT_WORDS);
    }
  }

  /** Runs come backwards: one that ends where the last one starts lengthens it. */
  #pushRun(list: number, offset: number, wordCount: number): void {
    const last = (this.#runCount - 1) * RUN_WORDS;
    if (
      last >= 0 &&
      this.#runs[last + RUN.list] === list &&
      this.#runs[last + RUN.offset] === offset + wordCount
    ) {
      this.#runs[last + RUN.offset] = offset;
      this.#runs[last + RUN.wordCount]! += wordCount;
      return;
    }
    const next = last + RUN_WORDS;
    if (next + RUN_WORDS > this.#runs.length) this.#growRuns();
    this.#runs[next + RUN.list] = list;
    this.#runs[next + RUN.offset] = offset;
    this.#runs[next + RUN.wordCount] = wordCount;
    this.#runCount += 1;
  }

  /** Returns how many recents the runs had. */
  #copyRuns(
    wordsLeft: Int32Array,
    wordsRight: Int32Array,
    out: Int32Array,
    outRecents: number,
  ): number {
    let position = outRecents;
    for (let index = this.#runCount - 1; index >= 0; index -= 1) {
      const run = index * RUN_WORDS;
      const list = this.#runs[run + RUN.list]!;
      const words = list === 0 ? wordsLeft : list === 1 ? wordsRight : this.#dropped;
      const wordCount = this.#runs[run + RUN.wordCount]!;
      copyWords(words, this.#runs[run + RUN.offset]!, out, position, wordCount);
      position += wordCount;
    }
    return (position - outRecents) / RECENT_WORDS;
  }

  #namesSibling(words: Int32Array, recent: number): boolean {
    const sessionLow = words[recent + RECENT.sessionLow]!;
    const sessionHigh = words[recent + RECENT.sessionHigh]!;
    const sequence = words[recent + RECENT.sequence]!;
    let sibling = this.#siblings;
    for (let remaining = this.#siblingCount; remaining > 0; remaining -= 1) {
      if (sameOperation(this.#siblingWords, sibling, sessionLow, sessionHigh, sequence))
        return true;
      sibling += siblingWordCount(this.#siblingWords, sibling);
    }
    return false;
  }

  /** Siblings come in the order of their dots; dropped recents are kept in their own order. */
  #sinkLastDropped(): void {
    const dropped = this.#dropped;
    let position = (this.#droppedCount - 1) * RECENT_WORDS;
    while (
      position > 0 &&
      compareRecents(dropped, position, dropped, position - RECENT_WORDS) < 0
    ) {
      for (let word = position; word < position + RECENT_WORDS; word += 1) {
        const moved = dropped[word]!;
        dropped[word] = dropped[word - RECENT_WORDS]!;
        dropped[word - RECENT_WORDS] = moved;
      }
      position -= RECENT_WORDS;
    }
  }

  #growDropped(): void {
    const grown = new Int32Array(this.#dropped.length * 2);
    grown.set(this.#dropped);
    this.#dropped = grown;
  }

  #growRuns(): void {
    const grown = new Int32Array(this.#runs.length * 2);
    grown.set(this.#runs);
    this.#runs = grown;
  }
}

function recentsEqual(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): boolean {
  for (let index = 0; index < RECENT_WORDS; index += 1) {
    if (wordsLeft[left + index] !== wordsRight[right + index]!) return false;
  }
  return true;
}
