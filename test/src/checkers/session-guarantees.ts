/**
 * What a client may count on from one answer to the next, on one key, by the contexts of the answers.
 *
 * Read your writes: where R + W > N, a read covers all that the answer to an earlier write covered: W
 * replicas hold just that record, durably (quorum-reads asks the same of the write alone).
 *
 * Monotonic reads: a read of all copies covers all that any earlier read returned, for one replica at
 * least held it, durably. Below that nothing is promised: what is on one replica only, and was never
 * acknowledged, may be read and then be missed (C8). What was acknowledged is a matter of the rule
 * above. Both hold between clients too, and are judged so. A copy that lost what it had acknowledged
 * counts as one more that a read may not meet.
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
  readonly damagedBefore?: DamagedBefore;
}

export function checkSessionGuarantees(input: SessionGuaranteesInput): Violation[] {
  const byKey = new Map<string, HistoryEntry[]>();
  for (const entry of input.history) {
    if (!input.bucketIds.has(entry.bucketId)) continue;
    const name = nameOfKey(entry);
    const entries = byKey.get(name);
    if (entries === undefined) byKey.set(name, [entry]);
    else entries.push(entry);
  }
  return [...byKey.values()].flatMap((entries) => checkKey(entries, input));
}

function checkKey(entries: readonly HistoryEntry[], input: SessionGuaranteesInput): Violation[] {
  const { copies, damagedBefore } = input;
  const answered = entries
    .filter((entry) => (isWriteEntry(entry) ? entry.outcome === 'ok' : entry.values !== undefined))
    .toSorted((left, right) => right.completedAt - left.completedAt);
  const reads = entries
    .filter((entry) => !isWriteEntry(entry))
    .toSorted((left, right) => left.invokedAt - right.invokedAt);
  /** By the replicas that surely hold it: one for what was read, W for what was acknowledged. */
  const covered = Array.from({ length: copies + 1 }, () => new Covered());
  const violations: Violation[] = [];
  for (const read of reads) {
    while ((answered.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const entry = answered.pop()!;
      const isWrite = isWriteEntry(entry);
      const holders = isWrite ? replicasOfLevel(entry.level, copies) : 1;
      covered[holders]!.add(entry, isWrite ? (entry.answer ?? []) : entry.context);
    }
    if (read.values === undefined) continue;
    const damagedCount = damagedBefore?.(read, read.completedAt) ?? 0;
    const least = copies - replicasOfLevel(read.level, copies) + 1 + damagedCount;
    for (let holders = least; holders <= copies; holders += 1) {
      const missed = covered[holders]!.missedBy(read);
      if (missed !== undefined) violations.push({ oracle: 'O6', text: textOf(read, missed) });
    }
  }
  return violations;
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
