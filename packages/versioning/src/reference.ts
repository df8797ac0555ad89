/**
 * A dumb model of dotted version vectors: maps, sets and objects, no cleverness. For tests and the
 * simulator's oracles only; nothing on the way of a request imports it. It is written from the rules
 * in docs/internals/versioning.md, not from the code beside it.
 */
import { assert } from '@clockwise/kernel/assert';
import type { Dot, OperationId, RecentObject, SiblingObject } from '@clockwise/record/build';

export interface ModelRecord {
  /** The highest counter known of each incarnation. */
  readonly context: ReadonlyMap<bigint, bigint>;
  readonly siblings: readonly SiblingObject[];
  readonly recents: readonly RecentObject[];
}

export interface ModelRules {
  readonly lww: boolean;
  readonly nowSeconds: number;
  readonly contextEntriesMax: number;
  readonly recentOperationsMax: number;
  readonly recentOperationsSeconds: number;
}

export interface ModelWrite {
  readonly sibling: SiblingObject;
  /** Undefined: an overwrite. */
  readonly context: readonly Dot[] | undefined;
  /** Tried before: the highest hybrid time that its session had seen then; 0: none. */
  readonly retrySeen?: bigint;
}

export const EMPTY_RECORD: ModelRecord = { context: new Map(), siblings: [], recents: [] };

export function dotKey(dot: Dot): string {
  return `${dot.incarnation}:${dot.counter}`;
}
export function operationKey(operation: OperationId): string {
  return `${operation.session}:${operation.sequence}`;
}

export function covers(context: ReadonlyMap<bigint, bigint>, dot: Dot): boolean {
  return dot.counter <= (context.get(dot.incarnation) ?? 0n);
}

export function contextOf(entries: readonly Dot[]): Map<bigint, bigint> {
  return new Map(entries.map((entry) => [entry.incarnation, entry.counter]));
}

export function joinContextMaps(
  left: ReadonlyMap<bigint, bigint>,
  right: ReadonlyMap<bigint, bigint>,
): Map<bigint, bigint> {
  const joined = new Map(left);
  for (const [incarnation, counter] of right) {
    if (counter > (joined.get(incarnation) ?? 0n)) joined.set(incarnation, counter);
  }
  return joined;
}

export function compareDotObjects(left: Dot, right: Dot): number {
  if (left.incarnation !== right.incarnation) return left.incarnation < right.incarnation ? -1 : 1;
  if (left.counter !== right.counter) return left.counter < right.counter ? -1 : 1;
  return 0;
}

/** The one that a lww bucket keeps. */
export function latest(siblings: readonly SiblingObject[]): SiblingObject {
  const [first, ...rest] = siblings;
  assert(first !== undefined, 'there is a sibling to choose');
  return rest.reduce((best, sibling) => {
    if (sibling.hybrid !== best.hybrid) return sibling.hybrid > best.hybrid ? sibling : best;
    return compareDotObjects(sibling.dot, best.dot) > 0 ? sibling : best;
  }, first);
}

export function modelJoin(left: ModelRecord, right: ModelRecord, rules: ModelRules): ModelRecord {
  const inLeft = new Set(left.siblings.map((sibling) => dotKey(sibling.dot)));
  const inRight = new Set(right.siblings.map((sibling) => dotKey(sibling.dot)));
  const all = [
    ...left.siblings,
    ...right.siblings.filter((sibling) => !inLeft.has(dotKey(sibling.dot))),
  ];
  const kept = rules.lww
    ? [latest(all)]
    : all.filter((sibling) => {
        const key = dotKey(sibling.dot);
        if (inLeft.has(key) && inRight.has(key)) return true;
        return !covers(inLeft.has(key) ? right.context : left.context, sibling.dot);
      });
  return {
    context: retired(joinContextMaps(left.context, right.context), kept, rules),
    siblings: kept,
    recents: remembered(
      [...left.recents, ...right.recents, ...recentsOfDropped(all, kept)],
      kept,
      rules,
    ),
  };
}

/** `overtaken`: a retried write of a lww bucket where something later is. */
export function modelWrite(
  current: ModelRecord,
  write: ModelWrite,
  rules: ModelRules,
): ModelRecord | 'duplicate' | 'overtaken' {
  const id = operationKey(write.sibling.operation);
  const known = [...current.siblings, ...current.recents];
  if (write.sibling.operation.session !== 0n) {
    if (known.some((one) => operationKey(one.operation) === id)) return 'duplicate';
  }
  const isRetry = write.retrySeen !== undefined;
  let { sibling } = write;
  const [replaced] = current.siblings;
  if (rules.lww && replaced !== undefined) {
    if (isRetry && latest([replaced, sibling]) === replaced) return 'overtaken';
    if (!isRetry && sibling.hybrid <= replaced.hybrid) {
      sibling = { ...sibling, hybrid: replaced.hybrid + 1n };
    }
  }
  const given = rules.lww || write.context === undefined ? new Map() : contextOf(write.context);
  const survivors = current.siblings.filter((one) => !isReplaced(one, write, rules));
  const kept = [...survivors, sibling];
  const context = joinContextMaps(current.context, given);
  context.set(sibling.dot.incarnation, sibling.dot.counter);
  return {
    context: retired(context, kept, rules),
    siblings: kept,
    recents: remembered(
      [...current.recents, ...recentsOfDropped(current.siblings, survivors)],
      kept,
      rules,
    ),
  };
}

function isReplaced(one: SiblingObject, write: ModelWrite, rules: ModelRules): boolean {
  if (rules.lww) return true;
  if (write.context !== undefined) return covers(contextOf(write.context), one.dot);
  return write.retrySeen === undefined || one.hybrid <= write.retrySeen;
}

/** The entries of living siblings, and of the others the youngest, as many as there is room for. */
export function retired(
  context: ReadonlyMap<bigint, bigint>,
  siblings: readonly SiblingObject[],
  rules: { readonly contextEntriesMax: number },
): Map<bigint, bigint> {
  const living = new Set(siblings.map(({ dot }) => dot.incarnation));
  const others = [...context]
    .filter(([incarnation]) => !living.has(incarnation))
    .toSorted(([left, leftCounter], [right, rightCounter]) => {
      const [leftOpened, rightOpened] = [leftCounter >> 32n, rightCounter >> 32n];
      if (leftOpened !== rightOpened) return leftOpened < rightOpened ? -1 : 1;
      return left < right ? -1 : 1;
    })
    .map(([incarnation]) => incarnation);
  const room = Math.max(0, rules.contextEntriesMax - living.size);
  const kept = new Set(others.slice(Math.max(0, others.length - room)));
  return new Map([...context].filter(([one]) => living.has(one) || kept.has(one)));
}

function recentsOfDropped(
  before: readonly SiblingObject[],
  kept: readonly SiblingObject[],
): RecentObject[] {
  return before
    .filter((sibling) => !kept.includes(sibling) && sibling.operation.session !== 0n)
    .map((sibling) => ({
      operation: sibling.operation,
      seconds: Number((sibling.hybrid >> 16n) / 1000n),
      dot: sibling.dot,
    }));
}

function compareRecentObjects(left: RecentObject, right: RecentObject): number {
  if (left.seconds !== right.seconds) return left.seconds - right.seconds;
  if (left.dot.counter !== right.dot.counter) return left.dot.counter < right.dot.counter ? -1 : 1;
  const byDot = compareDotObjects(left.dot, right.dot);
  if (byDot !== 0) return byDot;
  if (left.operation.session !== right.operation.session) {
    return left.operation.session < right.operation.session ? -1 : 1;
  }
  return left.operation.sequence - right.operation.sequence;
}

/** The latest inside the window, and whatever names a living sibling's id. */
function remembered(
  recents: readonly RecentObject[],
  siblings: readonly SiblingObject[],
  rules: ModelRules,
): RecentObject[] {
  const unique = new Map(
    recents.map((one) => [`${one.seconds} ${operationKey(one.operation)} ${dotKey(one.dot)}`, one]),
  );
  const living = new Set(siblings.map((sibling) => operationKey(sibling.operation)));
  const sorted = [...unique.values()].toSorted(compareRecentObjects);
  const inWindow = new Set(
    sorted
      .filter((one) => one.seconds >= rules.nowSeconds - rules.recentOperationsSeconds)
      .slice(-rules.recentOperationsMax),
  );
  return sorted.filter((one) => inWindow.has(one) || living.has(operationKey(one.operation)));
}
