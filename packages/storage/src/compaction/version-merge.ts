/**
 * Of all versions of one key, the record that a merge writes, if any, and what the others are counted
 * as. The rules in order: what a range drop took away; the newest full record; deltas, folded; values
 * that expired; tombstones that nobody needs any more.
 *
 * Invariants:
 *   VM1 the newest version that is no delta wins, with the deltas above it folded into it
 *   VM2 a tombstone goes only at the bottom, and only below the horizon of its partition
 *   VM3 values that expired leave a tombstone with the same dots, context and recents
 *   VM4 of hidden records those go that nobody is owed any more, and only at the bottom: above it, they
 *       cover what they settled
 *
 * Each version is counted once (merge-counts.ts, MJ1).
 */
import { assert } from '@clockwise/kernel/assert';
import { copyWords } from '@clockwise/record/copy';
import { isHidden, isSettled } from '@clockwise/record/hidden';
import {
  HEADER,
  KIND,
  recentCount,
  recentsOffset,
  RECENT_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import type { RangeDrop } from '../manifest.ts';
import { rangeHolds } from '../table-extent.ts';
import type { MergeCounts } from './merge-counts.ts';
import type { MergeRun } from './merge-run.ts';

/** What may go, as its caller knows it: seconds since 1970, exclusive for tombstones. */
export interface DropHorizon {
  /** Values that expired at or before it are taken away; 0: none. */
  readonly expiredBeforeSeconds: number;
  /** The partition is so many top bits of the token. */
  readonly partitionBits: number;
  /** By partition: older tombstones are needed by nobody; undefined: all are needed. */
  readonly tombstonesBeforeSeconds: Float64Array | undefined;
}

/**
 * Makes one record of two versions, the newer being a delta; the words written. REQUIRES: the result has
 * the key of both, and no more words than both together.
 */
export type Combine = (
  newer: Int32Array,
  newerAt: number,
  older: Int32Array,
  olderAt: number,
  out: Int32Array,
  outAt: number,
) => number;

export interface VersionMergeOptions {
  readonly horizon: DropHorizon;
  readonly rangeDrops: readonly RangeDrop[];
  readonly isBottom: boolean;
  readonly combine: Combine;
}

const SCRATCH_WORDS = 4096;

export class VersionMerge {
  /** The record to write; borrowed until the next call. */
  words: Int32Array = new Int32Array(0);
  /** -1: none. */
  record = -1;
  readonly #options: VersionMergeOptions;
  readonly #counts: MergeCounts;
  /** Folds go from one to the other. */
  #scratch: Int32Array = new Int32Array(SCRATCH_WORDS);
  #spare: Int32Array = new Int32Array(SCRATCH_WORDS);

  constructor(options: VersionMergeOptions, counts: MergeCounts) {
    this.#options = options;
    this.#counts = counts;
  }

  /** Takes all versions of the key that `run` stands at. */
  take(run: MergeRun): void {
    const counts = this.#counts;
    const count = run.versionCount;
    counts.inputRecords += count;
    this.record = -1;
    let isWhole = false;
    for (let version = 0; version < count; version += 1) {
      const { words, record, lastSequence } = run.head(version);
      if (this.#isDropped(run, lastSequence)) counts.droppedRange += 1;
      else if (isWhole) counts.droppedOlder += 1;
      else {
        if (this.record < 0) this.#set(words, record);
        else this.#fold(words, record);
        isWhole = (words[record + HEADER.kind]! & 0xff) !== KIND.delta;
      }
    }
    if (this.record < 0) return;
    const isRewritten = this.#isExpired();
    if (isRewritten) this.#rewrite();
    if (this.#isSettledAtBottom() || this.#isUnneeded(run.tokenHigh)) {
      counts.droppedTombstone += 1;
      this.record = -1;
      return;
    }
    if (isRewritten) counts.expiredRewritten += 1;
    counts.outputRecords += 1;
  }

  #set(words: Int32Array, record: number): void {
    this.words = words;
    this.record = record;
  }

  #isDropped(run: MergeRun, lastSequence: number): boolean {
    const { rangeDrops } = this.#options;
    for (let index = 0; index < rangeDrops.length; index += 1) {
      const drop = rangeDrops[index]!;
      if (lastSequence > drop.sequence) continue;
      if (rangeHolds(drop, run.bucketId, run.tokenHigh, run.tokenLow)) return true;
    }
    return false;
  }

  /** What was folded so far, a delta, with an older version. */
  #fold(older: Int32Array, olderAt: number): void {
    const newerWords = this.words[this.record + HEADER.wordCount]!;
    const room = newerWords + older[olderAt + HEADER.wordCount]!;
    const out = this.#spareFor(room);
    const { combine } = this.#options;
    const written = combine(this.words, this.record, older, olderAt, out, 0);
    assert(written > 0 && written <= room, 'a fold gives a record no larger than both');
    assert(out[HEADER.wordCount] === written, 'a fold gives one record');
    this.#spare = this.#scratch;
    this.#scratch = out;
    this.#set(out, 0);
    this.#counts.folded += 1;
  }

  /** Whether every sibling is a tombstone, or a value that expired, and one is a value. */
  #isExpired(): boolean {
    const { words, record } = this;
    const { expiredBeforeSeconds } = this.#options.horizon;
    if (expiredBeforeSeconds === 0) return false;
    if ((words[record + HEADER.kind]! & 0xff) !== KIND.full) return false;
    const count = siblingCount(words, record);
    let sibling = siblingsOffset(words, record);
    for (let index = 0; index < count; index += 1) {
      const isTombstone = (words[sibling + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone) !== 0;
      const expirySeconds = words[sibling + SIBLING.expirySeconds]! >>> 0;
      const hasExpired = expirySeconds !== 0 && expirySeconds <= expiredBeforeSeconds;
      if (!isTombstone && !hasExpired) return false;
      sibling += siblingWordCount(words, sibling);
    }
    return count > 0;
  }

  /** [VM3] As a tombstone, in the scratch words. */
  #rewrite(): void {
    const { words, record } = this;
    // The record may stand in the scratch words itself.
    const out = this.#spareFor(words[record + HEADER.wordCount]!);
    const first = siblingsOffset(words, record);
    const headWords = first - record;
    copyWords(words, record, out, 0, headWords);
    let sibling = first;
    let at = headWords;
    for (let left = siblingCount(words, record); left > 0; left -= 1) {
      copyWords(words, sibling, out, at, SIBLING_HEADER_WORDS);
      out[at + SIBLING.flagsAndCodec] = SIBLING_FLAG.tombstone;
      out[at + SIBLING.valueBytes] = 0;
      out[at + SIBLING.expirySeconds] = 0;
      at += SIBLING_HEADER_WORDS;
      sibling += siblingWordCount(words, sibling);
    }
    const recentWords = recentCount(words, record) * RECENT_WORDS;
    copyWords(words, recentsOffset(words, record), out, at, recentWords);
    out[HEADER.wordCount] = at + recentWords;
    out[HEADER.kind] = (out[HEADER.kind]! & ~0xff) | KIND.tombstone;
    this.#spare = this.#scratch;
    this.#scratch = out;
    this.#set(out, 0);
  }

  #spareFor(wordCount: number): Int32Array {
    if (this.#spare.length < wordCount) this.#spare = new Int32Array(wordCount * 2);
    return this.#spare;
  }

  /** [VM4] */
  #isSettledAtBottom(): boolean {
    return this.#options.isBottom && isSettled(this.words, this.record);
  }

  /** [VM2] */
  #isUnneeded(tokenHigh: number): boolean {
    const { horizon, isBottom } = this.#options;
    const { partitionBits, tombstonesBeforeSeconds } = horizon;
    if (!isBottom || tombstonesBeforeSeconds === undefined) return false;
    const { words, record } = this;
    // [VM4] What is owed to others does not depend on who needs what in the partition here.
    if ((words[record + HEADER.kind]! & 0xff) !== KIND.tombstone || isHidden(words, record)) {
      return false;
    }
    const partition = partitionBits === 0 ? 0 : tokenHigh >>> (32 - partitionBits);
    const before = tombstonesBeforeSeconds[partition] ?? 0;
    let sibling = siblingsOffset(words, record);
    for (let left = siblingCount(words, record); left > 0; left -= 1) {
      const high = words[sibling + SIBLING.hybridHigh]! >>> 0;
      const milliseconds = high * 0x1_0000 + (words[sibling + SIBLING.hybridLow]! >>> 16);
      if (milliseconds >= before * 1000) return false;
      sibling += siblingWordCount(words, sibling);
    }
    return before > 0;
  }
}
