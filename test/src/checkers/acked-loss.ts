/**
 * O1, no acknowledged write is lost, and O8, none by a power loss: what all replicas together return
 * after they came to rest holds each acknowledged put, or somebody superseded it who might.
 *
 * Who might supersede a value: a write whose request's context covered one of the value's dots; or an
 * overwrite whose maker's record covered one of them when it was made, and that did not end before the
 * value's put began. (A retry under the same id may have several dots; they are one event.)
 *
 * Invariants:
 *   O1 an acknowledged put is there, or covered by a write that knew it
 *   P3 what was answered as not applied is nowhere
 */
import type { Dot } from '@clockwise/record/build';
import { type DotLedger, dotsOfEntry, type LedgerEntry, type SessionOf } from './dot-ledger.ts';
import {
  covers,
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  nameOfDot,
  nameOfKey,
  type Violation,
  type WriteEntry,
} from './history.ts';

export interface AckedLossInput {
  readonly history: readonly HistoryEntry[];
  readonly finals: readonly FinalState[];
  readonly ledger: DotLedger;
  readonly sessionOf: SessionOf;
  /** Buckets of which acknowledged writes must survive in this run. */
  readonly bucketIds: ReadonlySet<number>;
  /** O8 where the run had power losses: the same rule, another cause. */
  readonly oracle: 'O1' | 'O8';
}

interface JudgedWrite {
  readonly entry: WriteEntry;
  readonly dots: readonly LedgerEntry[];
}

export function checkAckedLoss(input: AckedLossInput): Violation[] {
  const { history, ledger, sessionOf, bucketIds } = input;
  const finals = new Map(input.finals.map((state) => [nameOfKey(state), state]));
  const writesByKey = new Map<string, JudgedWrite[]>();
  for (const entry of history) {
    if (!isWriteEntry(entry) || !bucketIds.has(entry.bucketId)) continue;
    const judged = { entry, dots: dotsOfEntry(ledger, sessionOf, entry) };
    const name = nameOfKey(entry);
    const known = writesByKey.get(name);
    if (known === undefined) writesByKey.set(name, [judged]);
    else known.push(judged);
  }
  return [...writesByKey].flatMap(([name, writes]) =>
    checkKey(input.oracle, name, writes, finals.get(name) ?? { values: [], context: [] }),
  );
}

type Final = Pick<FinalState, 'values' | 'context'>;

function checkKey(
  oracle: string,
  keyName: string,
  writes: readonly JudgedWrite[],
  final: Final,
): Violation[] {
  return writes.flatMap((write, place) => {
    const { entry, dots } = write;
    const what = (): string => `${entry.kind} ${entry.client}/${entry.operation} on ${keyName}`;
    if (entry.outcome === 'not-applied') {
      return dots.length === 0
        ? []
        : [
            {
              oracle: 'P3',
              text: `${what()} was answered as not applied and was made as ${list(dots)}`,
            },
          ];
    }
    const isPresent = entry.value !== undefined && final.values.includes(entry.value);
    if (entry.outcome !== 'ok') return [];
    const isCovered = dots.some(({ dot }) => covers(final.context, dot));
    if (!isCovered) {
      return [
        { oracle, text: `${what()} was acknowledged, and its dots ${list(dots)} are nowhere` },
      ];
    }
    const isLost = entry.kind === 'put' && !isPresent && !isSuperseded(place, writes);
    if (!isLost) return [];
    const text = `${what()} was acknowledged as ${list(dots)}; it is covered, and nobody who covered it knew it`;
    return [{ oracle, text }];
  });
}

function isSuperseded(place: number, writes: readonly JudgedWrite[]): boolean {
  const write = writes[place]!;
  // Whoever did it mostly began soon after: those are asked first, the others last.
  for (let at = place + 1; at < writes.length; at += 1) {
    if (mightSupersede(writes[at]!, write)) return true;
  }
  for (let at = place - 1; at >= 0; at -= 1) if (mightSupersede(writes[at]!, write)) return true;
  return false;
}

function mightSupersede(other: JudgedWrite, write: JudgedWrite): boolean {
  if (other.entry.outcome === 'not-applied') return false;
  const { context } = other.entry;
  if (context !== undefined) return knowsAny(context, write.dots);
  // A retry or a doubled request may be applied again later, where its id has been forgotten meanwhile
  // (an object remembers 16): then the operation has more than one dot.
  const wasOver = other.dots.length === 1 && other.entry.completedAt < write.entry.invokedAt;
  if (wasOver) return false;
  return other.dots.some((made) => knowsAny(made.taken, write.dots));
}

function knowsAny(context: readonly Dot[], dots: readonly LedgerEntry[]): boolean {
  return dots.some(({ dot }) => covers(context, dot));
}

function list(dots: readonly LedgerEntry[]): string {
  return dots.length === 0 ? '(none)' : dots.map(({ dot }) => nameOfDot(dot)).join(' ');
}
