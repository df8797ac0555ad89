/**
 * The connections of an actor that talks to other nodes: who dialled, who has been greeted, which
 * link leads to which node. Dials every other node and keeps dialling with jittered, growing pauses;
 * judges greetings (handshake.ts) and closes what breaks the rules. Pure: it belongs to a core.
 *
 * Invariants:
 *   CK1 a link is named by `linkOfNode` only between its welcome and its end, or our closing of it
 *   CK2 a connection that is not greeted within the limit is closed
 *   CK3 whatever a connection does wrong closes that connection only, counted and with its reason
 */
import type { Instant, OperationSink } from '@clockwise/kernel/core';
import { LANE } from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { CONNECTION_STATE, ConnectionTable } from './connection-table.ts';
import type { ControlMessage, Hello, Welcome } from './control-messages.ts';
import { admitsControl, CONNECTION, judgeHello, judgeWelcome, type Self } from './handshake.ts';
import { readControlFrame, writeControl } from './message-codec.ts';
import { utf8ByteLength } from './utf8.ts';

/** WebSocket close codes that we use (RFC 6455, section 7.4.1). */
export const CLOSE = { normal: 1000, protocolError: 1002, policy: 1008 } as const;

/** What a WebSocket close frame has room for beside its code. */
const CLOSE_REASON_BYTES_MAX = 123;

const REDIAL_MS_MIN = 50;
const REDIAL_MS_MAX = 2000;

export type KeeperEffect =
  | { readonly kind: 'timer'; readonly timer: number; readonly at: Instant }
  | { readonly kind: 'dial'; readonly peer: number; readonly address: string }
  | {
      readonly kind: 'hang-up';
      readonly connection: number;
      readonly code: number;
      readonly reason: string;
    };

export interface KeeperOut {
  send(target: number, lane: 0): OperationSink;
  effect(effect: KeeperEffect): void;
}

export interface KeeperOptions {
  readonly self: Self;
  readonly welcome: Welcome;
  /** By node index of the ring; the address of the port that this actor dials there. */
  readonly addresses: readonly string[];
  readonly nodeIds: readonly string[];
  readonly ownNode: number;
  readonly limits: Limits;
  readonly prng: Prng;
  /** The timer number that is the keeper's. */
  readonly timer: number;
}

export type KeeperResult =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'link-up'; readonly node: number }
  | { readonly kind: 'message'; readonly message: ControlMessage };

const NOTHING: KeeperResult = { kind: 'nothing' };

export class ConnectionKeeper {
  readonly table: ConnectionTable;
  /** By node index: the connection of our link to it, or -1. */
  readonly linkOfNode: Int32Array;
  rejections = 0;
  readonly #options: KeeperOptions;
  readonly #redialAt: Float64Array;
  readonly #failures: Int32Array;
  readonly #greeting: Set<number> = new Set();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.table = new ConnectionTable(options.limits.connectionsMax);
    const nodeCount = options.addresses.length;
    this.linkOfNode = new Int32Array(nodeCount).fill(-1);
    this.#redialAt = new Float64Array(nodeCount).fill(Infinity);
    this.#failures = new Int32Array(nodeCount);
  }

  /** Dials every other node. */
  start(out: KeeperOut): void {
    for (let node = 0; node < this.linkOfNode.length; node += 1) {
      if (node !== this.#options.ownNode) this.#dial(node, out);
    }
  }

  onConnected(connection: number, peer: number, now: Instant, out: KeeperOut): void {
    const greetBy = now + this.#options.limits.handshakeTimeoutMs;
    const state = peer < 0 ? CONNECTION_STATE.fresh : CONNECTION_STATE.greeting;
    this.table.open(connection, state, greetBy);
    this.#greeting.add(connection);
    this.#armTimer(out);
    if (peer < 0) return;
    this.table.node[connection] = peer;
    writeControl(this.#sink(connection, out), this.#hello());
  }

  onDialFailed(peer: number, now: Instant, out: KeeperOut): void {
    this.#failures[peer] = this.#failures[peer]! + 1;
    const exponent = Math.min(this.#failures[peer], 10);
    const pauseMs = Math.min(REDIAL_MS_MAX, REDIAL_MS_MIN * 2 ** exponent);
    sometimes(pauseMs === REDIAL_MS_MAX, 'connections: the pause between dials is at its longest');
    this.#redialAt[peer] = now + pauseMs * (0.5 + this.#options.prng.unit() / 2);
    this.#armTimer(out);
  }

  /** Returns the node whose link this was, or -1. */
  onDisconnected(connection: number, now: Instant, out: KeeperOut): number {
    const state = this.table.state[connection]!;
    const node = this.table.node[connection]!;
    this.#greeting.delete(connection);
    this.table.close(connection);
    if (state !== CONNECTION_STATE.link && state !== CONNECTION_STATE.greeting) return -1;
    sometimes(state === CONNECTION_STATE.greeting, 'connections: a link ends before its welcome');
    this.onDialFailed(node, now, out);
    if (state !== CONNECTION_STATE.link) return -1;
    if (this.linkOfNode[node] === connection) this.linkOfNode[node] = -1;
    return node;
  }

  /** Redials what is due and closes what was not greeted in time. */
  onTimer(now: Instant, out: KeeperOut): void {
    for (let node = 0; node < this.#redialAt.length; node += 1) {
      if (this.#redialAt[node]! <= now) this.#dial(node, out);
    }
    for (const connection of this.#greeting) {
      if (this.table.greetBy[connection]! > now) continue;
      reachable('connections: a greeting does not come in time');
      this.reject(connection, 'no greeting within the time for it', out);
    }
    this.#armTimer(out);
  }

  /** A frame of one control message. What is not greeting is handed to the owner, if it is admitted. */
  takeControl(
    connection: number,
    words: Int32Array,
    frame: number,
    wordCount: number,
    out: KeeperOut,
  ): KeeperResult {
    if (!this.table.isLive(connection)) return NOTHING;
    const result = readControlFrame(words, frame, wordCount, this.#options.limits);
    if (!result.ok) return this.reject(connection, result.reason, out);
    const { message } = result;
    const state = HANDSHAKE_STATE[this.table.state[connection]!]!;
    if (!admitsControl(state, this.#options.self.endpoint, message.kind)) {
      return this.reject(connection, `unexpected ${message.kind}`, out);
    }
    switch (message.kind) {
      case 'hello':
        return this.#takeHello(connection, message, out);
      case 'welcome':
        return this.#takeWelcome(connection, message, out);
      case 'goodbye':
        this.#hangUp(connection, CLOSE.normal, 'goodbye', out);
        return NOTHING;
      default:
        return { kind: 'message', message };
    }
  }

  /** [CK3] Says why and closes. */
  reject(connection: number, reason: string, out: KeeperOut): KeeperResult {
    if (!this.table.isLive(connection)) return NOTHING;
    this.rejections += 1;
    writeControl(this.#sink(connection, out), { kind: 'goodbye', reason: 1, text: reason });
    this.#hangUp(connection, CLOSE.protocolError, closeReason(reason), out);
    return NOTHING;
  }

  #hangUp(connection: number, code: number, reason: string, out: KeeperOut): void {
    this.table.closing[connection] = 1;
    this.#greeting.delete(connection);
    const node = this.linkOfNode.indexOf(connection);
    if (node >= 0) this.linkOfNode[node] = -1;
    out.effect({ kind: 'hang-up', connection, code, reason });
  }

  #takeHello(connection: number, hello: Hello, out: KeeperOut): KeeperResult {
    const verdict = judgeHello(hello, this.#options.self);
    if (!verdict.accept) {
      reachable('connections: a hello is refused');
      return this.reject(connection, `${verdict.error}: ${verdict.text}`, out);
    }
    this.#greeting.delete(connection);
    const isPeer = hello.role === 'peer';
    this.table.state[connection] = isPeer ? CONNECTION_STATE.peer : CONNECTION_STATE.client;
    this.table.node[connection] = isPeer ? this.#options.nodeIds.indexOf(hello.nodeId) : -1;
    const welcome = { ...this.#options.welcome, protocolVersion: verdict.version };
    writeControl(this.#sink(connection, out), welcome);
    return NOTHING;
  }

  #takeWelcome(connection: number, welcome: Welcome, out: KeeperOut): KeeperResult {
    const node = this.table.node[connection]!;
    const verdict = judgeWelcome(welcome, this.#options.self, this.#options.nodeIds[node]!);
    if (!verdict.accept) {
      return this.reject(connection, `${verdict.error}: ${verdict.text}`, out);
    }
    this.#greeting.delete(connection);
    this.table.state[connection] = CONNECTION_STATE.link;
    sometimes(this.#failures[node] !== 0, 'connections: a link is up again after failures');
    this.#failures[node] = 0;
    this.linkOfNode[node] = connection;
    return { kind: 'link-up', node };
  }

  #hello(): Hello {
    const { self } = this.#options;
    return {
      kind: 'hello',
      protocolVersionMin: self.protocolVersionMin,
      protocolVersionMax: self.protocolVersionMax,
      role: 'peer',
      clusterId: self.clusterId,
      session: self.session,
      nodeId: self.nodeId,
      epoch: self.epoch,
      ringHash: self.ringHash,
      featureBits: 0,
    };
  }

  #dial(node: number, out: KeeperOut): void {
    this.#redialAt[node] = Infinity;
    out.effect({ kind: 'dial', peer: node, address: this.#options.addresses[node]! });
  }

  #sink(connection: number, out: KeeperOut): OperationSink {
    return out.send(CONNECTION_TARGET + connection, LANE.now);
  }

  #armTimer(out: KeeperOut): void {
    let at = Infinity;
    for (const instant of this.#redialAt) at = Math.min(at, instant);
    for (const connection of this.#greeting) at = Math.min(at, this.table.greetBy[connection]!);
    if (at < Infinity) out.effect({ kind: 'timer', timer: this.#options.timer, at });
  }
}

function closeReason(reason: string): string {
  let text = reason.slice(0, CLOSE_REASON_BYTES_MAX);
  while (utf8ByteLength(text) > CLOSE_REASON_BYTES_MAX) text = text.slice(0, -1);
  return text;
}

/** By CONNECTION_STATE: the state that the handshake's rules know. */
const HANDSHAKE_STATE = [
  CONNECTION.closed,
  CONNECTION.awaitingHello,
  CONNECTION.client,
  CONNECTION.peer,
  CONNECTION.awaitingWelcome,
  CONNECTION.peer,
] as const;
