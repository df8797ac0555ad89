/**
 * The gossiper, first depth: a heartbeat to every peer each second, and a report when one falls
 * silent or is heard again. A heartbeat also says how long ago the sender's own data path (through a
 * coordinator and a replica shard) last answered, so that a node that pings but cannot serve counts
 * as down (DESIGN.md, section 4).
 *
 * Invariants:
 *   GO1 a peer is reported when its state changes, and only then
 *   GO2 a peer is up only while it answers and its data path does
 */
import type { Batch, Core, Instant, Out } from '@clockwise/kernel/core';
import { LANE } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type Effect, type WorldEvent } from '@clockwise/kernel/effects';
import type { ActorMessage, PeerState } from '@clockwise/protocol/actor-messages';
import { ConnectionKeeper, type KeeperOptions } from '@clockwise/protocol/connection-keeper';
import type { ControlMessage, Word64 } from '@clockwise/protocol/control-messages';
import { writeControl } from '@clockwise/protocol/message-codec';

export type GossiperEvent = WorldEvent<ActorMessage, never>;
export type GossiperEffect = Effect<ActorMessage, never>;

export interface GossiperOptions {
  readonly connections: Omit<KeeperOptions, 'timer'>;
  readonly epoch: number;
  readonly bootId: Word64;
  /** Actors that hear of changes. */
  readonly listeners: readonly string[];
  readonly heartbeatMs: number;
  /** Without an answer for this long a peer is down. */
  readonly silenceMs: number;
  /** A data path that did not answer for this long is down. */
  readonly dataPathMs: number;
}

const TIMER = { connections: 1, heartbeat: 2 } as const;

interface Peer {
  readonly nodeId: string;
  state: PeerState | 'unknown';
  /** When it last answered; until it has, when we began to ask. */
  heardAt: Instant;
  hasAnswered: boolean;
  dataPathAgeMs: number;
}

export class GossiperCore implements Core<GossiperEvent, GossiperEffect> {
  readonly #options: GossiperOptions;
  readonly #keeper: ConnectionKeeper;
  readonly #peers: Peer[];
  #sequence = 0;
  #probe = 0;
  #probeAnsweredAt: Instant = 0;
  #started = false;

  constructor(options: GossiperOptions) {
    this.#options = options;
    this.#keeper = new ConnectionKeeper({ ...options.connections, timer: TIMER.connections });
    this.#peers = options.connections.nodeIds.map((nodeId) => ({
      nodeId,
      state: 'unknown',
      heardAt: 0,
      hasAnswered: false,
      dataPathAgeMs: 0,
    }));
  }

  step(batch: Batch<GossiperEvent>, out: Out<GossiperEffect>): void {
    const { now, frames } = batch;
    if (!this.#started) this.#start(now, out);
    let isBeatDue = false;
    for (const event of batch.events) {
      if (event.kind === 'timer' && event.timer === TIMER.heartbeat) isBeatDue = true;
      else this.#takeEvent(event, now, out);
    }
    for (let index = 0; index < frames.count; index += 1) {
      const connection = frames.sources[index]! - CONNECTION_TARGET;
      // A connection that we have closed may have sent more before it heard of that.
      if (this.#keeper.table.state[connection] === 0) continue;
      const result = this.#keeper.takeControl(
        connection,
        frames.words[index]!,
        frames.offsets[index]!,
        frames.wordCounts[index]!,
        out,
      );
      if (result.kind === 'message') this.#takeControl(connection, result.message, now, out);
    }
    // After the frames: what waited while this thread was late is heard before anyone is judged.
    if (isBeatDue) this.#beat(now, out);
  }

  hash(): number {
    return this.#peers.reduce(
      (hash, peer) => (Math.imul(hash, 31) + peer.state.length) | 0,
      this.#sequence,
    );
  }

  #start(now: Instant, out: Out<GossiperEffect>): void {
    this.#started = true;
    this.#probeAnsweredAt = now;
    for (const peer of this.#peers) peer.heardAt = now;
    this.#keeper.start(out);
    out.effect({ kind: 'timer', timer: TIMER.heartbeat, at: now });
  }

  #takeEvent(event: GossiperEvent, now: Instant, out: Out<GossiperEffect>): void {
    if (event.kind === 'connected') {
      this.#keeper.onConnected(event.connection, event.peer, now, out);
    } else if (event.kind === 'disconnected') {
      this.#keeper.onDisconnected(event.connection, now, out);
    } else if (event.kind === 'dial-failed') {
      this.#keeper.onDialFailed(event.peer, now, out);
    } else if (event.kind === 'malformed') {
      this.#keeper.reject(event.connection, event.reason, out);
    } else if (event.kind === 'timer') {
      this.#keeper.onTimer(now, out);
    } else if (event.kind === 'told') {
      this.#takeMessage(event.from, event.message, now, out);
    }
  }

  #takeMessage(from: string, message: ActorMessage, now: Instant, out: Out<GossiperEffect>): void {
    if (message.kind === 'probe-answer') {
      // A slow answer to an earlier probe shows a slow data path, not a dead one.
      if (message.probe <= this.#probe) this.#probeAnsweredAt = now;
    } else if (message.kind === 'figures-wanted') {
      const figures: Record<string, number | string> = { heartbeats: this.#sequence };
      for (const peer of this.#peers) figures[`peer ${peer.nodeId}`] = peer.state;
      const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
      out.effect({ kind: 'tell', to: from, message: reply });
    }
  }

  #takeControl(
    connection: number,
    message: ControlMessage,
    now: Instant,
    out: Out<GossiperEffect>,
  ): void {
    if (message.kind === 'heartbeat') {
      const ack = { ...this.#heartbeat('heartbeatAck', now), sentMs: message.sentMs };
      writeControl(out.send(CONNECTION_TARGET + connection, LANE.now), ack);
    } else if (message.kind === 'heartbeatAck') {
      const peer = this.#peers[this.#keeper.table.node[connection]!];
      if (peer === undefined) return;
      peer.heardAt = now;
      peer.hasAnswered = true;
      peer.dataPathAgeMs = message.dataPathAgeMs;
      this.#judge(peer, now, out);
    } else {
      this.#keeper.reject(connection, `${message.kind} is not served here`, out);
    }
  }

  #heartbeat<Kind extends 'heartbeat' | 'heartbeatAck'>(
    kind: Kind,
    now: Instant,
  ): Extract<ControlMessage, { kind: Kind }> {
    const { connections, bootId, epoch } = this.#options;
    return {
      kind,
      nodeId: connections.self.nodeId,
      incarnation: bootId,
      sequence: this.#sequence,
      sentMs: now,
      dataPathAgeMs: Math.min(0xffff_ffff, Math.max(0, Math.round(now - this.#probeAnsweredAt))),
      knownEpoch: epoch,
    } as Extract<ControlMessage, { kind: Kind }>;
  }

  /** One second's work: a heartbeat to each linked peer, a probe of the own data path, judgement. */
  #beat(now: Instant, out: Out<GossiperEffect>): void {
    this.#sequence += 1;
    const message = this.#heartbeat('heartbeat', now);
    this.#peers.forEach((peer, node) => {
      if (node === this.#options.connections.ownNode) return;
      const link = this.#keeper.linkOfNode[node]!;
      if (link >= 0) writeControl(out.send(CONNECTION_TARGET + link, LANE.now), message);
      this.#judge(peer, now, out);
    });
    this.#probe = this.#sequence;
    const probe: ActorMessage = { kind: 'probe', probe: this.#probe };
    out.effect({ kind: 'tell', to: 'coordinator-0', message: probe });
    const at = now + this.#options.heartbeatMs;
    out.effect({ kind: 'timer', timer: TIMER.heartbeat, at });
  }

  /** [GO1], [GO2] */
  #judge(peer: Peer, now: Instant, out: Out<GossiperEffect>): void {
    const { silenceMs, dataPathMs, listeners } = this.#options;
    const silent = now - peer.heardAt > silenceMs;
    if (!peer.hasAnswered && !silent) return;
    const state: PeerState = silent || peer.dataPathAgeMs > dataPathMs ? 'down' : 'up';
    if (state === peer.state) return;
    peer.state = state;
    for (const to of listeners) {
      out.effect({ kind: 'tell', to, message: { kind: 'peer-state', nodeId: peer.nodeId, state } });
    }
  }
}
