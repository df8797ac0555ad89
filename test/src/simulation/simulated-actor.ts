/**
 * One actor of a simulated process that is no shard: its core, its shell, and where it listens or
 * dials, its connections. All of it ends with one life of the actor; another life is a new one.
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Core } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type Effect, type WorldEvent } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ActorHost, type HostPace } from '@clockwise/simulator/actor-host';
import type { ConnectionEnd } from '@clockwise/simulator/connection';
import type { Gate } from '@clockwise/simulator/gate';
import type { Network, NetworkEndpoint } from '@clockwise/simulator/network';
import type { NodeClock } from '@clockwise/simulator/node-clock';
import type { Simulation } from '@clockwise/simulator/simulation';
import { type FrameRoute, StepOutput } from '@clockwise/simulator/step-output';

export type ActorEvent = WorldEvent<ActorMessage, never>;
export type ActorEffect = Effect<ActorMessage, never>;

export interface SimulatedActorOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly prng: Prng;
  readonly clock: NodeClock;
  readonly gate: Gate;
  readonly pace: HostPace;
  readonly connectionsMax: number;
  /** The actor's name in its node, and in traces: 'n1#2/coordinator-0'. */
  readonly actor: string;
  readonly name: string;
  readonly site: string;
  /** Where it listens; undefined: it has no connections. */
  readonly address: string | undefined;
  readonly core: Core<ActorEvent, ActorEffect>;
  /** Channels inside the process. */
  readonly route: (target: number) => FrameRoute;
  readonly tell: (from: string, to: string, message: ActorMessage) => void;
  /** [O12] Told of each frame that leaves on a connection. */
  readonly sent: (frame: Int32Array) => void;
  /** [O9] Told of what is under way with it. */
  readonly load: (name: string, value: number, limit: number) => void;
  /** Called after each step. */
  readonly stepped: () => void;
}

/** The way out on one connection; which end that is now is looked up once for each step. */
class ConnectionRoute implements FrameRoute {
  end: ConnectionEnd | undefined;
  readonly #options: Pick<SimulatedActorOptions, 'network' | 'sent' | 'load'>;

  constructor(options: Pick<SimulatedActorOptions, 'network' | 'sent' | 'load'>) {
    this.#options = options;
  }

  hasRoom(wordCount: number): boolean {
    const { end } = this;
    return end === undefined || !end.isOpen || end.connection.hasRoom(end, wordCount);
  }

  take(frame: Int32Array): void {
    const { network, sent, load } = this.#options;
    const { end } = this;
    sent(frame);
    const isOpen = end !== undefined && end.isOpen;
    const wordCount = (isOpen ? end.connection.wordsUnderWay(end) : 0) + frame.length;
    load('words under way on a connection', wordCount, network.faults.connectionWordsMax);
    network.sendOn(end, frame);
  }
}

export class SimulatedActor implements NetworkEndpoint {
  readonly site: string;
  readonly connectionsMax: number;
  readonly host: ActorHost<ActorEvent>;
  readonly gate: Gate;
  readonly #options: SimulatedActorOptions;
  readonly #output: StepOutput<ActorEffect>;
  readonly #routes: Map<number, ConnectionRoute> = new Map();

  constructor(options: SimulatedActorOptions) {
    this.#options = options;
    this.gate = options.gate;
    this.site = options.site;
    this.connectionsMax = options.connectionsMax;
    const { simulation, name, clock, gate, pace, prng, core } = options;
    this.#output = new StepOutput((target) => this.#route(target), 256);
    this.host = new ActorHost<ActorEvent>({
      simulation,
      name,
      clock,
      gate,
      pace,
      prng,
      timerEvent: (timer) => ({ kind: 'timer', timer }),
      step: (batch) => {
        core.step(batch, this.#output);
        this.#output.flush();
        for (const effect of this.#output.takeEffects()) this.#carryOut(effect);
        options.stepped();
      },
      stateHash: () => core.hash(),
    });
  }

  start(): void {
    const { network, address } = this.#options;
    if (address !== undefined) network.listen(address, this);
    this.host.start();
  }

  stop(how: 'killed' | 'power-loss'): void {
    const { network, address } = this.#options;
    if (address !== undefined) network.leave(this, how);
    this.host.stop();
  }

  onConnected(connection: number, peer: number): void {
    this.host.pushEvent({ kind: 'connected', connection, peer });
  }
  onDialFailed(peer: number, reason: string): void {
    this.host.pushEvent({ kind: 'dial-failed', peer, reason });
  }
  onDisconnected(connection: number, reason: string, settled: () => void): void {
    this.host.pushEvent({ kind: 'disconnected', connection, reason }, settled);
  }
  onFrame(connection: number, frame: Int32Array): void {
    this.host.pushFrame(frame, CONNECTION_TARGET + connection);
  }

  #route(target: number): FrameRoute {
    if (target < CONNECTION_TARGET) return this.#options.route(target);
    const { network } = this.#options;
    let route = this.#routes.get(target);
    if (route === undefined) {
      route = new ConnectionRoute(this.#options);
      this.#routes.set(target, route);
    }
    route.end = network.endOf(this, target - CONNECTION_TARGET);
    return route;
  }

  #carryOut(effect: ActorEffect): void {
    const { network, actor, tell } = this.#options;
    switch (effect.kind) {
      case 'timer':
        this.host.setTimer(effect.timer, effect.at);
        return;
      case 'tell':
        tell(actor, effect.to, effect.message);
        return;
      case 'dial':
        network.dial(this, effect.peer, effect.address);
        return;
      case 'hang-up':
        network.hangUp(this, effect.connection, effect.reason);
        return;
      case 'read':
      case 'job':
      case 'log-floor':
        throw new Error(`${actor} has no ${effect.kind}`);
      default:
        unreachable(effect);
    }
  }
}
