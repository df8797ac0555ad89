/**
 * A state of an explored world: a value that is never changed. What actors are is named by their local
 * histories; what is under way follows from these and from how much of it was taken.
 *
 * `nameState` is the canonical name that states are told apart by: not a hash, so nothing collides.
 *
 * Invariants:
 *   WS1 two states with one name have the same future, and the same past as far as any oracle looks
 */
import type { WriteOutcome } from '../checkers/history.ts';
import type { CoordinatorState } from './explored-coordinator.ts';
import { namePast, type PastOpening, type ReplicaState } from './explored-replica.ts';
import type { FaultBudget, OperationPlan } from './explorer-case.ts';
import type { Frame } from './interned-frames.ts';

export interface NodeState {
  /** Openings so far, this one included. */
  readonly boot: number;
  readonly isUp: boolean;
  /** Of a node that is down: as they were. */
  readonly coordinator: CoordinatorState;
  readonly replica: ReplicaState;
  /** Steps of the replica's log that are synced, and thereby released. */
  readonly syncedSteps: number;
  /** Frames that the coordinator has taken from lane `now`, and from what was released. */
  readonly nowTaken: number;
  readonly durableTaken: number;
  readonly connectionCount: number;
  readonly past: readonly PastOpening[];
}

/** A node by its index; a client as -1 - its index. */
export type Endpoint = number;

/** One side of a connection. */
export interface Side {
  readonly endpoint: Endpoint;
  /** As its coordinator numbers the connection; of a client 0. */
  readonly number: number;
  /** Frames that it has sent and that the other side has taken or lost. */
  readonly taken: number;
  /** It crashed: what it had sent and nobody has taken yet. */
  readonly left: readonly Frame[] | undefined;
}

export interface Connection {
  /** Unique in the world, by the order in which connections were made. */
  readonly id: number;
  readonly dialer: Side;
  readonly acceptor: Side;
}

/** A second copy of a frame, which may arrive at any time while the connection lives. */
export interface Ghost {
  readonly connection: number;
  readonly toDialer: boolean;
  readonly frame: Frame;
}

export interface Attempt {
  readonly connection: number;
  readonly state: 'open' | 'refused' | 'lost';
}

export interface OperationState {
  readonly plan: OperationPlan;
  readonly client: number;
  readonly phase: 'waiting' | 'open' | 'ended';
  readonly attempts: readonly Attempt[];
  /** Which operations (bits) had ended when this one began. */
  readonly endedBefore: number;
  readonly outcome: WriteOutcome | 'left-out';
  /** The words of the answer that it ended with. */
  readonly answer: Frame | undefined;
}

export interface WorldState {
  readonly nodes: readonly NodeState[];
  readonly connections: readonly Connection[];
  readonly connectionCount: number;
  readonly ghosts: readonly Ghost[];
  readonly operations: readonly OperationState[];
  readonly budget: FaultBudget;
}

export function nameState(state: WorldState): string {
  const { nodes, connections, ghosts, operations, budget } = state;
  const { crashes, losses, doubles, timers } = budget;
  return [
    nodes.map(nameNode).join(';'),
    connections.map(nameConnection).join(';'),
    ghosts.map(({ connection, frame, toDialer }) => `${connection}${toDialer}${frame.id}`).join(),
    operations.map(nameOperation).join(';'),
    `${crashes},${losses},${doubles},${timers}`,
  ].join('|');
}

function nameNode(node: NodeState): string {
  const { boot, isUp, coordinator, replica, syncedSteps, nowTaken, durableTaken, past } = node;
  const actors = isUp ? `${coordinator.id},${replica.id},${syncedSteps}` : 'down';
  return `${boot},${actors},${nowTaken},${durableTaken},${namePast(past)}`;
}

function nameConnection({ id, dialer, acceptor }: Connection): string {
  return `${id}:${nameSide(dialer)}/${nameSide(acceptor)}`;
}

function nameSide({ number, taken, left }: Side): string {
  if (left === undefined) return `${number},${taken}`;
  return `${number},${taken},${left.map(({ id }) => id).join('.')}!`;
}

function nameOperation(operation: OperationState): string {
  const { phase, attempts, endedBefore, outcome, answer } = operation;
  if (phase === 'waiting') return '';
  const tried = attempts.map(({ connection, state }) => `${connection}${state[0]}`).join('');
  return `${phase},${tried},${endedBefore},${outcome},${answer?.id ?? ''}`;
}

/** What everything appended so far follows from: the histories of all replicas, past and present. */
export function nameReplicas(state: WorldState): string {
  return state.nodes
    .map(({ replica, isUp, past }) => `${isUp ? replica.id : ''}/${namePast(past)}`)
    .join(';');
}

/** What this side has sent and nobody has taken. */
export function underWay(state: WorldState, side: Side): readonly Frame[] {
  if (side.left !== undefined) return side.left;
  if (side.endpoint < 0) return [];
  const { coordinator } = state.nodes[side.endpoint]!;
  const sent = coordinator.output.sent.get(side.number) ?? [];
  return sent.slice(side.taken);
}

export function isOpen({ dialer, acceptor }: Connection): boolean {
  return dialer.left === undefined && acceptor.left === undefined;
}

/** Frames of lane `durable` that are released, in order. */
export function releasedFrames({ replica, syncedSteps }: NodeState): readonly Frame[] {
  return replica.output.logged.slice(0, syncedSteps).flatMap((step) => step.frames);
}

export function releasedSequence({ replica, syncedSteps }: NodeState): number {
  const { logged, openedSequence } = replica.output;
  return logged
    .slice(0, syncedSteps)
    .reduce((last, step) => Math.max(last, step.lastSequence), openedSequence);
}

export function replaceNode(state: WorldState, node: number, changed: NodeState): WorldState {
  return { ...state, nodes: state.nodes.with(node, changed) };
}
