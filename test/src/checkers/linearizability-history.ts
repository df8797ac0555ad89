/**
 * O5 on the history of a run: keys that are registers, which are those with one copy and nothing but
 * overwrites. There a get returns one value or none. Not registers are keys that a stand-in answered for,
 * and those on which a retried overwrite left beside it what its session could not have seen; nor, where
 * the latest wins, those with a retried write, which counts from its first try and may lose (V15).
 *
 * One thing makes a put more than one write: a retry, or a doubled request, whose id its object has
 * forgotten meanwhile is applied again (decision 0001). The ledger knows it: such a put has several
 * dots. Each one beyond the first is taken as another write of the value, open from the put's beginning
 * on, but only where the object may have forgotten: where its maker did not know the earlier dot
 * (a crash took it), or more writes than an object remembers came in between. (Of writes of one second
 * the higher counters are remembered, and a shard that opens anew counts from 1.)
 *
 * Invariants:
 *   O5 the operations of each such key have an order that respects time and explains every answer
 *   V9 an id that its object remembers is not applied again
 */
import type { Dot } from '@clockwise/record/build';
import { STAND_IN_SHELF } from './causal-ledger-replies.ts';
import { type DotLedger, dotsOfEntry, type LedgerEntry, type SessionOf } from './dot-ledger.ts';
import {
  covers,
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  nameOfKey,
  type Violation,
  type WriteEntry,
} from './history.ts';
import { checkRegisters, UNDECIDED } from './linearizability.ts';
import type { RegisterOperation, RegisterValue } from './linearizability-register.ts';

export interface RegisterHistoryInput {
  readonly history: readonly HistoryEntry[];
  readonly finals: readonly FinalState[];
  readonly ledger: DotLedger;
  readonly sessionOf: SessionOf;
  /** Buckets of keys with one copy that forgets nothing in this run. */
  readonly bucketIds: ReadonlySet<number>;
  /** Of these: where the latest wins. */
  readonly lwwBucketIds?: ReadonlySet<number>;
  /** Ids that an object remembers, whatever the clocks of this run do; 0: no telling. */
  readonly rememberedIds: number;
}

/** Later than all that clients do. */
const REST_AT = Number.MAX_SAFE_INTEGER;

/** The oracle of what is no violation: a key whose operations overlap too much to be judged. */
export const O5_UNDECIDED = 'O5-undecided';

export function checkRegisterHistory(input: RegisterHistoryInput): Violation[] {
  const { history, finals, bucketIds } = input;
  const withContexts = new Set(
    history
      .filter((entry) => isWriteEntry(entry) && entry.context !== undefined)
      .map((entry) => nameOfKey(entry)),
  );
  const violations: Violation[] = [];
  const byKey = new Map<string, RegisterOperation[]>();
  const dotsByKey = dotsOfKeys(input);
  const shared = sharedKeys(input, dotsByKey);
  const addRead = (key: string, name: string, values: readonly string[], at: Interval): void => {
    if (values.length > 1) {
      const text = `${name} of ${key} returned ${values.length} values of a register`;
      violations.push({ oracle: 'O5', text });
    }
    add(byKey, key, { ...at, name, action: { kind: 'read', value: values[0] }, outcome: 'ok' });
  };
  for (const entry of history) {
    const key = nameOfKey(entry);
    if (!bucketIds.has(entry.bucketId) || withContexts.has(key) || shared.has(key)) continue;
    const name = `${entry.client}/${entry.operation}`;
    if (!isWriteEntry(entry)) {
      if (entry.values !== undefined) addRead(key, name, entry.values, entry);
      continue;
    }
    const dots = dotsOfEntry(input.ledger, input.sessionOf, entry);
    const times = 1 + repetitions(dots, dotsByKey.get(key) ?? [], input.rememberedIds);
    if (times < dots.length) {
      const text = `${name} of ${key} was applied ${dots.length} times, and its id was remembered`;
      violations.push({ oracle: 'V9', text });
    }
    for (const operation of writesOf(entry, name, times)) add(byKey, key, operation);
  }
  for (const state of finals) {
    const key = nameOfKey(state);
    if (!byKey.has(key)) continue;
    addRead(key, 'at rest', state.values, { invokedAt: REST_AT, completedAt: REST_AT });
  }
  const found = checkRegisters(byKey);
  return [
    ...violations,
    ...found.map(({ key, text }) => ({
      oracle: text.startsWith(UNDECIDED) ? O5_UNDECIDED : 'O5',
      text: `${key}: ${text}`,
    })),
  ];
}

/** Keys whose copy was not alone, or not alone with its value. */
function sharedKeys(
  { history, lwwBucketIds }: RegisterHistoryInput,
  dotsByKey: ReadonlyMap<string, readonly LedgerEntry[]>,
): ReadonlySet<string> {
  const isOdd = (entry: HistoryEntry): boolean => {
    if (entry.isSloppy === true) return true;
    const isLww = lwwBucketIds?.has(entry.bucketId) === true;
    return isLww && isWriteEntry(entry) && entry.isRetried === true;
  };
  const odd = history.filter(isOdd).map(nameOfKey);
  const isShared = ({ isBesideOthers, where }: LedgerEntry): boolean =>
    isBesideOthers || where.includes(STAND_IN_SHELF);
  const beside = [...dotsByKey].filter(([, dots]) => dots.some(isShared)).map(([key]) => key);
  return new Set([...odd, ...beside]);
}

type Interval = Pick<RegisterOperation, 'invokedAt' | 'completedAt'>;

function writesOf(entry: WriteEntry, name: string, times: number): RegisterOperation[] {
  const { invokedAt, completedAt, outcome } = entry;
  const value: RegisterValue = entry.kind === 'put' ? entry.value : undefined;
  const action = { kind: 'write', value } as const;
  const first: RegisterOperation = {
    name,
    action,
    invokedAt,
    completedAt,
    outcome: outcome === 'not-applied' ? 'refused' : outcome,
  };
  const again: RegisterOperation = {
    name: `${name} (again)`,
    action,
    invokedAt,
    completedAt: Infinity,
    outcome: 'unknown',
  };
  return [first, ...Array.from({ length: times - 1 }, () => again)];
}

function dotsOfKeys(input: RegisterHistoryInput): Map<string, LedgerEntry[]> {
  const byKey = new Map<string, LedgerEntry[]>();
  for (const entry of input.history) {
    if (!isWriteEntry(entry) || !input.bucketIds.has(entry.bucketId)) continue;
    const name = nameOfKey(entry);
    const dots = byKey.get(name) ?? [];
    byKey.set(name, dots);
    dots.push(...dotsOfEntry(input.ledger, input.sessionOf, entry));
  }
  return byKey;
}

/** How often an operation may have been applied again. */
function repetitions(
  dots: readonly LedgerEntry[],
  all: readonly LedgerEntry[],
  rememberedIds: number,
): number {
  if (rememberedIds === 0) return Math.max(0, dots.length - 1);
  return dots.slice(1).filter((made, place) =>
    // The places before it: `slice` moved them by one.
    dots
      .slice(0, place + 1)
      .every((earlier) => mayHaveForgotten(earlier, made, all, rememberedIds)),
  ).length;
}

function mayHaveForgotten(
  earlier: LedgerEntry,
  made: LedgerEntry,
  all: readonly LedgerEntry[],
  rememberedIds: number,
): boolean {
  if (!covers(made.context, earlier.dot)) return true;
  const later = all.filter(
    ({ dot }) => dot !== made.dot && covers(made.context, dot) && isKeptBefore(dot, earlier),
  );
  // The id of a living sibling, which the last of them is, takes no room.
  return later.length > rememberedIds;
}

/** Whether an object may remember `dot` rather than `earlier`: it is later, or of the same second and says no more. */
function isKeptBefore(dot: Dot, earlier: LedgerEntry): boolean {
  if (!covers(earlier.context, dot)) return true;
  const { incarnation, counter } = earlier.dot;
  return dot.incarnation !== incarnation && dot.counter > counter;
}

function add(
  byKey: Map<string, RegisterOperation[]>,
  key: string,
  operation: RegisterOperation,
): void {
  const operations = byKey.get(key);
  if (operations === undefined) byKey.set(key, [operation]);
  else operations.push(operation);
}
