/**
 * The set test (Riak's Jepsen workload): each acknowledged element is in the union of what is left,
 * and nothing is there that nobody added. O1 and O2 in linear time, by the values alone: this checker
 * looks at no dot.
 *
 * Invariants:
 *   O2 an element, once acknowledged, disappears from the union never
 */
import {
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  nameOfKey,
  type Violation,
} from './history.ts';

/** Elements of a set as a value carries them; the first field names the write itself. */
export type ElementsOf = (value: string) => readonly string[];
/** The element that a write was to add. */
export type AddedBy = (value: string) => string;

export function checkSetUnion(
  history: readonly HistoryEntry[],
  finals: readonly FinalState[],
  elementsOf: ElementsOf,
  addedBy: AddedBy,
): Violation[] {
  const unions = new Map(
    finals.map((state) => [nameOfKey(state), new Set(state.values.flatMap(elementsOf))]),
  );
  const attempted = new Map<string, Set<string>>();
  const violations: Violation[] = [];
  for (const entry of history) {
    if (!isWriteEntry(entry) || entry.value === undefined) continue;
    const name = nameOfKey(entry);
    const element = addedBy(entry.value);
    attempted.set(name, (attempted.get(name) ?? new Set()).add(element));
    if (entry.outcome !== 'ok' || unions.get(name)?.has(element) === true) continue;
    violations.push({ oracle: 'O2', text: `${name} lost the acknowledged element ${element}` });
  }
  for (const [name, union] of unions) {
    for (const element of union) {
      if (attempted.get(name)?.has(element) === true) continue;
      violations.push({ oracle: 'O10', text: `${name} holds ${element}, which nobody added` });
    }
  }
  return violations;
}
