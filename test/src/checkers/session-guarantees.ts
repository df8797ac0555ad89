/**
 * What a client may count on from one answer to the next, on one key, by the contexts of the answers.
 *
 * Read your writes: where R + W > N, a read covers all that the answer to an earlier write covered: W
 * replicas hold just that record, durably (quorum-reads asks the same of the write alone).
 *
 * Monotonic reads: a read of all copies covers all that any earlier read returned, for one replica at
 * least held it, durably. Below that nothing is promised: what is on one replica only, and was never
 * acknowledged, may be read and then be missed (C8), unless the read asked for more: a monotonic one
 * answers when N - R + 1 primaries hold what it returns, so that each later read of R meets one of
 * them. What was acknowledged is a matter of the rule above. All of it holds between clients too, and
 * is judged so. A copy that lost what it had acknowledged counts as one more that a read may not meet.
 * Answers that stand-ins were needed for promise nothing, and nothing is asked of them.
 *
 * Invariants:
 *   O6 a read covers what earlier answers, whose replicas it must meet, were covering
 */
import type { Dot } from '@clockwise/record/build';
import {
  covers,
  type HistoryEntry,
  isWriteEntry,
  nameOfDot,
  nameOfKey,
  type OperationName,
  type ReadEntry,
  type Violation,
} from './history.ts';
import { type DamagedBefore, replicasOfLevel } from './quorum-reads.ts';

export interface SessionGuaranteesInput {
  readonly history: readonly HistoryEntry[];
  readonly bucketIds: ReadonlySet<number>;
  readonly copies: number;
  /** Left out: one. */
  readonly dataCentreCount?: number;
  readonly damagedBefore?: DamagedBefore;
}

export function checkSessionGuarantees(input: SessionGuaranteesInput): Violation[] {
  const byKey = new Map<string, HistoryEntry[]>();
  for (const entry of input.history) {
    if (!input.bucketIds.has(entry.bucketId) || entry.isSloppy === true) continue;
    const name = nameOfKey(entry);
    const entries = byKey.get(name);
    if (entries === undefined) byKey.set(name, [entry]);
    else entries.push(entry);
  }
  return [...byKey.values()].flatMap((entries) => checkKey(entries, input));
}

function checkKey(entries: readonly HistoryEntry[], input: SessionGuaranteesInput): Violation[] {
  const { copies, damagedBefore, dataCentreCount } = input;
  const answered = entries
    .filter((entry) => (isWriteEntry(entry) ? entry.outcome === 'ok' : entry.values !== undefined))
    .toSorted((left, right) => right.completedAt - left.completedAt);
  const reads = entries
    .filter((entry) => !isWriteEntry(entry))
    .toSorted((left, right) => left.invokedAt - right.invokedAt);
  /** By the replicas that surely hold it: see holdersOf. */
  const covered = Array.from({ length: copies + 1 }, () => new Covered());
  const violations: Violation[] = [];
  for (const read of reads) {
    while ((answered.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const entry = answered.pop()!;
      const holders = holdersOf(entry, input);
      covered[holders]!.add(entry, isWriteEntry(entry) ? (entry.answer ?? []) : entry.context);
    }
    if (read.values === undefined) continue;
    const damagedCount = damagedBefore?.(read, read.completedAt) ?? 0;
    const asked = replicasOfLevel(read.level, copies, dataCentreCount);
    const least = copies - asked + 1 + damagedCount;
    for (let holders = least; holders <= copies; holders += 1) {
      const missed = covered[holders]!.missedBy(read);
      if (missed !== undefined) violations.push({ oracle: 'O6', text: textOf(read, missed) });
    }
  }
  return violations;
}

/** How many replicas hold what was answered: W of a write; of a read one, and N - R + 1 of a monotonic one. */
function holdersOf(entry: HistoryEntry, input: SessionGuaranteesInput): number {
  const { copies, dataCentreCount } = input;
  const asked = replicasOfLevel(entry.level, copies, dataCentreCount);
  if (isWriteEntry(entry)) return asked;
  // Of a level per data centre the replicas are those of one centre.
  const isLocal = asked === 1 && entry.level !== 1;
  return entry.isMonotonic === true && !isLocal ? copies - asked + 1 : 1;
}

interface Known {
  readonly dot: Dot;
  readonly by: HistoryEntry;
}

class Covered {
  readonly #highest: Map<bigint, Known> = new Map();

  add(by: HistoryEntry, context: readonly Dot[]): void {
    for (const dot of context) {
      const known = this.#highest.get(dot.incarnation);
      if (known !== undefined && known.dot.counter >= dot.counter) continue;
      this.#highest.set(dot.incarnation, { dot, by });
    }
  }

  missedBy({ context }: ReadEntry): Known | undefined {
    for (const known of this.#highest.values()) if (!covers(context, known.dot)) return known;
    return undefined;
  }
}

function textOf(read: ReadEntry, { dot, by }: Known): string {
  const name = ({ client, operation }: OperationName): string => `${client}/${operation}`;
  const verb = by.kind === 'get' ? 'had seen' : 'was answered with';
  return (
    `get ${name(read)} of ${nameOfKey(read)} does not cover ${nameOfDot(dot)}, which ` +
    `${by.kind} ${name(by)} ${verb} at ${by.completedAt.toFixed(1)}, before it began`
  );
}
