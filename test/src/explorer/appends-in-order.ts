/**
 * What all replicas of a state appended, past openings included, brought into an order in which it could
 * have happened, and told to the ledgers of test/src/checkers: that of dots (O7) and the causal one (O2).
 *
 * A schedule has such an order, but states that several schedules lead to know only the order at each
 * replica. Any order will do in which each dot is made before somebody else holds or covers it.
 */
import { CausalLedger } from '../checkers/causal-ledger.ts';
import { STAND_IN_SHELF } from '../checkers/causal-ledger-replies.ts';
import { DotLedger } from '../checkers/dot-ledger.ts';
import { type KeyName, nameOfDot, nameOfKey, type Violation } from '../checkers/history.ts';
import { SESSION_HIGH, sessionOfClient } from '../simulation/client-identity.ts';
import { checkAppliedOnce } from './applied-once.ts';
import { contextGiven, seenBy } from './client-operations.ts';
import type { Append } from './explored-replica.ts';
import { BUCKET_ID, EXPLORED_LIMITS, nodeName } from './explored-setting.ts';
import type { WorldState } from './world-state.ts';

export interface Ledgers {
  readonly dots: DotLedger;
  readonly causal: CausalLedger;
  /** Writes that were made again (V9). */
  readonly repeated: readonly Violation[];
}

interface PlacedAppend {
  readonly shard: string;
  readonly opening: string;
  readonly append: Append;
}

export function ledgersOf(state: WorldState): Ledgers {
  const dots = new DotLedger();
  const causal = new CausalLedger();
  tellRequests(state, causal);
  const appends = appendsInOrder(state);
  for (const placed of appends) tellAppend(dots, causal, placed);
  return { dots, causal, repeated: repeatedOf(state, dots, appends) };
}

function keyNameOf(key: string): string {
  const name: KeyName = { bucketId: BUCKET_ID, key };
  return nameOfKey(name);
}

function tellRequests(state: WorldState, causal: CausalLedger): void {
  for (const [sequence, operation] of state.operations.entries()) {
    const given = contextGiven(state, operation);
    if (given === 'left-out') continue;
    causal.asked({
      sessionLow: operation.client + 1,
      sessionHigh: SESSION_HIGH,
      sequence,
      keyName: keyNameOf(operation.plan.key),
      context: given === 'overwrite' ? undefined : given,
      seen: seenBy(state, operation),
    });
  }
}

function tellAppend(
  dots: DotLedger,
  causal: CausalLedger,
  { shard, opening, append }: PlacedAppend,
): void {
  const { version, before } = append;
  if (version.shelf === 'account' || version.isSettled) return;
  causal.appended({
    shard: version.shelf === 'hint' ? `${shard}${STAND_IN_SHELF}` : shard,
    opening,
    sequence: version.sequence,
    keyName: keyNameOf(version.key),
    isLww: false,
    before: before?.view ?? 'none',
    after: version.view,
  });
  dots.observe(version.record, version.key, `${opening}, sequence ${version.sequence}`);
}

function repeatedOf(
  state: WorldState,
  dots: DotLedger,
  appends: readonly PlacedAppend[],
): Violation[] {
  const writes = state.operations.flatMap(({ plan, client }, sequence) =>
    plan.kind === 'get' ? [] : [{ session: sessionOfClient(client), sequence }],
  );
  const { recentOperationsMax } = EXPLORED_LIMITS;
  return appends.flatMap(({ append, opening }) =>
    checkAppliedOnce({ append, opening, dots, writes, recentOperationsMax }),
  );
}

function appendsInOrder(state: WorldState): PlacedAppend[] {
  const queues = state.nodes.map(({ replica, past, isUp }, node) => {
    const openings = [...past.map((opening) => opening.replica), ...(isUp ? [replica] : [])];
    return openings.flatMap(({ output }, boot) => {
      const opening = `${nodeName(node)}${"'".repeat(boot)}`;
      return output.appends.map((append) => ({ shard: nodeName(node), opening, append }));
    });
  });
  const ordered: PlacedAppend[] = [];
  const known = new Set<string>();
  for (;;) {
    const waiting = queues.filter((queue) => queue.length > 0);
    // Where dots come from nowhere, or are made twice, nothing is ready some time: any order shows that.
    const queue = waiting.find(([head]) => isReady(head!, known)) ?? waiting[0];
    const next = queue?.shift();
    if (next === undefined) return ordered;
    for (const entry of next.append.version.record.context) known.add(nameOfDot(entry));
    ordered.push(next);
  }
}

/** All that the version covers was made before, apart from the dot that was made with it. */
function isReady({ append }: PlacedAppend, known: ReadonlySet<string>): boolean {
  const { context } = append.version.record;
  const unknown = context.filter((entry) => !known.has(nameOfDot(entry)));
  return unknown.length <= (append.isMade ? 1 : 0);
}
