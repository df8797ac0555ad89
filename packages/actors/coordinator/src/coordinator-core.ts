/**
 * The coordinator: client requests from start to answer, and the operations of other coordinators for
 * this node's shards. Its boundary: frames from connections (clients, peers, links) and shards in;
 * frames to them out. It holds no data of its own.
 *
 * Invariants:
 *   C1 nothing is done for a connection that has not been greeted, nor for a frame that is not valid
 *      (connection-frames.ts)
 *   C2 every request is answered or its connection is gone
 *   C3 what a step sends to a shard goes to the life that it has when the step begins, and is counted
 *      for it: which shards there are is heard before all else
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Batch, Core, Out } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type WorldEvent } from '@clockwise/kernel/effects';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ConnectionKeeper } from '@clockwise/protocol/connection-keeper';
import { PROTOCOL_VERSION } from '@clockwise/protocol/frame';
import { ConnectionFrames } from './connection-frames.ts';
import {
  CoordinatorContext,
  type CoordinatorEffect,
  type CoordinatorOptions,
} from './coordinator-context.ts';
import { ScanCore } from './gets/scan-core.ts';
import { HandOffCore } from './hand-off/hand-off-core.ts';
import { PassedQuestions } from './peers/passed-questions.ts';
import { ReplyDispatch } from './peers/reply-dispatch.ts';
import { tellHeldRefusals } from './requests/refuse.ts';
import { RequestIntake } from './requests/request-intake.ts';
import { Sweep } from './requests/sweep.ts';
import { welcomeOf } from './requests/welcome-of.ts';
import { answerProbe, takeMessage, type ToldParts } from './told-messages.ts';

export type CoordinatorEvent = WorldEvent<ActorMessage, never>;

const TIMER = { sweep: 1, connections: 2, refusals: 3 } as const;
const SWEEP_GRAIN_MS = 5;
const REFUSALS_GRAIN_MS = 5;

export class CoordinatorCore implements Core<CoordinatorEvent, CoordinatorEffect> {
  readonly #context: CoordinatorContext;
  readonly #keeper: ConnectionKeeper;
  readonly #handOff: HandOffCore;
  readonly #replies: ReplyDispatch;
  readonly #sweep: Sweep;
  readonly #frames: ConnectionFrames;
  readonly #toldParts: ToldParts;
  #sweepAt = Infinity;
  #refusalsAt = Infinity;
  #started = false;

  constructor(options: CoordinatorOptions) {
    const keeper = keeperOf(options);
    const context = new CoordinatorContext(options, keeper);
    const scans = new ScanCore(context);
    const handOff = new HandOffCore(context);
    const onProbed = (probe: number): void => answerProbe(context, probe);
    const replies = new ReplyDispatch(context, scans, handOff, onProbed);
    const sweep = new Sweep(context, scans, handOff, replies);
    const questions = new PassedQuestions(context);
    const intake = new RequestIntake(context, scans);
    this.#keeper = keeper;
    this.#context = context;
    this.#handOff = handOff;
    this.#replies = replies;
    this.#sweep = sweep;
    this.#frames = new ConnectionFrames(context, keeper, { intake, replies, handOff, questions });
    this.#toldParts = { sweep, handOff, questions };
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
        this.#frames.take(connection, words, frames.offsets[index]!, frames.wordCounts[index]!);
      }
    }
    this.#armSweep();
    this.#armRefusals();
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

  #armRefusals(): void {
    const { nextAt } = this.#context.refusals;
    if (nextAt >= this.#refusalsAt) return;
    this.#refusalsAt = nextAt + REFUSALS_GRAIN_MS;
    this.#context.out.effect({ kind: 'timer', timer: TIMER.refusals, at: this.#refusalsAt });
  }

  #takeEvent(event: CoordinatorEvent): void {
    const context = this.#context;
    const { now, out } = context;
    switch (event.kind) {
      case 'timer':
        if (event.timer === TIMER.connections) this.#keeper.onTimer(now, out);
        else if (event.timer === TIMER.refusals) this.#tellRefusals();
        else this.#runSweep();
        return;
      case 'told':
        takeMessage(context, this.#toldParts, event.message);
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

  #tellRefusals(): void {
    this.#refusalsAt = Infinity;
    tellHeldRefusals(this.#context);
  }

  #runSweep(): void {
    this.#sweepAt = Infinity;
    this.#sweep.run();
  }
}

function keeperOf(options: CoordinatorOptions): ConnectionKeeper {
  const { ring } = options;
  return new ConnectionKeeper({
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
}

function isOfChannel({ kind }: CoordinatorEvent): boolean {
  return kind === 'channel-up' || kind === 'channel-down';
}
