/**
 * The clock of a replica is above the time of each record that it joins or writes over, so that a write
 * is later than all that it replaces: also than what an opening before this one had seen, through a
 * wall clock that has fallen behind since. data plane.
 *
 * Invariants:
 *   HC4 a dot's hybrid time is above those of all dots that its record covered, as far as they were not
 *       too far ahead to be followed
 */
import { sometimes } from '@clockwise/kernel/probe';
import { compareUnsigned64 } from '@clockwise/record/compare';
import { SIBLING, siblingCount, siblingsOffset, siblingWordCount } from '@clockwise/record/layout';
import type { ReplicaContext } from './replica-context.ts';

/** A time too far ahead is not followed; the record is kept all the same. */
export function observeTimes(context: ReplicaContext, words: Int32Array, record: number): void {
  const { clock, wallTimeMs } = context;
  let sibling = siblingsOffset(words, record);
  for (let left = siblingCount(words, record); left > 0; left -= 1) {
    const low = words[sibling + SIBLING.hybridLow]!;
    const high = words[sibling + SIBLING.hybridHigh]!;
    if (compareUnsigned64(high, low, clock.high, clock.low) > 0) {
      const isFollowed = clock.observe(low, high, wallTimeMs);
      sometimes(isFollowed, 'replica: a record is later than the clock of who takes it');
    }
    sibling += siblingWordCount(words, sibling);
  }
}
