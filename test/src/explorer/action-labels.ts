/**
 * Actions in words: a label is unique among the actions that a state offers.
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Action } from './actions.ts';
import { clientName } from './client-operations.ts';
import { nodeName } from './explored-setting.ts';
import type { Frame } from './interned-frames.ts';
import {
  type Connection,
  type Endpoint,
  releasedFrames,
  underWay,
  type WorldState,
} from './world-state.ts';

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
