/**
 * What may happen next in a state, as data, and what comes of it. A schedule is a list of actions; the
 * label of an action is unique among those that a state offers, so that a schedule is also a text.
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import {
  answeredBy,
  contextGiven,
  endAttempt,
  mayBegin,
  mayRetry,
  requestFrame,
  takeAnswer,
} from './client-operations.ts';
import { answeredNext, isTakenAtOnce, syncSafeLogs } from './eager-steps.ts';
import type { CrashPlan, ExplorerCase } from './explorer-case.ts';
import type { Frame } from './interned-frames.ts';
import {
  type Attempt,
  type Connection,
  isOpen,
  type NodeState,
  type OperationState,
  releasedFrames,
  underWay,
  type WorldState,
} from './world-state.ts';
import type { WorldSteps } from './world-steps.ts';

export type Action =
  | { readonly kind: 'begin' | 'begin-doubled' | 'retry' | 'give-up'; readonly operation: number }
  | {
      readonly kind: 'take' | 'lose' | 'double';
      readonly connection: Connection;
      readonly toDialer: boolean;
    }
  | { readonly kind: 'ghost'; readonly ghost: number }
  | { readonly kind: 'end'; readonly connection: Connection }
  | { readonly kind: 'lane'; readonly node: number; readonly lane: 'now' | 'durable' }
  | { readonly kind: 'sync' | 'timer' | 'restart'; readonly node: number }
  | { readonly kind: 'crash'; readonly node: number; readonly keptSteps: number };

/** Which faults may happen: those that a case names, or none any more. */
export type Faults = 'as-planned' | 'none';

export class Actions {
  readonly #steps: WorldSteps;
  readonly #case: ExplorerCase;

  constructor(steps: WorldSteps, explorerCase: ExplorerCase) {
    this.#steps = steps;
    this.#case = explorerCase;
  }

  /** All that may happen; nothing: the end. Timers fire for themselves where nothing else is left. */
  of(state: WorldState, faults: Faults): Action[] {
    const actions = [
      ...operationActions(state),
      ...nodeActions(state),
      ...connectionActions(state),
      ...state.ghosts.map((_, ghost): Action => ({ kind: 'ghost', ghost })),
    ];
    if (actions.length === 0) return timePasses(state);
    return faults === 'none' ? actions : [...actions, ...this.#faultActions(state)];
  }

  #faultActions(state: WorldState): Action[] {
    const { crashes, losses, doubles, timers } = state.budget;
    const actions: Action[] = [];
    if (crashes > 0) actions.push(...this.#case.crashes.flatMap((plan) => crashOf(state, plan)));
    if (timers > 0) actions.push(...armedTimers(state));
    for (const action of connectionActions(state)) {
      if (action.kind !== 'take') continue;
      const { connection, toDialer } = action;
      if (connection.dialer.endpoint < 0 && !mattersIfLost(state, connection)) continue;
      if (losses > 0) actions.push({ kind: 'lose', connection, toDialer });
      if (doubles > 0 && isOpen(connection)) actions.push({ kind: 'double', connection, toDialer });
    }
    for (const action of operationActions(state)) {
      if (doubles > 0 && action.kind === 'begin') {
        actions.push({ kind: 'begin-doubled', operation: action.operation });
      }
    }
    return actions;
  }

  /** The action, and what happens at once after it. */
  apply(state: WorldState, action: Action): WorldState {
    let next = syncSafeLogs(this.#case, this.#do(state, action));
    for (;;) {
      const connection = next.connections.find(
        (other) => other.dialer.endpoint < 0 && isSettledAtOnce(next, other),
      );
      if (connection === undefined) return next;
      next = this.#settleClient(next, connection);
    }
  }

  #settleClient(state: WorldState, connection: Connection): WorldState {
    if (underWay(state, connection.acceptor).length === 0) return this.#end(state, connection);
    const popped = this.#steps.popFrame(state, connection.id, true);
    return this.#arrive(popped.state, connection, true, popped.frame);
  }

  #do(state: WorldState, action: Action): WorldState {
    const steps = this.#steps;
    switch (action.kind) {
      case 'begin':
        return this.#ask(beginning(state, action.operation), action.operation, 0, false);
      case 'begin-doubled':
        return this.#ask(
          spend(beginning(state, action.operation), 'doubles'),
          action.operation,
          0,
          true,
        );
      case 'retry':
        return this.#ask(state, action.operation, 1, false);
      case 'take': {
        const popped = steps.popFrame(state, action.connection.id, action.toDialer);
        return this.#arrive(popped.state, action.connection, action.toDialer, popped.frame);
      }
      case 'lose':
        return spend(steps.popFrame(state, action.connection.id, action.toDialer).state, 'losses');
      case 'double': {
        const { connection, toDialer } = action;
        const { frame, state: popped } = steps.popFrame(state, connection.id, toDialer);
        const ghost = { connection: connection.id, toDialer, frame };
        const doubled = spend({ ...popped, ghosts: [...popped.ghosts, ghost] }, 'doubles');
        return this.#arrive(doubled, connection, toDialer, frame);
      }
      case 'ghost': {
        const { connection: id, toDialer, frame } = state.ghosts[action.ghost]!;
        const connection = state.connections.find((other) => other.id === id)!;
        const ghosts = state.ghosts.toSpliced(action.ghost, 1);
        return this.#arrive({ ...state, ghosts }, connection, toDialer, frame);
      }
      case 'end':
        return this.#end(state, action.connection);
      case 'lane':
        return steps.takeLane(state, action.node, action.lane);
      case 'sync':
        return steps.syncStep(state, action.node);
      case 'timer': {
        const isEarly = this.of(state, 'none').some(({ kind }) => kind !== 'timer');
        const fired = isEarly ? spend(state, 'timers') : state;
        return steps.stepCoordinator(fired, action.node, { kind: 'timer' });
      }
      case 'restart':
        return steps.restart(state, action.node);
      case 'give-up':
        return endAttempts(state, action.operation, () => true);
      case 'crash':
        return spend(steps.crash(state, action.node, action.keptSteps), 'crashes');
      default:
        return unreachable(action);
    }
  }

  /** A request goes out and arrives; or the operation is left out, for there is no context for it. */
  #ask(state: WorldState, index: number, attempt: number, isDoubled: boolean): WorldState {
    const operation = state.operations[index]!;
    const given = contextGiven(state, operation);
    if (given === 'left-out') {
      return replaceOperation(state, index, {
        ...operation,
        phase: 'ended',
        outcome: 'left-out',
        attempts: [],
      });
    }
    const context = given === 'overwrite' ? undefined : given;
    const frame = this.#steps.frames.intern(requestFrame(state, index, attempt, context));
    const { via, retryVia } = operation.plan;
    const connection = connectionTo(state, operation, attempt === 0 ? via : retryVia!)!;
    const tried = { connection: connection.id, state: 'open' } as const;
    const asked = replaceOperation(state, index, {
      ...operation,
      phase: 'open',
      attempts: [...operation.attempts, tried],
    });
    const ghost = { connection: connection.id, toDialer: false, frame };
    const sent = isDoubled ? { ...asked, ghosts: [...asked.ghosts, ghost] } : asked;
    return this.#arrive(sent, connection, false, frame);
  }

  #arrive(state: WorldState, connection: Connection, toDialer: boolean, frame: Frame): WorldState {
    const { endpoint, number } = toDialer ? connection.dialer : connection.acceptor;
    if (endpoint >= 0) return this.#steps.takeFrame(state, endpoint, number, frame);
    const { index, attempt } = answeredBy(frame);
    const answered = takeAnswer(state.operations[index]!, attempt, frame);
    return replaceOperation(state, index, answered);
  }

  #end(state: WorldState, connection: Connection): WorldState {
    let ended = this.#steps.endConnection(state, connection.id);
    for (const index of ended.operations.keys()) {
      ended = endAttempts(ended, index, (attempt) => attempt.connection === connection.id);
    }
    return ended;
  }
}

function operationActions(state: WorldState): Action[] {
  return state.operations.flatMap((operation, index): Action[] => {
    const { plan } = operation;
    if (mayBegin(state, operation)) {
      const isThere = connectionTo(state, operation, plan.via) !== undefined;
      return isThere ? [{ kind: 'begin', operation: index }] : [];
    }
    if (!mayRetry(operation) || !haveEnded(state, plan.retryAfter)) return [];
    const isThere = connectionTo(state, operation, plan.retryVia!) !== undefined;
    return isThere ? [{ kind: 'retry', operation: index }] : [];
  });
}

function haveEnded(state: WorldState, names: readonly string[]): boolean {
  return state.operations.every(
    ({ plan, phase }) => !names.includes(plan.name) || phase === 'ended',
  );
}

function nodeActions(state: WorldState): Action[] {
  return state.nodes.flatMap((node, index): Action[] => {
    if (!node.isUp) return [{ kind: 'restart', node: index }];
    const actions: Action[] = [];
    const { now, logged } = node.replica.output;
    if (node.nowTaken < now.length) actions.push({ kind: 'lane', node: index, lane: 'now' });
    if (node.durableTaken < releasedFrames(node).length) {
      actions.push({ kind: 'lane', node: index, lane: 'durable' });
    }
    if (node.syncedSteps < logged.length) actions.push({ kind: 'sync', node: index });
    return actions;
  });
}

function connectionActions(state: WorldState): Action[] {
  return state.connections.flatMap((connection): Action[] => {
    const { dialer, acceptor } = connection;
    const actions: Action[] = [];
    if (acceptor.left === undefined && underWay(state, dialer).length > 0) {
      actions.push({ kind: 'take', connection, toDialer: false });
    }
    if (dialer.left === undefined && underWay(state, acceptor).length > 0) {
      actions.push({ kind: 'take', connection, toDialer: true });
    }
    if (isOpen(connection)) return actions;
    if (dialer.endpoint >= 0 || mattersIfLost(state, connection)) {
      actions.push({ kind: 'end', connection });
    }
    return actions;
  });
}

/** Whether a client would do something else without the answer that comes next. */
function mattersIfLost(state: WorldState, connection: Connection): boolean {
  const operation = answeredNext(state, connection);
  return operation !== undefined && mayRetry(operation);
}

function isSettledAtOnce(state: WorldState, connection: Connection): boolean {
  if (underWay(state, connection.acceptor).length > 0) return isTakenAtOnce(state, connection);
  return !isOpen(connection);
}

function armedTimers(state: WorldState): Action[] {
  return state.nodes.flatMap(({ isUp, coordinator }, node): Action[] =>
    isUp && coordinator.output.sweepAt < Infinity ? [{ kind: 'timer', node }] : [],
  );
}

/** Nothing else can happen: the earliest of the timers fires, and after the last a client gives up. */
function timePasses(state: WorldState): Action[] {
  const armed = armedTimers(state);
  const dueOf = (action: Action): number =>
    action.kind === 'timer' ? state.nodes[action.node]!.coordinator.output.sweepAt : Infinity;
  if (armed.length === 0) {
    const open = state.operations.findIndex(({ phase }) => phase === 'open');
    return open < 0 ? [] : [{ kind: 'give-up', operation: open }];
  }
  const earliest = Math.min(...armed.map(dueOf));
  return armed.filter((action) => dueOf(action) === earliest);
}

function crashOf(state: WorldState, { node, when }: CrashPlan): Action[] {
  const { isUp, replica, syncedSteps }: NodeState = state.nodes[node]!;
  if (!isUp) return [];
  const { length } = replica.output.logged;
  switch (when) {
    case 'unsynced-lost':
      return syncedSteps < length ? [{ kind: 'crash', node, keptSteps: syncedSteps }] : [];
    case 'unsynced-kept':
      return syncedSteps < length ? [{ kind: 'crash', node, keptSteps: length }] : [];
    case 'all-synced':
      return syncedSteps === length && length > 0
        ? [{ kind: 'crash', node, keptSteps: length }]
        : [];
    case 'nothing-waits':
      return syncedSteps === length ? [{ kind: 'crash', node, keptSteps: length }] : [];
    default:
      return unreachable(when);
  }
}

function connectionTo(
  state: WorldState,
  { client }: OperationState,
  node: number,
): Connection | undefined {
  return state.connections.find(
    (other) =>
      isOpen(other) && other.dialer.endpoint === -1 - client && other.acceptor.endpoint === node,
  );
}

function beginning(state: WorldState, index: number): WorldState {
  let endedBefore = 0;
  state.operations.forEach(({ phase }, other) => {
    if (phase === 'ended') endedBefore |= 1 << other;
  });
  return replaceOperation(state, index, { ...state.operations[index]!, endedBefore });
}

function endAttempts(
  state: WorldState,
  index: number,
  isMeant: (attempt: Attempt) => boolean,
): WorldState {
  let operation = state.operations[index]!;
  operation.attempts.forEach((tried, attempt) => {
    if (isMeant(tried)) operation = endAttempt(operation, attempt, 'lost');
  });
  return replaceOperation(state, index, operation);
}

function replaceOperation(state: WorldState, index: number, changed: OperationState): WorldState {
  return { ...state, operations: state.operations.with(index, changed) };
}

function spend(state: WorldState, what: keyof WorldState['budget']): WorldState {
  const left = state.budget[what] - 1;
  assert(left >= 0, 'a fault happens as often as its budget says');
  return { ...state, budget: { ...state.budget, [what]: left } };
}
