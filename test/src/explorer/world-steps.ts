/**
 * What can happen in an explored world, each as a function from a state to the next: steps of the real
 * cores, the log's syncs, connections, crashes and openings. It decides nothing: actions.ts says what
 * may happen when.
 *
 * Steps that nobody else can tell from one are one:
 *     a coordinator's operations reach its shard at once (the shard hears nobody else, and its answers
 *     are under way for any time anyway);
 *     a connection is made, greeted and welcomed at once (nothing is sent on it before);
 *     a client's request arrives when it is sent (it could have been sent just then).
 *
 * Invariants:
 *   WS2 frames on one way of one connection, and on one lane, are taken in the order they were sent
 *   WS3 what waits for a step of the log leaves after all steps up to it are synced
 */
import { assert } from '@clockwise/kernel/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { CoordinatorEvent } from '@clockwise/coordinator/coordinator-core';
import { helloFrame } from './client-operations.ts';
import {
  type CoordinatorHistories,
  coordinatorHistories,
  type CoordinatorInput,
} from './explored-coordinator.ts';
import { type ReplicaHistories, replicaHistories } from './explored-replica.ts';
import { type ExploredCluster, ExploredSetting, SHARD } from './explored-setting.ts';
import { type Frame, InternedFrames } from './interned-frames.ts';
import {
  type Connection,
  isOpen,
  type NodeState,
  releasedFrames,
  releasedSequence,
  replaceNode,
  type Side,
  underWay,
  type WorldState,
} from './world-state.ts';

export class WorldSteps {
  readonly setting: ExploredSetting;
  readonly frames: InternedFrames = new InternedFrames();
  readonly coordinators: CoordinatorHistories;
  readonly replicas: ReplicaHistories;
  readonly #clientCount: number;

  constructor(cluster: ExploredCluster, clientCount: number) {
    this.setting = new ExploredSetting(cluster);
    this.coordinators = coordinatorHistories(this.setting, this.frames);
    this.replicas = replicaHistories(this.setting, this.frames);
    this.#clientCount = clientCount;
  }

  /** All nodes up and linked, all clients connected to all of them. */
  begin(
    state: Omit<WorldState, 'nodes' | 'connections' | 'connectionCount' | 'ghosts'>,
  ): WorldState {
    const nodes = this.setting.views.map((_, node) => this.#openNode(node, []));
    let begun: WorldState = { ...state, nodes, connections: [], connectionCount: 0, ghosts: [] };
    for (let node = 0; node < nodes.length; node += 1) {
      for (let other = 0; other < nodes.length; other += 1) {
        if (other !== node) begun = this.#connect(begun, node, other);
      }
      begun = this.#connectClients(begun, node);
    }
    return begun;
  }

  stepCoordinator(state: WorldState, node: number, input: CoordinatorInput): WorldState {
    const before = state.nodes[node]!;
    const { state: coordinator, output } = this.coordinators.step(before.coordinator, input);
    let { replica } = before;
    for (const frame of output.toShard) {
      const released = releasedSequence({ ...before, replica });
      replica = this.replicas.step(replica, { frame, releasedSequence: released }).state;
    }
    return replaceNode(state, node, { ...before, coordinator, replica });
  }

  takeFrame(state: WorldState, node: number, number: number, frame: Frame): WorldState {
    const source = CONNECTION_TARGET + number;
    return this.stepCoordinator(state, node, { kind: 'frame', source, frame });
  }

  /** [WS2] The next frame that a side of a connection has sent is no longer under way. */
  popFrame(
    state: WorldState,
    id: number,
    toDialer: boolean,
  ): { readonly state: WorldState; readonly frame: Frame } {
    const connection = state.connections.find((other) => other.id === id)!;
    const sender = toDialer ? connection.acceptor : connection.dialer;
    const [frame, ...left] = underWay(state, sender);
    assert(frame !== undefined, 'something is under way');
    const taken =
      sender.left === undefined ? { ...sender, taken: sender.taken + 1 } : { ...sender, left };
    const changed = toDialer ? { acceptor: taken } : { dialer: taken };
    return { state: replaceConnection(state, { ...connection, ...changed }), frame };
  }

  takeLane(state: WorldState, node: number, lane: 'now' | 'durable'): WorldState {
    const before = state.nodes[node]!;
    const isNow = lane === 'now';
    const frames = isNow ? before.replica.output.now : releasedFrames(before);
    const frame = frames[isNow ? before.nowTaken : before.durableTaken];
    assert(frame !== undefined, 'the lane holds a frame');
    const after = isNow
      ? { ...before, nowTaken: before.nowTaken + 1 }
      : { ...before, durableTaken: before.durableTaken + 1 };
    const taken = replaceNode(state, node, after);
    return this.stepCoordinator(taken, node, { kind: 'frame', source: SHARD, frame });
  }

  /** [WS3] Groups of several steps are several syncs with nothing between them. */
  syncStep(state: WorldState, node: number): WorldState {
    const before = state.nodes[node]!;
    assert(before.syncedSteps < before.replica.output.logged.length, 'a step waits for its sync');
    return replaceNode(state, node, { ...before, syncedSteps: before.syncedSteps + 1 });
  }

  /** Of the steps of its log the first `keptSteps` survive. */
  crash(state: WorldState, node: number, keptSteps: number): WorldState {
    const before = state.nodes[node]!;
    const { replica, past, syncedSteps } = before;
    assert(keptSteps >= syncedSteps, 'what is synced survives');
    const connections = state.connections.flatMap((connection) => {
      const dialer = endSide(state, connection.dialer, node);
      const acceptor = endSide(state, connection.acceptor, node);
      if (isGone(dialer) && isGone(acceptor)) return [];
      return [{ ...connection, dialer, acceptor }];
    });
    const living = new Set(connections.filter(isOpen).map(({ id }) => id));
    return {
      ...replaceNode(state, node, {
        ...before,
        isUp: false,
        past: [...past, { replica, keptSteps }],
        syncedSteps: 0,
        nowTaken: 0,
        durableTaken: 0,
      }),
      connections,
      ghosts: state.ghosts.filter((ghost) => living.has(ghost.connection)),
    };
  }

  /** The node opens its store by the real recovery, and is linked with whoever can be. */
  restart(state: WorldState, node: number): WorldState {
    const opened = this.#openNode(node, state.nodes[node]!.past);
    let next = replaceNode(state, node, opened);
    for (let other = 0; other < state.nodes.length; other += 1) {
      if (other === node || !state.nodes[other]!.isUp) continue;
      next = this.#connect(next, node, other);
      if (!hasLink(next, other, node)) next = this.#connect(next, other, node);
    }
    return this.#connectClients(next, node);
  }

  /** The side that lives learns that the other is gone; what was under way is lost. */
  endConnection(state: WorldState, id: number): WorldState {
    const connection = state.connections.find((other) => other.id === id)!;
    const living = connection.dialer.left === undefined ? connection.dialer : connection.acceptor;
    const gone = living === connection.dialer ? connection.acceptor : connection.dialer;
    const connections = state.connections.filter((other) => other.id !== id);
    let next: WorldState = { ...state, connections };
    if (living.endpoint < 0) return next;
    const { number, endpoint } = living;
    if (living !== connection.dialer) {
      return this.stepCoordinator(next, endpoint, { kind: 'peer-gone', connection: number });
    }
    const event = { kind: 'disconnected', connection: number, reason: 'gone' } as const;
    next = this.stepCoordinator(next, endpoint, { kind: 'event', event });
    return next.nodes[gone.endpoint]!.isUp
      ? this.#connect(next, living.endpoint, gone.endpoint)
      : next;
  }

  #openNode(node: number, past: NodeState['past']): NodeState {
    const boot = past.length + 1;
    return {
      boot,
      isUp: true,
      coordinator: this.coordinators.open({ node, boot }),
      replica: this.replicas.open({ node, boot, past }),
      syncedSteps: 0,
      nowTaken: 0,
      durableTaken: 0,
      connectionCount: 0,
      past,
    };
  }

  #connectClients(state: WorldState, node: number): WorldState {
    let next = state;
    for (let client = 0; client < this.#clientCount; client += 1) {
      next = this.#connect(next, -1 - client, node);
    }
    return next;
  }

  /** From the dial to the welcome. */
  #connect(state: WorldState, dialer: number, acceptor: number): WorldState {
    const id = state.connectionCount;
    const dialerNumber = dialer < 0 ? 0 : state.nodes[dialer]!.connectionCount;
    const acceptorNumber = state.nodes[acceptor]!.connectionCount;
    let next: WorldState = { ...state, connectionCount: id + 1 };
    if (dialer >= 0) next = this.#connected(next, dialer, dialerNumber, acceptor);
    next = this.#connected(next, acceptor, acceptorNumber, -1);
    const sent = (node: number, number: number): Frame => {
      const frame = next.nodes[node]!.coordinator.output.sent.get(number)?.[0];
      assert(frame !== undefined, 'a new connection begins with a greeting');
      return frame;
    };
    const hello =
      dialer < 0 ? this.frames.intern(helloFrame(-1 - dialer)) : sent(dialer, dialerNumber);
    next = this.takeFrame(next, acceptor, acceptorNumber, hello);
    const welcome = sent(acceptor, acceptorNumber);
    if (dialer >= 0) next = this.takeFrame(next, dialer, dialerNumber, welcome);
    const connection: Connection = {
      id,
      dialer: { endpoint: dialer, number: dialerNumber, taken: 1, left: undefined },
      acceptor: { endpoint: acceptor, number: acceptorNumber, taken: 1, left: undefined },
    };
    return { ...next, connections: [...next.connections, connection] };
  }

  #connected(state: WorldState, node: number, number: number, peer: number): WorldState {
    const before = state.nodes[node]!;
    const numbered = replaceNode(state, node, { ...before, connectionCount: number + 1 });
    const event: CoordinatorEvent = { kind: 'connected', connection: number, peer };
    return this.stepCoordinator(numbered, node, { kind: 'event', event });
  }
}

function replaceConnection(state: WorldState, changed: Connection): WorldState {
  const connections = state.connections.map((other) => (other.id === changed.id ? changed : other));
  return { ...state, connections };
}

/** What a crashed node had sent may still arrive. */
function endSide(state: WorldState, side: Side, node: number): Side {
  return side.endpoint === node ? { ...side, left: underWay(state, side) } : side;
}

function isGone({ endpoint, left }: Side): boolean {
  return endpoint >= 0 && left !== undefined;
}

function hasLink(state: WorldState, from: number, to: number): boolean {
  return state.connections.some(
    ({ dialer, acceptor }) => dialer.endpoint === from && acceptor.endpoint === to,
  );
}
