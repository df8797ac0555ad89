/**
 * What a reader has seen never vanishes: a reply rests on durable records only, so that whatever a get
 * returned, values and context, is covered by what all replicas hold in the end.
 *
 * Invariants:
 *   RP1 nothing that was read is forgotten, whatever lost its power meanwhile
 */
import type { Dot } from '@clockwise/record/build';
import {
  covers,
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  type KeyName,
  nameOfDot,
  nameOfKey,
  type Violation,
} from './history.ts';

export function checkSeenStays(
  history: readonly HistoryEntry[],
  finals: readonly FinalState[],
  bucketIds: ReadonlySet<number>,
  /** Excused: nobody but a disk that lied ever held it. */
  mayVanish: (key: KeyName, dot: Dot) => boolean = () => false,
): Violation[] {
  const contexts = new Map(finals.map((state) => [nameOfKey(state), state.context]));
  return history.flatMap((entry) => {
    if (isWriteEntry(entry) || !bucketIds.has(entry.bucketId)) return [];
    const final = contexts.get(nameOfKey(entry)) ?? [];
    const vanished = entry.context.filter((dot) => !covers(final, dot) && !mayVanish(entry, dot));
    if (vanished.length === 0) return [];
    const text =
      `get ${entry.client}/${entry.operation} of ${nameOfKey(entry)} saw ` +
      `${vanished.map(nameOfDot).join(' ')}, which is gone`;
    return [{ oracle: 'RP1', text }];
  });
}
