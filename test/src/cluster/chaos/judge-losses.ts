/**
 * O1, O3 and P3 by what clients saw alone: values, and the contexts and dots of answers.
 *
 * Of a write that was sent once, one dot exists, and the answer's context tells which it may be. A write
 * that was repeated may have several, of which some were never seen; of those it is only judged that
 * all of the answer's context is still covered. The counts tell how many writes were judged in full.
 *
 * Invariants:
 *   O1 what the answer of an acknowledged write covered is covered at rest; the value of a put is there
 *      or superseded by a write that may have known it
 *   O3 what an acknowledged write replaced is not there at rest
 *   P3 the value of a put that was answered as not applied is seen nowhere
 */
import type { Dot } from '@clockwise/record/build';
import { covers, nameOfDot, nameOfKey, type Violation } from '../../checkers/history.ts';
import {
  type ClientEntry,
  type ClientFinal,
  type ClientWrite,
  isClientWrite,
  type SeenSibling,
} from './client-history.ts';
import type { KnownDots } from './known-dots.ts';

export interface LossInput {
  /** All of one key. */
  readonly entries: readonly ClientEntry[];
  readonly final: ClientFinal;
  readonly dots: KnownDots;
  /** Each node holds each key: no node repeats a request on behalf of a client. */
  readonly isSentOnce: (write: ClientWrite) => boolean;
}

export interface LossJudgement {
  readonly violations: readonly Violation[];
  /** Acknowledged puts judged by their dots, and by the answer's context only. */
  readonly judgedInFull: number;
  readonly judgedInPart: number;
}

export function judgeLosses(input: LossInput): LossJudgement {
  const { entries, isSentOnce } = input;
  const writes = entries.filter(isClientWrite);
  const acknowledged = writes.filter((write) => write.outcome === 'ok');
  const inFull = acknowledged.filter((write) => write.kind === 'put' && isSentOnce(write));
  return {
    violations: [
      ...acknowledged.flatMap((write) => checkCovered(write, input.final)),
      ...acknowledged.flatMap((write) => checkReplaced(write, input)),
      ...inFull.flatMap((write) => checkSuperseded(write, writes, input)),
      ...checkRefused(writes, input),
    ],
    judgedInFull: inFull.length,
    judgedInPart: acknowledged.filter((write) => write.kind === 'put').length - inFull.length,
  };
}

/** [O1] */
function checkCovered(write: ClientWrite, final: ClientFinal): Violation[] {
  const gone = write.answer.filter((dot) => !covers(final.context, dot));
  if (gone.length === 0 && write.answer.length > 0) return [];
  const what = gone.length === 0 ? 'without a context' : `as ${list(gone)}, which is nowhere`;
  return [{ oracle: 'O1', text: `${nameOf(write)} was acknowledged ${what}` }];
}

/** [O1] */
function checkSuperseded(
  write: ClientWrite,
  writes: readonly ClientWrite[],
  input: LossInput,
): Violation[] {
  const { final, dots, isSentOnce } = input;
  const own = dots.possibleOf(write);
  const said = (text: string): Violation => ({ oracle: 'O1', text: `${nameOf(write)} ${text}` });
  if (own.length === 0) return [said('was acknowledged, and its answer covers no dot of its own')];
  if (dots.seenOf(write.value!).length > 1) {
    return [said(`was sent once and was seen as ${list(own)}`)];
  }
  if (final.values.includes(write.value!)) return [];
  const isKnown = writes.some(
    (other) => other !== write && mightSupersede(other, write, own, isSentOnce(other)),
  );
  if (isKnown) return [];
  return [said(`was acknowledged as ${list(own)}; it is gone, and nobody who wrote knew it`)];
}

/** An overwrite that was repeated may have been applied again at any later time. */
function mightSupersede(
  other: ClientWrite,
  write: ClientWrite,
  dots: readonly Dot[],
  wasSentOnce: boolean,
): boolean {
  if (other.outcome === 'not-applied') return false;
  const { context, answer } = other;
  if (context !== undefined) return dots.some((dot) => covers(context, dot));
  if (!wasSentOnce || other.outcome !== 'ok') return true;
  const wasOver = other.completedAt < write.invokedAt;
  return !wasOver && dots.some((dot) => covers(answer, dot));
}

/** [O3] */
function checkReplaced(write: ClientWrite, { final, isSentOnce }: LossInput): Violation[] {
  const back = final.siblings.filter((sibling) => hasReplaced(write, sibling, isSentOnce(write)));
  return back.map(({ value, dot }) => ({
    oracle: 'O3',
    text: `${nameOf(write)} replaced ${nameOfDot(dot)} (${value}), which came back`,
  }));
}

/**
 * Whether the sibling cannot live on beside the acknowledged write: its context covered it, or it
 * overwrote a record that did. A repeated overwrite may have been answered from a later record.
 */
export function hasReplaced(
  write: ClientWrite,
  { value, dot }: SeenSibling,
  wasSentOnce: boolean,
): boolean {
  if (write.context !== undefined) return covers(write.context, dot);
  return wasSentOnce && value !== write.value && covers(write.answer, dot);
}

/** [P3] */
function checkRefused(writes: readonly ClientWrite[], { entries, final }: LossInput): Violation[] {
  const seen = new Set(final.values);
  for (const entry of entries) {
    if (!isClientWrite(entry)) for (const value of entry.values ?? []) seen.add(value);
  }
  return writes
    .filter(
      ({ outcome, value }) => outcome === 'not-applied' && value !== undefined && seen.has(value),
    )
    .map((write) => ({
      oracle: 'P3',
      text: `${nameOf(write)} was answered as not applied (${write.code}), and was read`,
    }));
}

export function nameOf(entry: ClientEntry): string {
  return `${entry.kind} ${entry.client}/${entry.operation} on ${nameOfKey(entry)}`;
}

function list(dots: readonly Dot[]): string {
  return dots.length === 0 ? '(none)' : dots.map(nameOfDot).join(' ');
}
