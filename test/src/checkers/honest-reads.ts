/**
 * What gets returned is what somebody put there, under that key and not later than the read's end;
 * and no value stands twice in one answer.
 *
 * Invariants:
 *   O10 no wrong bytes: every value read is one that was put to that key, whole
 */
import { type HistoryEntry, isWriteEntry, nameOfKey, type Violation } from './history.ts';

export function checkHonestReads(history: readonly HistoryEntry[]): Violation[] {
  /** By key, then by value. */
  const invokedAt = new Map<string, Map<string, number>>();
  for (const entry of history) {
    if (isWriteEntry(entry) && entry.value !== undefined) {
      const name = nameOfKey(entry);
      const ofKey = invokedAt.get(name) ?? new Map<string, number>();
      invokedAt.set(name, ofKey);
      ofKey.set(entry.value, entry.invokedAt);
    }
  }
  return history.flatMap((entry) => {
    if (isWriteEntry(entry) || entry.values === undefined) return [];
    const { values } = entry;
    const name = nameOfKey(entry);
    const what = (): string => `get ${entry.client}/${entry.operation} of ${name}`;
    const ofKey = invokedAt.get(name);
    const violations: Violation[] = [];
    for (const value of values) {
      const begun = ofKey?.get(value);
      if (begun === undefined || begun > entry.completedAt) {
        violations.push({
          oracle: 'O10',
          text: `${what()} returned ${value}, which nobody had put`,
        });
      }
    }
    if (values.length > 1 && new Set(values).size < values.length) {
      violations.push({ oracle: 'O10', text: `${what()} returned one value twice` });
    }
    return violations;
  });
}
