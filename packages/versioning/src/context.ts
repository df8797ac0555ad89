/**
 * Contexts (version vectors) in place: which dots are covered, how two compare, their join, and the
 * entry for a new dot. An entry is (incarnation, counter); entries ascend by incarnation, unsigned.
 *
 * data plane
 *
 * Invariants:
 *   V1 the join of contexts is the maximum of each incarnation's counter: a lattice
 *
 * Boundary: contexts were validated at the gateway (record/validate).
 */
import { compareUnsigned64 } from '@clockwise/record/compare';
import { ENTRY, ENTRY_WORDS } from '@clockwise/record/layout';

/** How two records or contexts stand to each other. Bit 1: left knows more; bit 2: right does. */
export const RELATION = {
  equal: 0,
  leftDominates: 1,
  rightDominates: 2,
  concurrent: 3,
} as const;

/** The order of two entries' incarnations. */
function compareIncarnations(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  return compareUnsigned64(
    wordsLeft[left + ENTRY.incarnationHigh]!,
    wordsLeft[left + ENTRY.incarnationLow]!,
    wordsRight[right + ENTRY.incarnationHigh]!,
    wordsRight[right + ENTRY.incarnationLow]!,
  );
}

function compareCounters(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  return compareUnsigned64(
    wordsLeft[left + ENTRY.counterHigh]!,
    wordsLeft[left + ENTRY.counterLow]!,
    wordsRight[right + ENTRY.counterHigh]!,
    wordsRight[right + ENTRY.counterLow]!,
  );
}

/** The order of dots: incarnation, then counter; of any four words in the order of an entry. */
export function compareEntries(
  wordsLeft: Int32Array,
  left: number,
  wordsRight: Int32Array,
  right: number,
): number {
  const order = compareIncarnations(wordsLeft, left, wordsRight, right);
  return order !== 0 ? order : compareCounters(wordsLeft, left, wordsRight, right);
}

/**
 * Whether the dot is known here. Siblings carry their dot in the words and order of an entry, so
 * that `dot` is the word offset of any four such words.
 */
export function contextCovers(
  words: Int32Array,
  context: number,
  entryCount: number,
  dotWords: Int32Array,
  dot: number,
): boolean {
  const incarnationLow = dotWords[dot + ENTRY.incarnationLow]!;
  const incarnationHigh = dotWords[dot + ENTRY.incarnationHigh]!;
  const end = context + entryCount * ENTRY_WORDS;
  for (let entry = context; entry < end; entry += ENTRY_WORDS) {
    if (
      words[entry + ENTRY.incarnationLow] === incarnationLow &&
      words[entry + ENTRY.incarnationHigh] === incarnationHigh
    ) {
      return compareCounters(dotWords, dot, words, entry) <= 0;
    }
  }
  return false;
}

/** A RELATION of the contexts alone. */
export function compareContexts(
  wordsLeft: Int32Array,
  contextLeft: number,
  entryCountLeft: number,
  wordsRight: Int32Array,
  contextRight: number,
  entryCountRight: number,
): number {
  let left = contextLeft;
  let right = contextRight;
  const endLeft = left + entryCountLeft * ENTRY_WORDS;
  const endRight = right + entryCountRight * ENTRY_WORDS;
  let relation: number = RELATION.equal;
  while (left < endLeft && right < endRight && relation !== RELATION.concurrent) {
    const order = compareIncarnations(wordsLeft, left, wordsRight, right);
    if (order < 0) {
      relation |= RELATION.leftDominates;
    } else if (order > 0) {
      relation |= RELATION.rightDominates;
    } else {
      const byCounter = compareCounters(wordsLeft, left, wordsRight, right);
      if (byCounter > 0) relation |= RELATION.leftDominates;
      if (byCounter < 0) relation |= RELATION.rightDominates;
    }
    if (order <= 0) left += ENTRY_WORDS;
    if (order >= 0) right += ENTRY_WORDS;
  }
  if (left < endLeft) relation |= RELATION.leftDominates;
  if (right < endRight) relation |= RELATION.rightDominates;
  return relation;
}

/** Writes the join of two contexts; returns its entries. */
export function joinContexts(
  wordsLeft: Int32Array,
  contextLeft: number,
  entryCountLeft: number,
  wordsRight: Int32Array,
  contextRight: number,
  entryCountRight: number,
  out: Int32Array,
  outContext: number,
): number {
  let left = contextLeft;
  let right = contextRight;
  let position = outContext;
  const endLeft = left + entryCountLeft * ENTRY_WORDS;
  const endRight = right + entryCountRight * ENTRY_WORDS;
  while (left < endLeft || right < endRight) {
    let order = left === endLeft ? 1 : -1;
    if (left < endLeft && right < endRight) {
      order = compareIncarnations(wordsLeft, left, wordsRight, right);
    }
    if (order < 0 || (order === 0 && compareCounters(wordsLeft, left, wordsRight, right) >= 0)) {
      copyEntry(wordsLeft, left, out, position);
    } else {
      copyEntry(wordsRight, right, out, position);
    }
    if (order <= 0) left += ENTRY_WORDS;
    if (order >= 0) right += ENTRY_WORDS;
    position += ENTRY_WORDS;
  }
  return (position - outContext) / ENTRY_WORDS;
}

function copyEntry(from: Int32Array, entry: number, out: Int32Array, position: number): void {
  out[position] = from[entry]!;
  out[position + 1] = from[entry + 1]!;
  out[position + 2] = from[entry + 2]!;
  out[position + 3] = from[entry + 3]!;
}

/**
 * Raises the context to a new dot, in place, with room for one entry more behind it. Returns its
 * entries then, or -1 where it covers the dot already, so that the dot would not be new.
 */
export function coverNewDot(
  words: Int32Array,
  context: number,
  entryCount: number,
  dotWords: Int32Array,
  dot: number,
): number {
  const end = context + entryCount * ENTRY_WORDS;
  let entry = context;
  let order = -1;
  while (entry < end) {
    order = compareIncarnations(words, entry, dotWords, dot);
    if (order >= 0) break;
    entry += ENTRY_WORDS;
  }
  if (entry < end && order === 0) {
    if (compareCounters(words, entry, dotWords, dot) >= 0) return -1;
    copyEntry(dotWords, dot, words, entry);
    return entryCount;
  }
  for (let last = end - ENTRY_WORDS; last >= entry; last -= ENTRY_WORDS) {
    copyEntry(words, last, words, last + ENTRY_WORDS);
  }
  copyEntry(dotWords, dot, words, entry);
  return entryCount + 1;
}
