/**
 * A case, ready to be explored: its nodes are up and linked, its prelude is done.
 */
import { assert } from '@clockwise/kernel/assert';
import type { Violation } from '../checkers/history.ts';
import { type Action, Actions } from './actions.ts';
import { clientName, clientOf, waitingOperation } from './client-operations.ts';
import type { ExplorerCase, FaultBudget } from './explorer-case.ts';
import { Judge } from './judge.ts';
import type { WorldState } from './world-state.ts';
import { WorldSteps } from './world-steps.ts';

const PRELUDE_STEPS_MAX = 500;

export class ExploredWorld {
  readonly case: ExplorerCase;
  readonly steps: WorldSteps;
  readonly actions: Actions;
  readonly initial: WorldState;
  readonly #judge: Judge;

  constructor(explorerCase: ExplorerCase) {
    const { operations, prelude, budget } = explorerCase;
    const plans = [...prelude, ...operations];
    const clientCount = Math.max(...plans.map(clientOf)) + 1;
    this.case = explorerCase;
    // The judge reads as a client of its own.
    this.steps = new WorldSteps(explorerCase, clientCount + 1);
    this.actions = new Actions(this.steps, explorerCase);
    this.#judge = new Judge(this.steps.setting, this.actions, {
      client: clientName(clientCount),
      trustsRefusals: budget.doubles === 0,
    });
    this.initial = this.#begin();
  }

  /** What is wrong with a state in which these actions are left. */
  judge(state: WorldState, actions: readonly Action[]): Violation[] {
    const always = this.#judge.always(state);
    if (always.length > 0 || actions.length > 0) return always;
    return this.#judge.atEnd(state);
  }

  #begin(): WorldState {
    const { prelude, operations, budget } = this.case;
    const losing: FaultBudget = { crashes: 0, losses: PRELUDE_STEPS_MAX, doubles: 0, timers: 0 };
    let state = this.#takeDown(this.steps.begin({ operations: [], budget: losing }));
    for (const plan of prelude) {
      const asked = [...state.operations, waitingOperation({ ...plan, after: [] })];
      state = this.#settleCut({ ...state, operations: asked });
    }
    // They start again, and what is handed over to them is.
    if (this.case.down.length > 0) state = this.#settle(state, () => true);
    const waiting = operations.map(waitingOperation);
    return { ...state, operations: [...state.operations, ...waiting], budget };
  }

  /** Nothing is on their disks yet. */
  #takeDown(state: WorldState): WorldState {
    let next = state;
    for (const node of this.case.down) next = this.steps.crash(next, node, 0);
    return this.#settleCut(next);
  }

  #isHeldDown(action: Action): boolean {
    return action.kind === 'restart' && this.case.down.includes(action.node);
  }

  /** As without faults, but that what is sent between nodes cut off from each other is lost. */
  #settleCut(state: WorldState): WorldState {
    return this.#settle(state, (action) => !this.#isHeldDown(action));
  }

  #settle(state: WorldState, isMeant: (action: Action) => boolean): WorldState {
    let next = state;
    for (let count = 0; count < PRELUDE_STEPS_MAX; count += 1) {
      const [first] = this.actions.of(next, 'none').filter(isMeant);
      if (first === undefined) return next;
      next = this.actions.apply(next, this.#cut(first));
    }
    return assert(false, 'a prelude comes to rest') as never;
  }

  #cut(action: Action): Action {
    if (action.kind !== 'take') return action;
    const { connection, toDialer } = action;
    const { dialer, acceptor } = connection;
    const [from, to] = toDialer ? [acceptor, dialer] : [dialer, acceptor];
    const isCut = ([left, right]: readonly [number, number]): boolean =>
      left === from.endpoint && right === to.endpoint;
    return this.case.cut.some(isCut) ? { kind: 'lose', connection, toDialer } : action;
  }
}
