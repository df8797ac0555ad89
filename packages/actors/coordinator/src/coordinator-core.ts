/**
 * The coordinator: client requests from start to answer, and the operations of other coordinators for
 * this node's shards. Its boundary: frames from connections (clients, peers, links) and shards in;
 * frames to them out. It holds no data of its own.
 *
 * Invariants:
 *   C1 nothing is done for a connection that has not been greeted, nor for a frame that is not valid
 *   C2 every request is answered or its connection is gone
 *   C3 what a step sends to a shard goes to the life that it has when the step begins, and is counted
 *      for it: which shards there are is heard before all else
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Batch, Core, Out } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type WorldEvent } from '@clockwise/kernel/effects';
import { sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ConnectionKeeper, type KeeperResult } from '@clockwise/protocol/connection-keeper';
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import type { ControlMessage } from '@clockwise/protocol/control-messages';
import {
  PROTOCOL_VERSION,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLICA_REQUEST,
  TAG,
} from '@clockwise/protocol/frame';
import { recordLimits, type RecordLimits } from '@clockwise/record/validate';
import { rejectionName } from '@clockwise/protocol/rejections';
import { frameTag, validateFrameHeader } from '@clockwise/protocol/validate-frame';
import {
  validateReplicaReplyFrame,
  validateReplicaRequestFrame,
} from '@clockwise/protocol/validate-replica';
import { validateRequestFrame } from '@clockwise/protocol/validate-request';
import { validateResponseFrame } from '@clockwise/protocol/validate-response';
import {
  CoordinatorContext,
  type CoordinatorEffect,
  type CoordinatorOptions,
} from './coordinator-context.ts';
import { onProxiedFrame } from './peers/proxy-core.ts';
import { HandOffCore } from './hand-off/hand-off-core.ts';
import { oweRange } from './hand-off/owed-range.ts';
import { hintsMessage } from './hand-off/owed-records.ts';
import { PassedQuestions } from './peers/passed-questions.ts';
import { relayFrame } from './peers/peer-relay.ts';
import { ReplyDispatch } from './peers/reply-dispatch.ts';
import { RequestIntake } from './requests/request-intake.ts';
import { ScanCore } from './gets/scan-core.ts';
import { Sweep } from './requests/sweep.ts';
import { welcomeOf } from './requests/welcome-of.ts';

export type CoordinatorEvent = WorldEvent<ActorMessage, never>;

const TIMER = { sweep: 1, connections: 2 } as const;

export class CoordinatorCore implements Core<CoordinatorEvent, CoordinatorEffect> {
  readonly #context: CoordinatorContext;
  readonly #keeper: ConnectionKeeper;
  readonly #scans: ScanCore;
  readonly #handOff: HandOffCore;
  readonly #intake: RequestIntake;
  readonly #replies: ReplyDispatch;
  readonly #sweep: Sweep;
  readonly #recordLimits: RecordLimits;
  readonly #questions: PassedQuestions;
  #sweepAt = Infinity;
  #started = false;

  constructor(options: CoordinatorOptions) {
    const { ring } = options;
    this.#keeper = new ConnectionKeeper({
      self: {
        endpoint: 'coordinator',
        protocolVersionMin: PROTOCOL_VERSION,
        protocolVersionMax: PROTOCOL_VERSION,
        clusterId: ring.clusterId,
        nodeId: ring.nodes[ring.ownNode]!.nodeId,
        session: options.bootId,
        epoch: ring.epoch,
        ringHash: ring.ringHash,
        members: ring.nodes.map((node) => node.nodeId),
      },
      welcome: welcomeOf(options),
      addresses: ring.nodes.map((node) => node.address),
      nodeIds: ring.nodes.map((node) => node.nodeId),
      ownNode: ring.ownNode,
      limits: options.limits,
      prng: options.prng.stream('connections'),
      timer: TIMER.connections,
    });
    this.#context = new CoordinatorContext(options, this.#keeper);
    this.#questions = new PassedQuestions(this.#context);
    this.#scans = new ScanCore(this.#context);
    this.#intake = new RequestIntake(this.#context, this.#scans);
    this.#handOff = new HandOffCore(this.#context);
    const onProbed = (probe: number): void => this.#probed(probe);
    this.#replies = new ReplyDispatch(this.#context, this.#scans, this.#handOff, onProbed);
    this.#sweep = new Sweep(this.#context, this.#scans, this.#handOff, this.#replies);
    this.#recordLimits = recordLimits(options.limits);
  }

  step(batch: Batch<CoordinatorEvent>, out: Out<CoordinatorEffect>): void {
    const context = this.#context;
    context.beginStep(batch.now, batch.wallTimeMs, out);
    if (!this.#started) {
      this.#started = true;
      this.#keeper.start(out);
    }
    // [C3]
    for (const event of batch.events) if (isOfChannel(event)) this.#takeEvent(event);
    for (const event of batch.events) if (!isOfChannel(event)) this.#takeEvent(event);
    const { frames } = batch;
    for (let index = 0; index < frames.count; index += 1) {
      const words = frames.words[index]!;
      const source = frames.sources[index]!;
      if (source < CONNECTION_TARGET) {
        this.#replies.takeShardFrame(source, words, frames.offsets[index]!);
      } else {
        const connection = source - CONNECTION_TARGET;
        this.#takeFrame(connection, words, frames.offsets[index]!, frames.wordCounts[index]!);
      }
    }
    this.#armSweep();
    context.endStep();
  }

  /** Requests of clients, proxied ones and scans that have no end yet. */
  get requestsInFlight(): number {
    return this.#context.slots.inUse;
  }

  /** Operations that a shard has not answered, own and peers'. */
  operationsInFlight(shard: number): number {
    return this.#context.shardInFlight[shard]!;
  }

  /** Puts after which somebody was owed something that could not be noted. */
  get notesLost(): number {
    return this.#context.counters.notesLost;
  }

  hash(): number {
    const { counters, slots } = this.#context;
    let hash = slots.inUse | 0;
    // No list of values: this is asked after every step of a simulated core.
    for (const name in counters) {
      hash = (Math.imul(hash, 0x01000193) ^ counters[name as keyof typeof counters]) | 0;
    }
    return hash;
  }

  #armSweep(): void {
    const context = this.#context;
    if (context.earliestDue >= this.#sweepAt) return;
    // A little late is as good, and one look serves all that fall due in between.
    this.#sweepAt = context.earliestDue + SWEEP_GRAIN_MS;
    context.out.effect({ kind: 'timer', timer: TIMER.sweep, at: this.#sweepAt });
  }

  #takeEvent(event: CoordinatorEvent): void {
    const context = this.#context;
    const { now, out } = context;
    switch (event.kind) {
      case 'timer':
        if (event.timer === TIMER.connections) this.#keeper.onTimer(now, out);
        else this.#runSweep();
        return;
      case 'told':
        this.#takeMessage(event.message);
        return;
      case 'connected':
        this.#keeper.onConnected(event.connection, event.peer, now, out);
        return;
      case 'dial-failed':
        this.#keeper.onDialFailed(event.peer, now, out);
        return;
      case 'disconnected': {
        const node = this.#keeper.onDisconnected(event.connection, now, out);
        if (node >= 0) this.#sweep.linkDown(node);
        return;
      }
      case 'malformed':
        this.#keeper.reject(event.connection, event.reason, out);
        return;
      case 'channel-up':
        context.shardIsUp[event.target] = 1;
        this.#handOff.shardUp(event.target);
        return;
      case 'channel-down':
        context.shardIsUp[event.target] = 0;
        this.#sweep.shardDown(event.target);
        this.#handOff.shardDown(event.target);
        return;
      case 'read-done':
      case 'read-failed':
      case 'job-done':
      case 'job-failed':
      case 'log-failed':
      case 'log-full':
        return;
      default:
        unreachable(event);
    }
  }

  #runSweep(): void {
    this.#sweepAt = Infinity;
    this.#sweep.run();
  }

  #takeFrame(connection: number, words: Int32Array, frame: number, wordCount: number): void {
    const context = this.#context;
    const { limits } = context;
    const state = this.#keeper.table.state[connection];
    // A connection that we have closed may have sent more before it heard of that.
    const isLive = this.#keeper.table.isLive(connection);
    sometimes(!isLive, 'coordinator: a frame comes by a connection that we have closed');
    if (!isLive) return;
    const rejection = validateFrameHeader(words, frame, wordCount, limits);
    if (rejection !== 0) {
      this.#reject(connection, rejection);
      return;
    }
    const tag = frameTag(words, frame);
    if (tag === TAG.control) {
      this.#takeControl(
        connection,
        this.#keeper.takeControl(connection, words, frame, wordCount, context.out),
      );
      return;
    }
    if (state === CONNECTION_STATE.client || state === CONNECTION_STATE.peer) {
      this.#takeRequests(connection, state, tag, words, frame, wordCount);
    } else if (state === CONNECTION_STATE.link) {
      this.#takeAnswers(connection, tag, words, frame, wordCount);
    } else {
      this.#keeper.reject(connection, 'operations before the greeting', context.out);
    }
  }

  #takeRequests(
    connection: number,
    state: number,
    tag: number,
    words: Int32Array,
    frame: number,
    wordCount: number,
  ): void {
    const { limits } = this.#context;
    if (tag === TAG.request) {
      const rejection = validateRequestFrame(words, frame, wordCount, limits);
      if (rejection !== 0) this.#reject(connection, rejection);
      else this.#intake.takeFrame(connection, words, frame);
    } else if (tag === TAG.replicaRequest && state === CONNECTION_STATE.peer) {
      const rejection = validateReplicaRequestFrame(
        words,
        frame,
        wordCount,
        limits,
        this.#recordLimits,
      );
      if (rejection !== 0) this.#reject(connection, rejection);
      else relayFrame(this.#context, connection, words, frame);
    } else {
      this.#keeper.reject(connection, 'a frame of the wrong kind', this.#context.out);
    }
  }

  #takeAnswers(
    connection: number,
    tag: number,
    words: Int32Array,
    frame: number,
    wordCount: number,
  ): void {
    const { limits } = this.#context;
    if (tag === TAG.replicaReply) {
      const rejection = validateReplicaReplyFrame(
        words,
        frame,
        wordCount,
        limits,
        this.#recordLimits,
      );
      if (rejection !== 0) this.#reject(connection, rejection);
      else this.#replies.takeLinkFrame(this.#keeper.table.node[connection]!, words, frame);
    } else if (tag === TAG.response) {
      const rejection = validateResponseFrame(words, frame, wordCount, limits, this.#recordLimits);
      if (rejection !== 0) this.#reject(connection, rejection);
      else onProxiedFrame(this.#context, this.#keeper.table.node[connection]!, words, frame);
    } else {
      this.#keeper.reject(connection, 'a frame of the wrong kind', this.#context.out);
    }
  }

  #reject(connection: number, rejection: number): void {
    this.#context.counters.framesRejected += 1;
    const reason = rejectionName(rejection) ?? 'a bad frame';
    this.#keeper.reject(connection, reason, this.#context.out);
  }

  #takeControl(connection: number, result: KeeperResult): void {
    switch (result.kind) {
      case 'nothing':
        return;
      case 'link-up':
        this.#handOff.nodeUsable(result.node);
        return;
      case 'message':
        this.#answerControl(connection, result.message);
        return;
      default:
        unreachable(result);
    }
  }

  #answerControl(connection: number, message: ControlMessage): void {
    if (message.kind === 'ringRequest') {
      this.#questions.pass(connection, message.requestId, 'ring-manager', (request) => ({
        kind: 'ring-wanted',
        request,
      }));
    } else if (message.kind === 'statusRequest') {
      this.#questions.pass(connection, message.requestId, 'main', (request) => ({
        kind: 'status-wanted',
        request,
      }));
    } else if (message.kind === 'adminRequest') {
      const { command, argument } = message;
      this.#questions.pass(connection, message.requestId, 'main', (request) => ({
        kind: 'admin-wanted',
        request,
        command,
        argument,
      }));
    } else {
      const { out } = this.#context;
      this.#keeper.reject(connection, `${message.kind} is not served here`, out);
    }
  }

  #takeMessage(message: ActorMessage): void {
    const context = this.#context;
    if (message.kind === 'peer-state') {
      const node = context.ring.nodes.findIndex((other) => other.nodeId === message.nodeId);
      if (node < 0) return;
      const isDown = message.state === 'down';
      context.suspected[node] = isDown ? 1 : 0;
      if (isDown) this.#sweep.suspected(node);
      if (message.state === 'up') this.#handOff.nodeUsable(node);
    } else if (message.kind === 'status') {
      const { json } = message;
      this.#questions.answer(message.request, (requestId) => ({ kind: 'status', requestId, json }));
    } else if (message.kind === 'admin') {
      const { json } = message;
      this.#questions.answer(message.request, (requestId) => ({
        kind: 'adminReply',
        requestId,
        json,
      }));
    } else if (message.kind === 'ring') {
      const { bytes } = message;
      this.#questions.answer(message.request, (requestId) => ({ kind: 'ring', requestId, bytes }));
    } else if (message.kind === 'range-owed') {
      oweRange(context, message);
    } else if (message.kind === 'probe') {
      this.#probe(message.probe);
    } else if (message.kind === 'figures-wanted') {
      const figures = {
        ...context.counters,
        inFlight: context.slots.inUse,
        admissionLimit: context.admission.limit,
      };
      const reply: ActorMessage = { kind: 'figures', request: message.request, figures };
      const hints = hintsMessage(context.ring, context.ledger, context.wallTimeMs);
      context.out.effect({ kind: 'tell', to: 'main', message: hints });
      context.out.effect({ kind: 'tell', to: 'main', message: reply });
    }
  }

  /** The gossiper asks whether the data path lives: through a shard, and back (DESIGN.md, section 4). */
  #probe(probe: number): void {
    const context = this.#context;
    for (let shard = 0; shard < context.shards.length; shard += 1) {
      if (context.shardIsUp[shard] === 0 || !context.shardTakesProbe(shard)) continue;
      const sink = context.toShard(shard);
      const offset = sink.begin(TAG.replicaRequest, REPLICA_READ_HEADER_WORDS);
      if (offset < 0) continue;
      sink.words.fill(0, offset, offset + REPLICA_READ_HEADER_WORDS);
      sink.words[offset + REPLICA_REQUEST.opcode] = REPLICA_OPCODE.probe;
      sink.words[offset + REPLICA_REQUEST.slot] = probe;
      sink.end(REPLICA_READ_HEADER_WORDS);
      context.shardInFlight[shard] = context.shardInFlight[shard]! + 1;
    }
  }

  #probed(probe: number): void {
    const message: ActorMessage = { kind: 'probe-answer', probe };
    this.#context.out.effect({ kind: 'tell', to: 'gossiper', message });
  }
}

function isOfChannel({ kind }: CoordinatorEvent): boolean {
  return kind === 'channel-up' || kind === 'channel-down';
}

const SWEEP_GRAIN_MS = 5;
