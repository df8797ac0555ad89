/**
 * V9 in every state: a put that is repeated under its operation id is not made again by a replica whose
 * object has taken it in, unless that object may have forgotten the id: it remembers the latest few of
 * those that were superseded in it. What a client's context covers, a replica may never have held, and
 * then it knows no id of it: a retry is asked about first, at all that can be asked (rule R), and here
 * nobody who knows fails to answer.
 *
 * Invariants:
 *   V9 an id that its object remembers is not applied again
 */
import type { DotLedger, LedgerEntry } from '../checkers/dot-ledger.ts';
import { covers, nameOfDot, type Violation } from '../checkers/history.ts';
import type { Append } from './explored-replica.ts';

export interface AppliedOnceInput {
  readonly append: Append;
  /** Where it was appended, in words. */
  readonly opening: string;
  readonly dots: DotLedger;
  /** Session and sequence of every write of the case. */
  readonly writes: readonly { readonly session: bigint; readonly sequence: number }[];
  readonly recentOperationsMax: number;
}

export function checkAppliedOnce(input: AppliedOnceInput): Violation[] {
  const { append, opening, dots, writes, recentOperationsMax } = input;
  const { version, before } = append;
  if (!append.isMade || before === undefined) return [];
  const held = before.record;
  const present = new Set(held.siblings.map(({ dot }) => nameOfDot(dot)));
  const isTaken = ({ dot }: LedgerEntry): boolean => covers(held.context, dot);
  const superseded = writes.filter(({ session, sequence }) =>
    dots
      .dotsOf(session, sequence)
      .some((made) => isTaken(made) && !present.has(nameOfDot(made.dot))),
  );
  if (superseded.length > recentOperationsMax) return [];
  return version.record.siblings.flatMap(({ dot, operation }): Violation[] => {
    if (covers(held.context, dot)) return [];
    const earlier = dots.dotsOf(operation.session, operation.sequence).find(isTaken);
    if (earlier === undefined) return [];
    const client = Number(BigInt.asUintN(32, operation.session)) - 1;
    const text =
      `put ${client}/${operation.sequence} was applied again at ${opening}, as ${nameOfDot(dot)}: ` +
      `its object had taken it in as ${nameOfDot(earlier.dot)}`;
    return [{ oracle: 'V9', text }];
  });
}
