/**
 * O2 step by step: whenever a replica appends a version, each sibling that it held, or that came to it,
 * is in that version or was truly superseded: by a write whose dot the version covers and that knew the
 * sibling (its request's context covered it; or it overwrote, and its maker held it). What a context
 * merely claims to cover is no excuse.
 *
 * Invariants:
 *   O2 a sibling disappears only where a write superseded it
 */
import type { Dot } from '@clockwise/record/build';
import type { DotLedger, LedgerEntry } from '../checkers/dot-ledger.ts';
import { covers, nameOfDot, type Violation } from '../checkers/history.ts';
import type { Append } from './explored-replica.ts';

/** By an operation's index: the context that its request gave; undefined: it overwrites. */
export type ContextGivenBy = (operation: number) => readonly Dot[] | undefined;

export interface WrittenOperation {
  readonly index: number;
  readonly session: bigint;
}

export interface SupersessionInput {
  /** Whose: for the text of a violation. */
  readonly where: string;
  readonly append: Append;
  readonly ledger: DotLedger;
  readonly writes: readonly WrittenOperation[];
  readonly contextGivenBy: ContextGivenBy;
  readonly dotName: (dot: Dot) => string;
}

export function checkSupersession(input: SupersessionInput): Violation[] {
  const { version, before, incoming } = input.append;
  const kept = new Set(version.record.siblings.map(({ dot }) => nameOfDot(dot)));
  const sources = [
    { what: 'held', siblings: before?.record.siblings ?? [] },
    { what: 'was sent', siblings: incoming?.siblings ?? [] },
  ];
  return sources.flatMap(({ what, siblings }) =>
    siblings.flatMap(({ dot }): Violation[] => {
      if (kept.has(nameOfDot(dot)) || isSuperseded(input, dot)) return [];
      const text = `${input.where} ${what} ${input.dotName(dot)} and appended a version without it, which no write superseded`;
      return [{ oracle: 'O2', text }];
    }),
  );
}

function isSuperseded(input: SupersessionInput, dot: Dot): boolean {
  const { context } = input.append.version.record;
  return input.writes.some(({ index, session }) =>
    input.ledger
      .dotsOf(session, index)
      .some((made) => covers(context, made.dot) && knew(input, index, made, dot)),
  );
}

function knew(
  { contextGivenBy }: SupersessionInput,
  operation: number,
  made: LedgerEntry,
  dot: Dot,
): boolean {
  if (nameOfDot(made.dot) === nameOfDot(dot)) return false;
  return covers(contextGivenBy(operation) ?? made.context, dot);
}
