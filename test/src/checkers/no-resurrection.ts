/**
 * What a read shows follows from its context, whatever its level and whenever it came, at the end too:
 * nothing that a write within the context superseded, and all else that the context covers. So a
 * deleted value does not come back, whether the delete named a context or took what its maker held.
 *
 * A put with several dots (a retry that was applied again, decision 0001) may be shown while one of
 * them is not superseded, and hidden when one of them is. In `lww` buckets siblings follow from times,
 * not from contexts: these are not for this checker.
 *
 * Invariants:
 *   O3 nothing that was superseded is shown under a context that covers who superseded it
 *   O10 nothing is hidden that a context covers and nothing in it superseded
 */
import { type DotLedger, dotsOfEntry, type SessionOf } from './dot-ledger.ts';
import {
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  nameOfDot,
  nameOfKey,
  type Violation,
} from './history.ts';
import { type MadeWrite, Supersessions } from './supersessions.ts';

export interface NoResurrectionInput {
  readonly history: readonly HistoryEntry[];
  readonly finals: readonly FinalState[];
  readonly ledger: DotLedger;
  readonly sessionOf: SessionOf;
  readonly bucketIds: ReadonlySet<number>;
}

interface Shown extends Pick<FinalState, 'values' | 'context'> {
  readonly what: () => string;
}

interface KeyHistory {
  readonly writes: MadeWrite[];
  readonly shown: Shown[];
}

export function checkNoResurrection(input: NoResurrectionInput): Violation[] {
  const byKey = new Map<string, KeyHistory>();
  const historyOf = (name: string): KeyHistory => {
    const known = byKey.get(name) ?? { writes: [], shown: [] };
    byKey.set(name, known);
    return known;
  };
  for (const entry of input.history) {
    if (!input.bucketIds.has(entry.bucketId)) continue;
    const { writes, shown } = historyOf(nameOfKey(entry));
    if (isWriteEntry(entry)) {
      const dots = dotsOfEntry(input.ledger, input.sessionOf, entry);
      if (dots.length > 0) writes.push({ write: entry, dots });
    } else if (entry.values !== undefined) {
      const what = (): string => `get ${entry.client}/${entry.operation} of ${nameOfKey(entry)}`;
      shown.push({ what, values: entry.values, context: entry.context });
    }
  }
  for (const { bucketId, key, values, context } of input.finals) {
    if (!input.bucketIds.has(bucketId)) continue;
    const name = nameOfKey({ bucketId, key });
    historyOf(name).shown.push({ what: () => `at rest, ${name}`, values, context });
  }
  return [...byKey.values()].flatMap(checkKey);
}

function checkKey({ writes, shown }: KeyHistory): Violation[] {
  const supersessions = new Supersessions(writes);
  const byValue = new Map(writes.map((made) => [made.write.value, made]));
  return shown.flatMap(({ what, values, context }) => {
    const superseded = supersessions.supersededWithin(context);
    const isGone = ({ dot }: MadeWrite['dots'][number]): boolean =>
      supersessions.isSuperseded(superseded, dot);
    const returned: Violation[] = [];
    for (const value of values) {
      const made = byValue.get(value);
      if (made === undefined || !made.dots.every(isGone)) continue;
      const text = `${what()} shows ${nameOf(made)}, which had been superseded`;
      returned.push({ oracle: 'O3', text });
    }
    for (const made of supersessions.survivorsWithin(context, superseded)) {
      const { value } = made.write;
      if (value === undefined || values.includes(value) || made.dots.some(isGone)) continue;
      returned.push({ oracle: 'O10', text: `${what()} covers and hides ${nameOf(made)}` });
    }
    return returned;
  });
}

function nameOf({ write, dots }: MadeWrite): string {
  const names = dots.map(({ dot }) => nameOfDot(dot)).join(' ');
  return `${write.kind} ${write.client}/${write.operation} (${names})`;
}
