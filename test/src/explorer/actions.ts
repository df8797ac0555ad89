/**
 * What may happen next in a state, as data, and what comes of it. A schedule is a list of actions; the
 * label of an action is unique among those that a state offers, so that a schedule is also a text.
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import {
  answeredBy,
  clientName,
  contextGiven,
  endAttempt,
  mayBegin,
  mayRetry,
  requestFrame,
  takeAnswer,
} from './client-operations.ts';
import { nodeName } from './explored-setting.ts';
import type { CrashPlan, ExplorerCase } from './explorer-case.ts';
import type { Frame } from './interned-frames.ts';
import {
  type Attempt,
  type Connection,
  type Endpoint,
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

  apply(state: WorldState, action: Action): WorldState {
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
    const frame = this.#steps.frames.intern(requestFrame(index, operation, attempt, context));
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

/** Unique among the actions of one state. */
export function labelOf(state: WorldState, action: Action): string {
  switch (action.kind) {
    case 'begin':
      return `${nameOf(state, action.operation)} begins`;
    case 'begin-doubled':
      return `${nameOf(state, action.operation)} begins, and its request will come twice`;
    case 'retry':
      return `${nameOf(state, action.operation)} is tried again`;
    case 'give-up':
      return `${nameOf(state, action.operation)} is given up by its client`;
    case 'take':
      return `${wayOf(action)}: taken`;
    case 'lose':
      return `${wayOf(action)}: lost`;
    case 'double':
      return `${wayOf(action)}: taken, and will come again`;
    case 'ghost':
      return `the copy number ${action.ghost + 1} arrives`;
    case 'end':
      return `${wayOf({ ...action, toDialer: action.connection.dialer.left === undefined })}: cut`;
    case 'lane':
      return `${nodeName(action.node)} hears its shard, lane ${action.lane}`;
    case 'sync':
      return `${nodeName(action.node)} syncs a step of its log`;
    case 'timer':
      return `${nodeName(action.node)} finds that time has passed`;
    case 'restart':
      return `${nodeName(action.node)} starts again`;
    case 'crash':
      return `${nodeName(action.node)} crashes with ${action.keptSteps} steps of its log on the disk`;
    default:
      return unreachable(action);
  }
}

/** The frame that an action is about. */
export function frameOf(state: WorldState, action: Action): Frame | undefined {
  switch (action.kind) {
    case 'take':
    case 'lose':
    case 'double': {
      const { connection, toDialer } = action;
      return underWay(state, toDialer ? connection.acceptor : connection.dialer)[0];
    }
    case 'ghost':
      return state.ghosts[action.ghost]!.frame;
    case 'lane': {
      const node = state.nodes[action.node]!;
      if (action.lane === 'now') return node.replica.output.now[node.nowTaken];
      return releasedFrames(node)[node.durableTaken];
    }
    case 'begin':
    case 'begin-doubled':
    case 'retry':
    case 'give-up':
    case 'end':
    case 'sync':
    case 'timer':
    case 'restart':
    case 'crash':
      return undefined;
    default:
      return unreachable(action);
  }
}

function nameOf(state: WorldState, operation: number): string {
  return state.operations[operation]!.plan.name;
}

function wayOf(way: { readonly connection: Connection; readonly toDialer: boolean }): string {
  const { dialer, acceptor, id } = way.connection;
  const [from, to] = way.toDialer ? [acceptor, dialer] : [dialer, acceptor];
  const what = way.toDialer ? 'answer' : 'request';
  return `${what} ${endpointName(from.endpoint)} -> ${endpointName(to.endpoint)} (connection ${id})`;
}

export function endpointName(endpoint: Endpoint): string {
  return endpoint < 0 ? clientName(-1 - endpoint) : nodeName(endpoint);
}

function operationActions(state: WorldState): Action[] {
  return state.operations.flatMap((operation, index): Action[] => {
    const { plan } = operation;
    if (mayBegin(state, operation)) {
      const isThere = connectionTo(state, operation, plan.via) !== undefined;
      return isThere ? [{ kind: 'begin', operation: index }] : [];
    }
    if (!mayRetry(operation)) return [];
    const isThere = connectionTo(state, operation, plan.retryVia!) !== undefined;
    return isThere ? [{ kind: 'retry', operation: index }] : [];
  });
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
    if (!isOpen(connection)) actions.push({ kind: 'end', connection });
    return actions;
  });
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
