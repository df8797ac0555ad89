/**
 * Which entries leave a context that names more incarnations than it may
 * (docs/decisions/0010-retired-incarnations.md).
 *
 * Kept are the entries of all living siblings, and then those of the youngest incarnations. The high
 * word of an incarnation's counters is the second at which it was opened, so that its entry says how
 * old it is. What remains is a function of context and siblings alone.
 *
 * data plane
 *
 * Invariants:
 *   V16 a context covers all its record's siblings, and has at most `entriesMax` entries or those of
 *       the siblings alone
 *
 * Boundary: a write that an entry covered, and that comes back from a replica that was away for as
 * long as all the younger incarnations are old, is shown again: a sibling too many. Nothing is ever
 * superseded by what left a context.
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable } from '@clockwise/kernel/probe';
import {
  contextCount,
  contextOffset,
  ENTRY,
  ENTRY_WORDS,
  HEADER,
  recordWordCount,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';

/** What becomes of an entry. */
const FATE = { open: 0, living: 1, retired: 2 } as const;

/** Takes the oldest entries out of the record, in place; returns its words afterwards. */
export function retireEntries(words: Int32Array, record: number, entriesMax: number): number {
  const count = contextCount(words, record);
  if (count <= entriesMax) return recordWordCount(words, record);
  reachable('retire: a context is too large and its oldest entries leave it');
  // Only a context that has just grown past its limit comes here: an allocation is no matter.
  const fates = new Uint8Array(count);
  const livingCount = markLiving(words, record, fates);
  const retiredCount = Math.min(count - entriesMax, count - livingCount);
  const context = contextOffset(words, record);
  for (let left = retiredCount; left > 0; left -= 1) {
    fates[oldestOpen(words, context, fates)] = FATE.retired;
  }
  return compact(words, record, fates, count - retiredCount);
}

/** Entries and siblings both ascend by incarnation. Returns how many entries have a sibling. */
function markLiving(words: Int32Array, record: number, fates: Uint8Array): number {
  const context = contextOffset(words, record);
  let sibling = siblingsOffset(words, record);
  let living = 0;
  let index = 0;
  for (let remaining = siblingCount(words, record); remaining > 0; remaining -= 1) {
    while (
      index < fates.length &&
      !isOfIncarnation(words, context + index * ENTRY_WORDS, sibling + SIBLING.incarnationLow)
    ) {
      index += 1;
    }
    assert(index < fates.length, '[V16] a context names the incarnation of each living sibling');
    if (fates[index] === FATE.open) living += 1;
    fates[index] = FATE.living;
    sibling += siblingWordCount(words, sibling);
  }
  return living;
}

function isOfIncarnation(words: Int32Array, entry: number, dot: number): boolean {
  return (
    words[entry + ENTRY.incarnationLow] === words[dot + ENTRY.incarnationLow]! &&
    words[entry + ENTRY.incarnationHigh] === words[dot + ENTRY.incarnationHigh]!
  );
}

/** The index of the entry that leaves next. */
function oldestOpen(words: Int32Array, context: number, fates: Uint8Array): number {
  let oldest = -1;
  for (let index = 0; index < fates.length; index += 1) {
    if (fates[index] !== FATE.open) continue;
    if (
      oldest < 0 ||
      opensBefore(words, context + index * ENTRY_WORDS, context + oldest * ENTRY_WORDS)
    ) {
      oldest = index;
    }
  }
  assert(oldest >= 0, 'as many leave as may');
  return oldest;
}

/** By the second of the opening, then by incarnation. Entries ascend by incarnation already. */
function opensBefore(words: Int32Array, entry: number, other: number): boolean {
  return words[entry + ENTRY.counterHigh]! >>> 0 < words[other + ENTRY.counterHigh]! >>> 0;
}

/** The entries that stay move together, and the rest of the record behind them. */
function compact(words: Int32Array, record: number, fates: Uint8Array, kept: number): number {
  const context = contextOffset(words, record);
  const siblings = siblingsOffset(words, record);
  const end = record + recordWordCount(words, record);
  let position = context;
  for (let index = 0; index < fates.length; index += 1) {
    if (fates[index] === FATE.retired) continue;
    const entry = context + index * ENTRY_WORDS;
    words.copyWithin(position, entry, entry + ENTRY_WORDS);
    position += ENTRY_WORDS;
  }
  assert(position === context + kept * ENTRY_WORDS, 'the entries that stay are those counted');
  words.copyWithin(position, siblings, end);
  const wordCount = position + (end - siblings) - record;
  words[record + HEADER.wordCount] = wordCount;
  words[record + HEADER.keyAndContext] =
    (words[record + HEADER.keyAndContext]! & 0xffff) | (kept << 16);
  return wordCount;
}
