/**
 * What an overwrite that is tried again may replace (docs/decisions/0011-retried-overwrites.md).
 *
 * An overwrite without a context replaces all that it finds. Tried a second time, through a replica
 * that has not heard of the first, it would also replace what others wrote in the meantime, some of
 * whom had read the first. So it replaces only siblings whose hybrid time is not above what its
 * session had seen when it was first sent: its first dot is above that time, and so is whatever was
 * written by somebody who knew that dot.
 *
 * data plane
 *
 * Invariants:
 *   V14 a retried overwrite never supersedes a write whose maker or client knew its first dot
 *
 * Boundary: within one incarnation hybrid times ascend with counters, so that the entry of a sibling
 * covers no later one.
 */
import { compareUnsigned64 } from '@clockwise/record/compare';
import {
  ENTRY,
  ENTRY_WORDS,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';

/**
 * Writes the entries that cover the record's siblings of up to this hybrid time; returns how many.
 * With 0, none was seen. REQUIRES: `out` has room for an entry of each sibling.
 */
export function contextOfSeen(
  words: Int32Array,
  record: number,
  seenLow: number,
  seenHigh: number,
  out: Int32Array,
  at: number,
): number {
  if ((seenLow | seenHigh) === 0) return 0;
  let entries = 0;
  let sibling = siblingsOffset(words, record);
  for (let remaining = siblingCount(words, record); remaining > 0; remaining -= 1) {
    const hybridLow = words[sibling + SIBLING.hybridLow]!;
    const hybridHigh = words[sibling + SIBLING.hybridHigh]!;
    if (compareUnsigned64(hybridHigh, hybridLow, seenHigh, seenLow) <= 0) {
      // Siblings are in the order of their dots: of one incarnation the last covers those before it.
      const last = at + (entries - 1) * ENTRY_WORDS;
      const isSame =
        entries > 0 &&
        out[last + ENTRY.incarnationLow] === words[sibling + SIBLING.incarnationLow]! &&
        out[last + ENTRY.incarnationHigh] === words[sibling + SIBLING.incarnationHigh]!;
      if (!isSame) entries += 1;
      const entry = at + (entries - 1) * ENTRY_WORDS;
      out[entry + ENTRY.incarnationLow] = words[sibling + SIBLING.incarnationLow]!;
      out[entry + ENTRY.incarnationHigh] = words[sibling + SIBLING.incarnationHigh]!;
      out[entry + ENTRY.counterLow] = words[sibling + SIBLING.counterLow]!;
      out[entry + ENTRY.counterHigh] = words[sibling + SIBLING.counterHigh]!;
    }
    sibling += siblingWordCount(words, sibling);
  }
  return entries;
}
