/**
 * O6 by what clients saw alone: a read that meets a write knows all that the write's answer covered,
 * and shows nothing of what the write replaced. Stricter than a check by dots, and without them.
 *
 * Invariants:
 *   O6 where R + W > N, a read that begins after a write's answer covers that answer's context
 *   O3 and returns no sibling that the write's own context covered
 */
import { LEVEL } from '@clockwise/protocol/frame';
import { nameOfDot, type Violation } from '../../checkers/history.ts';
import {
  type ClientEntry,
  type ClientRead,
  type ClientWrite,
  isClientWrite,
} from './client-history.ts';
import { ContextFrontier } from './context-frontier.ts';
import { nameOf } from './judge-losses.ts';

/** Of writes at one level: what they answered, and what they replaced. */
class Frontiers {
  readonly answered: ContextFrontier<ClientWrite> = new ContextFrontier();
  readonly replaced: ContextFrontier<ClientWrite> = new ContextFrontier();
}

/** `entries`: all of one key; `copies`: N, of which bucket defaults are a quorum. */
export function judgeReads(entries: readonly ClientEntry[], copies: number): Violation[] {
  const waiting = entries
    .filter((entry): entry is ClientWrite => isClientWrite(entry) && entry.outcome === 'ok')
    .toSorted((left, right) => right.completedAt - left.completedAt);
  const reads = entries
    .filter((entry): entry is ClientRead => !isClientWrite(entry) && entry.values !== undefined)
    .toSorted((left, right) => left.invokedAt - right.invokedAt);
  const frontiers = Array.from({ length: copies + 1 }, () => new Frontiers());
  return reads.flatMap((read) => {
    while ((waiting.at(-1)?.completedAt ?? Infinity) < read.invokedAt) {
      const write = waiting.pop()!;
      const { answered, replaced } = frontiers[replicasOf(write.level, copies)]!;
      answered.add(write.answerContext, write);
      replaced.add(write.context ?? [], write);
    }
    const least = copies - replicasOf(read.level, copies) + 1;
    return frontiers.slice(least).flatMap((frontier) => checkRead(read, frontier));
  });
}

function checkRead(read: ClientRead, { answered, replaced }: Frontiers): Violation[] {
  const violations: Violation[] = [];
  const missed = answered.missedBy(read.context);
  if (missed !== undefined) {
    const text =
      `${nameOf(read)} missed ${nameOf(missed)}, acknowledged at ${missed.completedAt.toFixed(1)}, ` +
      `before it began at ${read.invokedAt.toFixed(1)}`;
    violations.push({ oracle: 'O6', text });
  }
  for (const { value, dot } of read.siblings) {
    const write = replaced.coveredBy(dot);
    if (write === undefined) continue;
    const text = `${nameOf(read)} shows ${nameOfDot(dot)} (${value}), which ${nameOf(write)} replaced`;
    violations.push({ oracle: 'O3', text });
  }
  return violations;
}

function replicasOf(level: number, copies: number): number {
  if (level >= 1 && level <= copies) return level;
  return level === LEVEL.all ? copies : (copies >> 1) + 1;
}
