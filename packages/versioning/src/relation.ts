/**
 * How two records of one key stand to each other, without making their join: so that whoever has
 * nothing to store, or nothing to send, need not join.
 *
 * data plane
 *
 * Invariants:
 *   V5 `compareRecords` says that a record dominates exactly where the join is that record, context
 *      and siblings (what is remembered aside)
 */
import { compareDots } from '@clockwise/record/compare';
import {
  contextCount,
  contextOffset,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import { compareContexts, contextCovers, RELATION } from './context.ts';

/** A RELATION. Concurrent: only the join tells. */
export function compareRecords(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const relation = compareContexts(
    wordsLeft,
    contextOffset(wordsLeft, left),
    contextCount(wordsLeft, left),
    wordsRight,
    contextOffset(wordsRight, right),
    contextCount(wordsRight, right),
  );
  if (relation === RELATION.concurrent) return relation;
  const rightDominates = relation === RELATION.rightDominates;
  if (!rightDominates && !holdsAllItCovers(wordsLeft, left, wordsRight, right)) {
    return RELATION.concurrent;
  }
  if (
    relation !== RELATION.leftDominates &&
    !holdsAllItCovers(wordsRight, right, wordsLeft, left)
  ) {
    return RELATION.concurrent;
  }
  return relation;
}

/** Whether each sibling here that the other record covers is one of the other's siblings (V4). */
function holdsAllItCovers(
  words: Int32Array,
  record: number,
  otherWords: Int32Array,
  other: number,
): boolean {
  const context = contextOffset(otherWords, other);
  const entries = contextCount(otherWords, other);
  let sibling = siblingsOffset(words, record);
  for (let remaining = siblingCount(words, record); remaining > 0; remaining -= 1) {
    if (
      contextCovers(otherWords, context, entries, words, sibling + SIBLING.incarnationLow) &&
      !holdsSibling(otherWords, other, words, sibling)
    ) {
      return false;
    }
    sibling += siblingWordCount(words, sibling);
  }
  return true;
}

function holdsSibling(
  words: Int32Array,
  record: number,
  dotWords: Int32Array,
  sibling: number,
): boolean {
  let own = siblingsOffset(words, record);
  for (let remaining = siblingCount(words, record); remaining > 0; remaining -= 1) {
    if (
      compareDots(words, own, dotWords, sibling) === 0 &&
      words[own + SIBLING.flagsAndCodec] === dotWords[sibling + SIBLING.flagsAndCodec]!
    ) {
      return true;
    }
    own += siblingWordCount(words, own);
  }
  return false;
}
