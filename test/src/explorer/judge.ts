/**
 * The verdict on states of an explored world: on every state what must hold always, on every end also
 * what must hold at rest, after all replicas have been read and thereby mended.
 *
 * Instants of the history: a schedule has none, only what had ended when something began. The history
 * is given instants that say just this.
 *
 * Invariants:
 *   O1, O2, O3, O4, O6, O7, O10, O11, P3, RP1 and V9, as test/src/checkers define them
 */
import { assert } from '@clockwise/kernel/assert';
import { FRAME_HEADER_WORDS, LEVEL } from '@clockwise/protocol/frame';
import { readContext } from '@clockwise/protocol/response-reader';
import type { Dot } from '@clockwise/record/build';
import { recentsOffset } from '@clockwise/record/layout';
import { checkAckedLoss } from '../checkers/acked-loss.ts';
import { checkConvergence, isEqualWords, type ReplicaState } from '../checkers/convergence.ts';
import {
  contextDots,
  type FinalState,
  type HistoryEntry,
  type Violation,
} from '../checkers/history.ts';
import { checkHonestReads } from '../checkers/honest-reads.ts';
import { checkQuorumReads } from '../checkers/quorum-reads.ts';
import { checkSeenStays } from '../checkers/seen-stays.ts';
import { sessionOfClient } from '../simulation/client-identity.ts';
import { isSloppy as isSloppyAnswer } from '../simulation/client-requests.ts';
import type { Actions } from './actions.ts';
import { ledgersOf } from './appends-in-order.ts';
import { answerValues, contextGiven, waitingOperation } from './client-operations.ts';
import type { Version } from './explored-replica.ts';
import { BUCKET_ID, type ExploredSetting, nodeName } from './explored-setting.ts';
import type { OperationPlan } from './explorer-case.ts';
import { nameReplicas, type OperationState, type WorldState } from './world-state.ts';

const BUCKETS: ReadonlySet<number> = new Set([BUCKET_ID]);
const NO_WORDS = new Int32Array(0);

export class Judge {
  readonly #setting: ExploredSetting;
  readonly #actions: Actions;
  /** A client that the case does not use. */
  readonly #client: string;
  /** What was judged already, of states that differ in what no oracle looks at. */
  readonly #judged: Set<string> = new Set();
  /** Where requests may come twice, one copy may be refused and the other done. */
  readonly #trustsRefusals: boolean;

  constructor(
    setting: ExploredSetting,
    actions: Actions,
    options: { readonly client: string; readonly trustsRefusals: boolean },
  ) {
    this.#setting = setting;
    this.#actions = actions;
    this.#client = options.client;
    this.#trustsRefusals = options.trustsRefusals;
  }

  /** What must hold in every state. */
  always(state: WorldState): Violation[] {
    const ended = state.operations.map(({ phase, endedBefore, answer }) =>
      phase === 'ended' ? `${endedBefore}/${answer?.id}` : phase,
    );
    const name = `${nameReplicas(state)}|${ended.join()}`;
    if (this.#judged.has(name)) return [];
    this.#judged.add(name);
    const { dots: ledger, causal, repeated } = ledgersOf(state);
    const history = historyOf(state, this.#trustsRefusals);
    return [
      ...ledger.violations,
      ...causal.violations,
      ...repeated,
      ...checkHonestReads(history),
      ...checkQuorumReads({ history, ledger, ...this.#common() }),
      ...state.nodes.flatMap(({ coordinator }, node) =>
        coordinator.output.hungUp.map((reason) => ({
          oracle: 'C1',
          text: `${nodeName(node)} closed a connection: ${reason}`,
        })),
      ),
    ];
  }

  /** What must hold at an end of the case. */
  atEnd(state: WorldState): Violation[] {
    const unfinished = state.operations.filter(({ phase }) => phase !== 'ended');
    if (unfinished.length > 0) {
      const names = unfinished.map(({ plan }) => plan.name).join(' ');
      return [{ oracle: 'O11', text: `nothing can happen any more, and ${names} never ended` }];
    }
    const keys = [...new Set(state.operations.map(({ plan }) => plan.key))];
    return keys.flatMap((key) => this.#atRest(state, key));
  }

  /** Reads of all replicas, one after the other, then one of each by itself. */
  #atRest(end: WorldState, key: string): Violation[] {
    const own = end.operations.length;
    let state = end;
    const last = this.#setting.nodeCount - 1;
    for (const via of [0, last]) state = this.#read(state, key, via, LEVEL.all);
    const all = state.operations[own + 1]!;
    for (let node = 0; node <= last; node += 1) {
      state = this.#read(state, key, node, LEVEL.one);
    }
    const reads = state.operations.slice(own);
    const failed = reads.find(({ outcome }) => outcome !== 'ok');
    if (failed !== undefined || all.answer === undefined) {
      return [{ oracle: 'O11', text: `at rest, ${key} cannot be read at all replicas` }];
    }
    const final: FinalState = {
      bucketId: BUCKET_ID,
      key,
      values: answerValues(all.answer),
      context: contextOf(all),
    };
    const atRest = { ...state, operations: state.operations.slice(0, own) };
    return [
      ...this.always(atRest),
      ...this.#convergence(state, key, reads.slice(2)),
      ...this.#losses(atRest, final),
    ];
  }

  #losses(state: WorldState, final: FinalState): Violation[] {
    const isOfKey = ({ key }: HistoryEntry): boolean => key === final.key;
    const history = historyOf(state, this.#trustsRefusals).filter(isOfKey);
    const { dots: ledger } = ledgersOf(state);
    const finals = [final];
    return [
      ...checkAckedLoss({ history, finals, ledger, oracle: 'O1', ...this.#common() }),
      ...checkSeenStays(history, finals, BUCKETS),
      ...checkHonestReads([...history, ...finalRead(final)]),
    ];
  }

  #convergence(state: WorldState, key: string, reads: readonly OperationState[]): Violation[] {
    const violations: Violation[] = [];
    const states = this.#setting.primariesOf(key).map((node): ReplicaState => {
      const { replica } = state.nodes[node]!;
      const held = replica.output.held.get(key);
      const answer = reads[node]!.answer!;
      const answered = readContext(answer.words, FRAME_HEADER_WORDS);
      if (!isEqualWords(answered, held === undefined ? NO_WORDS : contextWordsOf(held))) {
        const text = `${nodeName(node)} answers ${key} with another version than it appended last`;
        violations.push({ oracle: 'O10', text });
      }
      const words = held === undefined ? NO_WORDS : canonicalOf(held);
      return { bucketId: BUCKET_ID, key, node: nodeName(node), words };
    });
    return [...violations, ...checkConvergence(states)];
  }

  #read(state: WorldState, key: string, via: number, level: number): WorldState {
    const plan: OperationPlan = {
      name: this.#client,
      kind: 'get',
      key,
      value: '',
      via,
      level,
      context: { kind: 'overwrite' },
      after: [],
      retryVia: undefined,
      retryAfter: [],
    };
    const operations = [...state.operations, waitingOperation(plan)];
    return settle(this.#actions, { ...state, operations });
  }

  #common(): {
    readonly sessionOf: typeof sessionOfClient;
    readonly bucketIds: ReadonlySet<number>;
    readonly copies: number;
  } {
    return { sessionOf: sessionOfClient, bucketIds: BUCKETS, copies: this.#setting.copies };
  }
}

/** Lets everything happen that can, faults excepted, one after the other. */
export function settle(actions: Actions, state: WorldState): WorldState {
  let next = state;
  for (let count = 0; count < STEPS_TO_REST_MAX; count += 1) {
    const [first] = actions.of(next, 'none');
    if (first === undefined) return next;
    next = actions.apply(next, first);
  }
  return assert(false, 'a world without faults comes to rest') as never;
}

const STEPS_TO_REST_MAX = 2000;

function historyOf(state: WorldState, trustsRefusals: boolean): HistoryEntry[] {
  const begun = state.operations.filter(({ phase }) => phase !== 'waiting');
  const ranks = [...new Set(begun.map(({ endedBefore }) => endedBefore))].toSorted(
    (left, right) => bits(left) - bits(right),
  );
  return state.operations.flatMap((operation, index): HistoryEntry[] => {
    const { plan, client, phase, outcome, endedBefore, answer } = operation;
    if (phase === 'waiting' || outcome === 'left-out') return [];
    const seenBy = ranks.findIndex((mask) => (mask & (1 << index)) !== 0);
    const endedAt = (seenBy < 0 ? ranks.length : seenBy) * 2 - 1;
    const { key, level } = plan;
    const isSloppy = answer !== undefined && isSloppyAnswer(answer.words, FRAME_HEADER_WORDS);
    const base = { client, operation: index, bucketId: BUCKET_ID, key, level, isSloppy };
    const invokedAt = ranks.indexOf(endedBefore) * 2;
    if (plan.kind === 'get') {
      const values = answer === undefined ? undefined : answerValues(answer);
      const context = answer === undefined ? [] : contextOf(operation);
      const completedAt = phase === 'ended' ? endedAt : Infinity;
      return [{ ...base, kind: 'get', invokedAt, completedAt, values, context }];
    }
    const given = contextGiven(state, operation);
    const known = outcome === 'not-applied' && !trustsRefusals ? 'unknown' : outcome;
    return [
      {
        ...base,
        kind: plan.kind,
        context: typeof given === 'string' ? undefined : contextDots(given),
        value: plan.kind === 'put' ? plan.value : undefined,
        invokedAt,
        completedAt: known === 'unknown' ? Infinity : endedAt,
        outcome: known,
      },
    ];
  });
}

function contextOf({ answer }: OperationState): Dot[] {
  return contextDots(readContext(answer!.words, FRAME_HEADER_WORDS));
}

/** Context and siblings, without what is remembered: what O4 compares. */
function canonicalOf({ view }: Version): Int32Array {
  return view.words.slice(view.context, recentsOffset(view.words, 0));
}

function contextWordsOf({ view }: Version): Int32Array {
  return view.words.slice(view.context, view.siblings);
}

/** The read at rest, as an entry of the history: what it returned must have been put. */
function finalRead({ bucketId, key, values, context }: FinalState): HistoryEntry[] {
  const base = { client: -1, operation: 0, bucketId, key, level: LEVEL.all };
  return [{ ...base, kind: 'get', invokedAt: Infinity, completedAt: Infinity, values, context }];
}

function bits(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count += 1;
  return count;
}
