/**
 * Reads that meet writes: where R + W > N, each later read finds what was acknowledged before it
 * began, or what superseded that. Of any write the read's context must cover one of its dots.
 *
 * Invariants:
 *   O6 an acknowledged write is seen by each read that begins after its answer and whose level, with
 *      the write's, exceeds the number of copies (and of those that lost what they had acknowledged)
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
  readonly damagedBefore?: DamagedBefore;
}

/** How many replicas of a key had disks that lied by then: so many acknowledgements may be forgotten. */
export type DamagedBefore = (key: KeyName, at: number) => number;

export function checkQuorumReads(input: QuorumReadsInput): Violation[] {
  const byKey = new Map<string, { writes: WriteEntry[]; reads: ReadEntry[] }>();
  for (const entry of input.history) {
    if (!input.bucketIds.has(entry.bucketId)) continue;
    const name = nameOfKey(entry);
    const lists = byKey.get(name) ?? { writes: [], reads: [] };
    byKey.set(name, lists);
    if (!isWriteEntry(entry)) lists.reads.push(entry);
    else if (entry.outcome === 'ok') lists.writes.push(entry);
  }
  return [...byKey].flatMap(([name, { writes, reads }]) => checkKey(input, name, writes, reads));
}

function checkKey(
  input: QuorumReadsInput,
  keyName: string,
  writes: readonly WriteEntry[],
  reads: readonly ReadEntry[],
): Violation[] {
  const { copies, ledger, sessionOf } = input;
  const waiting = writes.toSorted((left, right) => right.completedAt - left.completedAt);
  const frontiers = Array.from({ length: copies + 1 }, () => new Frontier());
  const violations: Violation[] = [];
  for (const read of reads.toSorted((left, right) => left.invokedAt - right.invokedAt)) {
    while ((waiting.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const write = waiting.pop()!;
      frontiers[replicasOfLevel(write.level, copies)]!.add(
        write,
        dotsOfEntry(ledger, sessionOf, write),
      );
    }
    if (read.values === undefined) continue;
    const damagedCount = input.damagedBefore?.(read, read.completedAt) ?? 0;
    const least = copies - replicasOfLevel(read.level, copies) + 1 + damagedCount;
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

/** REQUIRES: a level that was granted. */
export function replicasOfLevel(level: number, copies: number): number {
  if (level >= 1 && level <= copies) return level;
  return level === LEVEL.all ? copies : (copies >> 1) + 1;
}
