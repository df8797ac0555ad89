/**
 * The verdict on a round with real processes: every oracle that needs nothing but what clients saw and
 * what the nodes answered at rest. Those that need the ledger of dots or a mirror of the replicas are
 * the simulator's (docs/internals/real-processes.md).
 */
import { checkHonestReads } from '../../checkers/honest-reads.ts';
import { nameOfKey, type Violation } from '../../checkers/history.ts';
import { checkSeenStays } from '../../checkers/seen-stays.ts';
import { checkSessionGuarantees } from '../../checkers/session-guarantees.ts';
import { checkSetUnion } from '../../checkers/set-union.ts';
import { addedBy, elementsOf } from '../../workloads/set-add.ts';
import type { ClientEntry, ClientFinal, ClientWrite } from './client-history.ts';
import { judgeLosses } from './judge-losses.ts';
import { judgeReads } from './judge-reads.ts';
import { KnownDots } from './known-dots.ts';

export interface JudgeInput {
  readonly history: readonly ClientEntry[];
  readonly finals: readonly ClientFinal[];
  readonly copies: number;
  /** Each node is a primary of each key, so that none passes requests on and repeats them. */
  readonly isSingleHop: boolean;
  /** Buckets that keep siblings: `lww` is judged by O7 and O10 only. */
  readonly siblingBuckets: ReadonlySet<number>;
  readonly isSetKey: (key: string) => boolean;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly judgedInFull: number;
  readonly judgedInPart: number;
}

export function judge(input: JudgeInput): Judgement {
  const { history, finals, copies, isSingleHop, siblingBuckets, isSetKey } = input;
  const finalOf = new Map(finals.map((final) => [nameOfKey(final), final]));
  const isSentOnce = (write: ClientWrite): boolean => isSingleHop && write.tries <= 1;
  const violations: Violation[] = [];
  let judgedInFull = 0;
  let judgedInPart = 0;
  for (const [name, entries] of byKey(history)) {
    const dots = new KnownDots(entries);
    violations.push(...dots.violations);
    const final = finalOf.get(name);
    if (final === undefined || !siblingBuckets.has(final.bucketId)) continue;
    const losses = judgeLosses({ entries, final, dots, isSentOnce });
    violations.push(...losses.violations, ...judgeReads(entries, copies));
    judgedInFull += losses.judgedInFull;
    judgedInPart += losses.judgedInPart;
  }
  const setHistory = history.filter(({ key }) => isSetKey(key));
  const setFinals = finals.filter(({ key }) => isSetKey(key));
  violations.push(
    ...checkSessionGuarantees({ history, bucketIds: siblingBuckets, copies }),
    ...checkSeenStays(history, finals, siblingBuckets),
    ...checkHonestReads(history),
    ...checkSetUnion(setHistory, setFinals, elementsOf, addedBy),
  );
  return { violations, judgedInFull, judgedInPart };
}

function byKey(history: readonly ClientEntry[]): Map<string, ClientEntry[]> {
  const lists = new Map<string, ClientEntry[]>();
  for (const entry of history) {
    const name = nameOfKey(entry);
    const list = lists.get(name);
    if (list === undefined) lists.set(name, [entry]);
    else list.push(entry);
  }
  return lists;
}
