/**
 * O3 in reads, by what clients saw alone: a read that meets a write shows nothing that the write's own
 * context covered. (That it covers the write's answer is judged by session-guarantees.)
 *
 * Invariants:
 *   O3 where R + W > N, a read that begins after a write's answer returns no sibling that it replaced
 */
import { nameOfDot, type Violation } from '../../checkers/history.ts';
import { replicasOfLevel } from '../../checkers/quorum-reads.ts';
import {
  type ClientEntry,
  type ClientRead,
  type ClientWrite,
  isClientWrite,
} from './client-history.ts';
import { ContextFrontier } from './context-frontier.ts';
import { nameOf } from './judge-losses.ts';

/** `entries`: all of one key; `copies`: N, of which bucket defaults are a quorum. */
export function judgeReads(entries: readonly ClientEntry[], copies: number): Violation[] {
  const waiting = entries
    .filter((entry): entry is ClientWrite => isClientWrite(entry) && entry.outcome === 'ok')
    .toSorted((left, right) => right.completedAt - left.completedAt);
  const reads = entries
    .filter((entry): entry is ClientRead => !isClientWrite(entry) && entry.values !== undefined)
    .toSorted((left, right) => left.invokedAt - right.invokedAt);
  /** What writes of each level replaced. */
  const replaced = Array.from({ length: copies + 1 }, () => new ContextFrontier<ClientWrite>());
  return reads.flatMap((read) => {
    while ((waiting.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const write = waiting.pop()!;
      replaced[replicasOfLevel(write.level, copies)]!.add(write.context ?? [], write);
    }
    const least = copies - replicasOfLevel(read.level, copies) + 1;
    return replaced.slice(least).flatMap((frontier) => checkRead(read, frontier));
  });
}

function checkRead(read: ClientRead, replaced: ContextFrontier<ClientWrite>): Violation[] {
  return read.siblings.flatMap(({ value, dot }) => {
    const write = replaced.coveredBy(dot);
    if (write === undefined) return [];
    const text = `${nameOf(read)} shows ${nameOfDot(dot)} (${value}), which ${nameOf(write)} replaced`;
    return [{ oracle: 'O3', text }];
  });
}
