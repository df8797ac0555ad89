/**
 * Reads that meet writes: where R + W > N, each later read finds what was acknowledged before it
 * began, or what superseded that. Of any write the read's context must cover one of its dots.
 *
 * R and W count primaries. An answer that a stand-in was needed for says so (C1): of it nothing is asked,
 * neither that it sees nor that it is seen; where only primaries were to count, it may not say so.
 *
 * Invariants:
 *   O6 an acknowledged write is seen by each read that begins after its answer and whose level, with
 *      the write's, exceeds the number of copies (and of those that lost what they had acknowledged)
 *   C1 a strict operation is not answered by the help of stand-ins
 */
import type { Dot } from '@clockwise/record/build';
import { LEVEL } from '@clockwise/protocol/frame';
import { type DotLedger, dotsOfEntry, type LedgerEntry, type SessionOf } from './dot-ledger.ts';
import {
  covers,
  type HistoryEntry,
  isWriteEntry,
  type KeyName,
  nameOfKey,
  type ReadEntry,
  type Violation,
  type WriteEntry,
} from './history.ts';

export interface QuorumReadsInput {
  readonly history: readonly HistoryEntry[];
  readonly ledger: DotLedger;
  readonly sessionOf: SessionOf;
  readonly bucketIds: ReadonlySet<number>;
  /** N, which is also what bucket defaults are a quorum of. */
  readonly copies: number;
  /** Left out: one. */
  readonly dataCentreCount?: number;
  readonly damagedBefore?: DamagedBefore;
}

/** How many replicas of a key had disks that lied by then: so many acknowledgements may be forgotten. */
export type DamagedBefore = (key: KeyName, at: number) => number;

export function checkQuorumReads(input: QuorumReadsInput): Violation[] {
  const byKey = new Map<string, { writes: WriteEntry[]; reads: ReadEntry[] }>();
  for (const entry of input.history) {
    if (!input.bucketIds.has(entry.bucketId) || entry.isSloppy === true) continue;
    const name = nameOfKey(entry);
    const lists = byKey.get(name) ?? { writes: [], reads: [] };
    byKey.set(name, lists);
    if (!isWriteEntry(entry)) lists.reads.push(entry);
    else if (entry.outcome === 'ok') lists.writes.push(entry);
  }
  return [
    ...checkStrict(input.history),
    ...[...byKey].flatMap(([name, { writes, reads }]) => checkKey(input, name, writes, reads)),
  ];
}

/** [C1] */
function checkStrict(history: readonly HistoryEntry[]): Violation[] {
  return history
    .filter(({ isStrict, isSloppy }) => isStrict === true && isSloppy === true)
    .map((entry) => {
      const what = `${entry.kind} ${entry.client}/${entry.operation} of ${nameOfKey(entry)}`;
      return { oracle: 'C1', text: `${what} was strict, and its answer counts stand-ins` };
    });
}

function checkKey(
  input: QuorumReadsInput,
  keyName: string,
  writes: readonly WriteEntry[],
  reads: readonly ReadEntry[],
): Violation[] {
  const { copies, ledger, sessionOf, dataCentreCount } = input;
  const waiting = writes.toSorted((left, right) => right.completedAt - left.completedAt);
  const frontiers = Array.from({ length: copies + 1 }, () => new Frontier());
  const violations: Violation[] = [];
  for (const read of reads.toSorted((left, right) => left.invokedAt - right.invokedAt)) {
    while ((waiting.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const write = waiting.pop()!;
      frontiers[replicasOfLevel(write.level, copies, dataCentreCount)]!.add(
        write,
        dotsOfEntry(ledger, sessionOf, write),
      );
    }
    if (read.values === undefined) continue;
    const damagedCount = input.damagedBefore?.(read, read.completedAt) ?? 0;
    const asked = replicasOfLevel(read.level, copies, dataCentreCount);
    const least = copies - asked + 1 + damagedCount;
    for (let level = least; level <= copies; level += 1) {
      const missed = frontiers[level]!.missedBy(read.context);
      if (missed === undefined) continue;
      const text =
        `get ${read.client}/${read.operation} of ${keyName} missed ${missed.client}/${missed.operation}, ` +
        `acknowledged at ${missed.completedAt.toFixed(1)}, before it began at ${read.invokedAt.toFixed(1)}`;
      violations.push({ oracle: 'O6', text });
    }
  }
  return violations;
}

/** What a read of a level must cover by now: the highest counter of each incarnation. */
class Frontier {
  readonly #highest: Map<bigint, { readonly dot: Dot; readonly write: WriteEntry }> = new Map();
  /** Writes with several dots, any of which will do. */
  readonly #several: { readonly dots: readonly LedgerEntry[]; readonly write: WriteEntry }[] = [];

  add(write: WriteEntry, dots: readonly LedgerEntry[]): void {
    const [only] = dots;
    if (only === undefined) return;
    if (dots.length > 1) {
      this.#several.push({ dots, write });
      return;
    }
    const known = this.#highest.get(only.dot.incarnation);
    if (known !== undefined && known.dot.counter >= only.dot.counter) return;
    this.#highest.set(only.dot.incarnation, { dot: only.dot, write });
  }

  missedBy(context: readonly Dot[]): WriteEntry | undefined {
    for (const { dot, write } of this.#highest.values()) {
      if (!covers(context, dot)) return write;
    }
    return this.#several.find(({ dots }) => !dots.some(({ dot }) => covers(context, dot)))?.write;
  }
}

/**
 * REQUIRES: a level that was granted. Levels per data centre promise nothing across centres but that
 * somebody has it; where there is one centre they are a quorum.
 */
export function replicasOfLevel(
  level: number,
  copies: number,
  dataCentreCount: number = 1,
): number {
  if (level >= 1 && level <= copies) return level;
  const isPerCentre = level === LEVEL.localQuorum || level === LEVEL.eachQuorum;
  if (isPerCentre && dataCentreCount > 1) return 1;
  return level === LEVEL.all ? copies : (copies >> 1) + 1;
}
