/**
 * Which of a record's siblings a reader is shown.
 *
 * Not shown are tombstones, expired values, and what one operation made a second time, when it was
 * retried through another replica: of siblings with one id only the smallest dot is shown, and a
 * sibling whose id was superseded under another dot is hidden, so that it does not come back.
 * The record itself keeps all of them until a write with its context replaces them all, because a
 * join that dropped them would depend on the order of joins (docs/internals/versioning.md).
 *
 * data plane
 *
 * Invariants:
 *   V11 siblings of one operation id are shown once
 *   V12 a superseded operation id is not shown again under another dot, inside the window
 *   V13 hiding never leaves a reader without what hid it: where two superseded ids live on, each may
 *       have superseded the other, and both are shown
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import {
  recentCount,
  recentsOffset,
  SIBLING,
  SIBLING_FLAG,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { recentsContain, sameOperation } from './recents.ts';

/** A value, not deleted and not expired. An expired value is a tombstone with its dot. */
export function siblingIsLive(words: Int32Array, sibling: number, nowSeconds: number): boolean {
  if ((words[sibling + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone) !== 0) return false;
  const expirySeconds = words[sibling + SIBLING.expirySeconds]! >>> 0;
  return expirySeconds === 0 || expirySeconds > nowSeconds;
}

/** Made once per core and used for every record. */
export class VisibleSiblings {
  /** The word offsets of the siblings shown, in their order; the first `count` are meant. */
  offsets: Int32Array = new Int32Array(128);
  count = 0;

  /** Returns how many siblings of the record are shown. */
  collect(words: Int32Array, record: number, nowSeconds: number): number {
    const siblings = siblingCount(words, record);
    const first = siblingsOffset(words, record);
    const superseded = supersededRepeat(words, record, first, siblings);
    if (siblings > this.offsets.length) this.offsets = new Int32Array(siblings * 2);
    this.count = 0;
    let sibling = first;
    for (let remaining = siblings; remaining > 0; remaining -= 1) {
      if (
        siblingIsLive(words, sibling, nowSeconds) &&
        !repeats(words, superseded, sibling) &&
        !repeatsEarlier(words, first, sibling)
      ) {
        this.offsets[this.count] = sibling;
        this.count += 1;
      }
      sibling += siblingWordCount(words, sibling);
    }
    return this.count;
  }
}

/** Siblings are in the order of their dots: an equal id before this one has the smaller dot. */
function repeatsEarlier(words: Int32Array, first: number, sibling: number): boolean {
  const sessionLow = words[sibling + SIBLING.sessionLow]!;
  const sessionHigh = words[sibling + SIBLING.sessionHigh]!;
  const sequence = words[sibling + SIBLING.sequence]!;
  let earlier = first;
  while (earlier < sibling) {
    if (sameOperation(words, earlier, sessionLow, sessionHigh, sequence)) {
      reachable('reconcile: one operation has two dots and is shown once');
      return true;
    }
    earlier += siblingWordCount(words, earlier);
  }
  return false;
}

/**
 * The first sibling of the one id that is remembered as superseded under another dot, while there is
 * a sibling of another id. Else -1: with two such ids nobody can say which superseded which.
 */
function supersededRepeat(
  words: Int32Array,
  record: number,
  first: number,
  siblings: number,
): number {
  const recents = recentCount(words, record);
  if (recents === 0 || siblings < 2) return -1;
  const recentsAt = recentsOffset(words, record);
  let found = -1;
  let others = 0;
  let sibling = first;
  for (let remaining = siblings; remaining > 0; remaining -= 1) {
    const sessionLow = words[sibling + SIBLING.sessionLow]!;
    const sessionHigh = words[sibling + SIBLING.sessionHigh]!;
    const sequence = words[sibling + SIBLING.sequence]!;
    if (!recentsContain(words, recentsAt, recents, sessionLow, sessionHigh, sequence)) {
      others += 1;
    } else if (found < 0) {
      found = sibling;
    } else if (!sameOperation(words, found, sessionLow, sessionHigh, sequence)) {
      reachable('reconcile: two superseded operations live on and both are shown');
      return -1;
    }
    sibling += siblingWordCount(words, sibling);
  }
  sometimes(
    others > 0 && found >= 0,
    'reconcile: a superseded operation under another dot is hidden',
  );
  return others > 0 ? found : -1;
}

function repeats(words: Int32Array, superseded: number, sibling: number): boolean {
  return (
    superseded >= 0 &&
    sameOperation(
      words,
      superseded,
      words[sibling + SIBLING.sessionLow]!,
      words[sibling + SIBLING.sessionHigh]!,
      words[sibling + SIBLING.sequence]!,
    )
  );
}
