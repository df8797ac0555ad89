/**
 * The operations of one register as a history has them, and as the search for a linearization wants
 * them: coded in integers, without what cannot matter, and with what is known of open operations.
 *
 * A register holds a value or nothing (`undefined`, the absent value, which it begins with). An
 * operation that was refused must not have taken effect. One whose outcome is unknown takes effect
 * once at any time after it began, or never.
 *
 * Each of these keeps the verdict as it is:
 * - An open read says nothing. An open write whose value nobody can have met is left out: an order
 *   with it stays one without it. (A compare-and-set that failed may have met any value.) All values of
 *   that kind are one.
 * - Of writes of one value that are all open, the one that began first is used first, by exchange; it
 *   takes effect before the first that observed the value ends, and so gets that end as its own.
 */

/** `undefined`: absent. A delete writes it. */
export type RegisterValue = string | undefined;

export type RegisterAction =
  | { readonly kind: 'read'; readonly value: RegisterValue }
  | { readonly kind: 'write'; readonly value: RegisterValue }
  | {
      readonly kind: 'compare-and-set';
      readonly expected: RegisterValue;
      readonly value: RegisterValue;
      /** False: it was answered that the register held something else. */
      readonly hasSwapped: boolean;
    };

export interface RegisterOperation {
  /** For explanations. */
  readonly name: string;
  readonly action: RegisterAction;
  readonly invokedAt: number;
  /** Counts where the outcome is `ok`. One that ends at the instant another begins overlaps it. */
  readonly completedAt: number;
  readonly outcome: 'ok' | 'refused' | 'unknown';
}

/** What an operation asks of the register's value, and does to it. */
export const ROLE = {
  /** Needs `expected`, changes nothing. */
  read: 0,
  /** Needs nothing, leaves `value`. */
  write: 1,
  /** Needs `expected`, leaves `value`. */
  swap: 2,
  /** Needs anything but `expected`, changes nothing. */
  mismatch: 3,
} as const;

export interface PreparedOperation {
  readonly source: RegisterOperation;
  readonly role: (typeof ROLE)[keyof typeof ROLE];
  readonly expected: number;
  value: number;
  readonly invokedAt: number;
  /** Infinity: open, and may be left out of the order. */
  completedAt: number;
  /** Of open writes of one value: the one before it, which is used before it. -1: none. */
  predecessor: number;
}

export const ABSENT = 0;
/** Stands for every value that nobody can have met. */
export const UNMET = 1;

/** Ordered by their beginnings. */
export function prepareOperations(operations: readonly RegisterOperation[]): PreparedOperation[] {
  const codes = new Map<RegisterValue, number>([[undefined, ABSENT]]);
  const codeOf = (value: RegisterValue): number => {
    const code = codes.get(value) ?? codes.size + UNMET;
    codes.set(value, code);
    return code;
  };
  const prepared: PreparedOperation[] = [];
  for (const source of operations) {
    const { action, outcome } = source;
    const isOpen = outcome === 'unknown';
    if (outcome === 'refused' || (isOpen && action.kind === 'read')) continue;
    prepared.push({
      source,
      role: roleOf(action, isOpen),
      expected: action.kind === 'write' ? -1 : needOf(action, codeOf),
      value: action.kind === 'read' ? -1 : codeOf(action.value),
      invokedAt: source.invokedAt,
      completedAt: isOpen ? Infinity : source.completedAt,
      predecessor: -1,
    });
  }
  prepared.sort((left, right) => left.invokedAt - right.invokedAt);
  const kept = withoutUnmet(prepared);
  orderOpenWrites(kept);
  return kept;
}

function roleOf(action: RegisterAction, isOpen: boolean): PreparedOperation['role'] {
  if (action.kind === 'read') return ROLE.read;
  if (action.kind === 'write') return ROLE.write;
  return action.hasSwapped || isOpen ? ROLE.swap : ROLE.mismatch;
}

function needOf(
  action: Exclude<RegisterAction, { readonly kind: 'write' }>,
  codeOf: (value: RegisterValue) => number,
): number {
  return codeOf(action.kind === 'read' ? action.value : action.expected);
}

/** Values that nobody needs become UNMET; open operations that leave one are left out. */
function withoutUnmet(operations: readonly PreparedOperation[]): PreparedOperation[] {
  const hasMismatch = operations.some(({ role }) => role === ROLE.mismatch);
  let kept = [...operations];
  for (;;) {
    const needed = new Set(kept.map(({ expected }) => expected));
    const isUnmet = ({ role, value }: PreparedOperation): boolean =>
      (role === ROLE.write || role === ROLE.swap) && !needed.has(value);
    const next = hasMismatch
      ? kept
      : kept.filter((one) => one.completedAt < Infinity || !isUnmet(one));
    if (next.length === kept.length) {
      for (const one of kept) if (isUnmet(one)) one.value = UNMET;
      return kept;
    }
    kept = next;
  }
}

function orderOpenWrites(operations: readonly PreparedOperation[]): void {
  const writers = new Map<number, number[]>();
  const firstSeenAt = new Map<number, number>();
  for (const [index, { role, value, expected, completedAt }] of operations.entries()) {
    if (role === ROLE.write || role === ROLE.swap) {
      writers.set(value, [...(writers.get(value) ?? []), index]);
    }
    if (role === ROLE.read || role === ROLE.swap) {
      firstSeenAt.set(expected, Math.min(firstSeenAt.get(expected) ?? Infinity, completedAt));
    }
  }
  for (const [value, indexes] of writers) {
    const open = indexes.filter((index) => {
      const { role, completedAt } = operations[index]!;
      return role === ROLE.write && completedAt === Infinity;
    });
    for (const [place, index] of open.entries()) {
      operations[index]!.predecessor = open[place - 1] ?? -1;
    }
    if (open.length === indexes.length && value !== ABSENT) {
      operations[open[0]!]!.completedAt = firstSeenAt.get(value) ?? Infinity;
    }
  }
}
