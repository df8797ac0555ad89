/**
 * O5, linearizability, key by key: all operations on a register took effect one at a time, each between
 * its beginning and its end (P-compositionality: keys are judged apart). Where that cannot be, says for
 * which operation there is no place any more, and how far an order goes without it.
 *
 * Invariants:
 *   O5 the operations of each key have an order that respects time and explains every answer
 */
import {
  ABSENT,
  prepareOperations,
  type RegisterAction,
  type RegisterOperation,
  type RegisterValue,
  type PreparedOperation,
} from './linearizability-register.ts';
import { searchOrder } from './linearizability-search.ts';

/** How the text begins of what is no verdict: the search was given up. */
export const UNDECIDED = 'undecided';

export interface LinearizabilityViolation {
  readonly key: string;
  readonly text: string;
}

/**
 * Configurations of one key's search, beyond which the judge says that it does not know. Good
 * histories of a run need about as many as they have operations.
 */
export const CONFIGURATIONS_MAX = 1_000_000;

const ORDER_PRINTED = 6;
const VALUE_LETTERS_PRINTED = 24;

export function checkRegisters(
  operationsByKey: ReadonlyMap<string, readonly RegisterOperation[]>,
  configurationsMax: number = CONFIGURATIONS_MAX,
): LinearizabilityViolation[] {
  return [...operationsByKey].flatMap(([key, operations]) => {
    const text = explainRegister(operations, configurationsMax);
    return text === undefined ? [] : [{ key, text }];
  });
}

/** Undefined: the operations are linearizable. */
export function explainRegister(
  operations: readonly RegisterOperation[],
  configurationsMax: number = CONFIGURATIONS_MAX,
): string | undefined {
  const { kind } = searchOrder(prepareOperations(operations), configurationsMax);
  if (kind === 'found') return undefined;
  if (kind === 'undecided') {
    return `${UNDECIDED}: ${operations.length} operations overlap too much for ${configurationsMax} configurations`;
  }
  return explain(operations, configurationsMax);
}

/**
 * What has no order gets none by going on, so the first end of an operation after which there is none
 * is found by halving. Just before it there was an order: that is the longest.
 */
function explain(operations: readonly RegisterOperation[], configurationsMax: number): string {
  const ends = operations
    .filter(({ outcome }) => outcome === 'ok')
    .toSorted((left, right) => left.completedAt - right.completedAt);
  let prepared: readonly PreparedOperation[] = [];
  let order: readonly number[] = [];
  let good = -1;
  let bad = ends.length - 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const candidates = prepareOperations(until(operations, ends, middle));
    const result = searchOrder(candidates, configurationsMax);
    if (result.kind === 'found') {
      good = middle;
      prepared = candidates;
      order = result.order;
    } else {
      bad = middle;
    }
  }
  return (
    `no order is left when ${describe(ends[bad]!)} ends; the one before it, of ${order.length} operations, ` +
    `${orderText(prepared, order)} and leaves ${valueText(valueAfter(prepared, order))}`
  );
}

/** The history as it was when the operation at `place` of `ends` had just ended: what ends later was open. */
function until(
  operations: readonly RegisterOperation[],
  ends: readonly RegisterOperation[],
  place: number,
): RegisterOperation[] {
  const open = new Set(ends.slice(place + 1));
  const instant = ends[place]!.completedAt;
  return operations
    .filter(({ invokedAt }) => invokedAt <= instant)
    .map((operation) => (open.has(operation) ? { ...operation, outcome: 'unknown' } : operation));
}

function orderText(prepared: readonly PreparedOperation[], order: readonly number[]): string {
  if (order.length === 0) return 'is empty';
  const last = order.slice(-ORDER_PRINTED).map((index) => describe(prepared[index]!.source));
  return `${order.length > ORDER_PRINTED ? 'ends in' : 'is'} ${last.join(', ')}`;
}

function valueAfter(
  prepared: readonly PreparedOperation[],
  order: readonly number[],
): RegisterValue {
  const index = order.findLast((place) => prepared[place]!.value >= ABSENT);
  if (index === undefined) return undefined;
  const { action } = prepared[index]!.source;
  return action.value;
}

function describe({ name, action, invokedAt, completedAt, outcome }: RegisterOperation): string {
  const end = outcome === 'ok' ? completedAt.toFixed(2) : 'open';
  return `${name} ${actionText(action)} [${invokedAt.toFixed(2)}, ${end}]`;
}

function actionText(action: RegisterAction): string {
  if (action.kind === 'read') return `read ${valueText(action.value)}`;
  if (action.kind === 'write') return `wrote ${valueText(action.value)}`;
  const verb = action.hasSwapped ? 'swapped' : 'did not swap';
  return `${verb} ${valueText(action.expected)} for ${valueText(action.value)}`;
}

function valueText(value: RegisterValue): string {
  if (value === undefined) return 'nothing';
  const isLong = value.length > VALUE_LETTERS_PRINTED;
  return isLong ? `"${value.slice(0, VALUE_LETTERS_PRINTED)}"...` : `"${value}"`;
}
