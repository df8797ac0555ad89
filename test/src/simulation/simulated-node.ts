/**
 * One simulated node: disks that outlive its processes, and at most one process, made of the real
 * coordinator, replica and compactor cores with their channels, connections and timers.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import {
  CompactorCore,
  type CompactorEffect,
  type CompactorEvent,
} from '@clockwise/compactor/compactor-core';
import { CoordinatorCore, type CoordinatorEvent } from '@clockwise/coordinator/coordinator-core';
import type { CoordinatorEffect } from '@clockwise/coordinator/coordinator-context';
import type { RingView } from '@clockwise/coordinator/ring-view';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ActorHost } from '@clockwise/simulator/actor-host';
import type { Network, NetworkEndpoint } from '@clockwise/simulator/network';
import { NodeClock } from '@clockwise/simulator/node-clock';
import { type CrashModel, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import { StepOutput } from '@clockwise/simulator/step-output';
import type { NodePace } from './configuration.ts';
import { ShardProcess } from './shard-process.ts';
import { openSimulatedShard } from './shard-store.ts';

/** Told of what shards append, sync and open with. */
export interface ShardWatch {
  append(words: Int32Array, from: number, to: number, shard: number, opening: string): void;
  synced(shard: number, sequence: number): void;
  opened(shard: number, lastSequence: number): void;
}

export interface SimulatedNodeOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly prng: Prng;
  readonly nodeId: string;
  readonly ring: RingView;
  readonly limits: Limits;
  readonly pace: NodePace;
  readonly shardCount: number;
  readonly clockOffsetMs: number;
  readonly watch: ShardWatch;
}

export class SimulatedNode {
  readonly nodeId: string;
  readonly clock: NodeClock;
  bootCount = 0;
  poisonedCount = 0;
  readonly #options: SimulatedNodeOptions;
  readonly #disks: readonly SimulatedDisk[];
  #process: NodeProcess | undefined;

  constructor(options: SimulatedNodeOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.clock = new NodeClock(options.simulation, options.clockOffsetMs);
    this.#disks = Array.from(
      { length: options.shardCount },
      (_, shard) =>
        new SimulatedDisk({
          prng: options.prng.stream(`disk-${shard}`),
          shortTransferProbability: 0.02,
        }),
    );
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  start(): void {
    if (this.#process !== undefined) return;
    this.bootCount += 1;
    this.#process = new NodeProcess(this.#options, this.clock, this.#disks, this.bootCount);
    this.#process.start();
  }

  /** A replica's worker dies, and after a while another takes its place. */
  crashShard(shard: number, downMs: number): void {
    this.poisonedCount += this.#process?.crashShard(shard, downMs) ?? 0;
  }

  /** `keep-all`: the process is killed. Anything else: the machine lost its power. */
  crash(model: CrashModel): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    this.poisonedCount += process.stop(model === 'keep-all' ? 'killed' : 'power-loss');
    for (const disk of this.#disks) disk.crash(model);
  }
}

class NodeProcess implements NetworkEndpoint {
  readonly site: string;
  readonly connectionsMax: number;
  readonly #options: SimulatedNodeOptions;
  readonly #name: string;
  readonly #prng: Prng;
  readonly #disks: readonly SimulatedDisk[];
  readonly #clock: NodeClock;
  readonly #shards: (ShardProcess | undefined)[] = [];
  readonly #coordinator: ActorHost<CoordinatorEvent>;
  readonly #coordinatorCore: CoordinatorCore;
  readonly #coordinatorOutput: StepOutput<CoordinatorEffect>;
  readonly #compactor: ActorHost<CompactorEvent>;
  readonly #compactorCore: CompactorCore;
  #isRunning = true;
  #openingCount = 0;

  constructor(
    options: SimulatedNodeOptions,
    clock: NodeClock,
    disks: readonly SimulatedDisk[],
    bootCount: number,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#disks = disks;
    this.site = options.nodeId;
    this.connectionsMax = options.limits.connectionsMax;
    this.#name = `${options.nodeId}#${bootCount}`;
    this.#prng = options.prng.stream(`boot-${bootCount}`);
    const { ring, limits, shardCount } = options;
    const identity = this.#prng.stream('boot-id');
    const shards = this.#shards;
    this.#coordinatorCore = new CoordinatorCore({
      ring,
      limits,
      prng: this.#prng.stream('coordinator'),
      bootId: { low: identity.word(), high: identity.word() },
      shards: disks.map((_, shard) => ({
        get chunks(): readonly Int32Array[] {
          return shards[shard]?.chunks ?? [];
        },
      })),
    });
    this.#coordinatorOutput = new StepOutput((target) => this.#route(target), 256);
    this.#coordinator = this.#host<CoordinatorEvent>(
      'coordinator-0',
      this.#coordinatorCore,
      (batch) => {
        this.#coordinatorCore.step(batch, this.#coordinatorOutput);
        this.#coordinatorOutput.flush();
        for (const effect of this.#coordinatorOutput.takeEffects()) this.#carryOut(effect);
      },
    );
    this.#compactorCore = new CompactorCore({ shardCount, flushesAtOnceMax: 2 });
    const output = new StepOutput<CompactorEffect>(() => nowhere, 64);
    this.#compactor = this.#host<CompactorEvent>('compactor', this.#compactorCore, (batch) => {
      this.#compactorCore.step(batch, output);
      for (const effect of output.takeEffects()) this.#carryOutCompactor(effect);
    });
  }

  start(): void {
    const { simulation, network, ring } = this.#options;
    network.listen(ring.nodes[ring.ownNode]!.address, this);
    this.#coordinator.start();
    this.#compactor.start();
    for (const shard of this.#disks.keys()) {
      simulation.after(this.#prng.exponential(10), () => this.#openShard(shard));
    }
  }

  /** Returns how many chunks were poisoned in its life. */
  stop(how: 'killed' | 'power-loss'): number {
    this.#isRunning = false;
    this.#options.network.leave(this, how);
    this.#coordinator.stop();
    this.#compactor.stop();
    const prng = this.#prng.stream('end');
    let poisonedCount = 0;
    for (const shard of this.#shards) {
      shard?.stop(prng);
      poisonedCount += shard?.poisonedCount ?? 0;
    }
    return poisonedCount;
  }

  /** [H4] What the shard had not answered is lost; the coordinator hears of it. */
  crashShard(shard: number, downMs: number): number {
    const process = this.#shards[shard];
    if (process === undefined) return 0;
    this.#shards[shard] = undefined;
    process.stop(this.#prng.stream(`shard-end-${this.#openingCount}`));
    this.#disks[shard]!.crash('keep-all');
    this.#coordinator.dropFramesOf(shard);
    this.#coordinator.pushEvent({ kind: 'channel-down', target: shard });
    this.#options.simulation.after(downMs, () => this.#openShard(shard));
    return process.poisonedCount;
  }

  onConnected(connection: number, peer: number): void {
    this.#coordinator.pushEvent({ kind: 'connected', connection, peer });
  }
  onDialFailed(peer: number, reason: string): void {
    this.#coordinator.pushEvent({ kind: 'dial-failed', peer, reason });
  }
  onDisconnected(connection: number, reason: string, settled: () => void): void {
    this.#coordinator.pushEvent({ kind: 'disconnected', connection, reason }, settled);
  }
  onFrame(connection: number, frame: Int32Array): void {
    this.#coordinator.pushFrame(frame, CONNECTION_TARGET + connection);
  }

  #host<Event extends { readonly kind: string }>(
    actor: string,
    core: { hash(): number },
    step: ConstructorParameters<typeof ActorHost<Event | TimerEvent>>[0]['step'],
  ): ActorHost<Event | TimerEvent> {
    return new ActorHost<Event | TimerEvent>({
      simulation: this.#options.simulation,
      name: `${this.#name}/${actor}`,
      clock: this.#clock,
      pace: this.#options.pace,
      prng: this.#prng.stream(actor),
      timerEvent: (timer) => ({ kind: 'timer', timer }),
      step,
      stateHash: () => core.hash(),
    });
  }

  /** Recovery as after any start; a store that does not open ends the run. */
  #openShard(shard: number): void {
    if (!this.#isRunning) return;
    const { limits, shardCount, ring, pace, simulation, watch } = this.#options;
    const disk = this.#disks[shard]!;
    this.#openingCount += 1;
    const prng = this.#prng.stream(`opening-${this.#openingCount}`);
    const name = `${this.#name}/replica-${shard}.${this.#openingCount}`;
    const opened = openSimulatedShard({
      disk,
      limits,
      shard,
      shardCount,
      storeId: ring.ownNode + 1,
      partitionBits: ring.partitionBits,
      prng: prng.stream('opening'),
    });
    if (!opened.ok) throw new Error(`${name} does not open: ${opened.reason}`);
    const lastSequence = opened.options.memtable.nextSequence - 1;
    simulation.note(`${name} opened with all up to ${lastSequence}`);
    watch.opened(shard, lastSequence);
    const process = new ShardProcess({
      simulation,
      name,
      shard,
      clock: this.#clock,
      disk,
      limits,
      pace,
      prng,
      opened,
      coordinator: () => this.#coordinator,
      tell: (to, message) => this.#tell(`replica-${shard}`, to, message),
      observe: (words, from, to) => watch.append(words, from, to, shard, name),
      onSynced: (sequence) => watch.synced(shard, sequence),
    });
    this.#shards[shard] = process;
    process.start();
    this.#coordinator.pushEvent({ kind: 'channel-up', target: shard });
  }

  #route(target: number): { hasRoom(wordCount: number): boolean; take(frame: Int32Array): void } {
    const { network } = this.#options;
    if (target >= CONNECTION_TARGET) {
      const connection = target - CONNECTION_TARGET;
      return {
        hasRoom: (wordCount) => network.hasRoom(this, connection, wordCount),
        take: (frame) => network.send(this, connection, frame),
      };
    }
    return this.#shards[target]?.requests ?? nowhere;
  }

  #carryOut(effect: CoordinatorEffect): void {
    const { network } = this.#options;
    switch (effect.kind) {
      case 'timer':
        this.#coordinator.setTimer(effect.timer, effect.at);
        return;
      case 'tell':
        this.#tell('coordinator-0', effect.to, effect.message);
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
        throw new Error(`a coordinator has no ${effect.kind}`);
      default:
        unreachable(effect);
    }
  }

  #carryOutCompactor(effect: CompactorEffect): void {
    if (effect.kind === 'timer') this.#compactor.setTimer(effect.timer, effect.at);
    else if (effect.kind === 'tell') this.#tell('compactor', effect.to, effect.message);
    else throw new Error(`a compactor has no ${effect.kind}`);
  }

  /** Control messages inside the node: in order between two actors, lost only with an actor. */
  #tell(from: string, to: string, message: ActorMessage): void {
    const event = { kind: 'told', from, message } as const;
    if (to === 'compactor') this.#compactor.pushEvent(event);
    else if (to === 'coordinator-0') this.#coordinator.pushEvent(event);
    else if (to.startsWith('replica-')) {
      this.#shards[Number(to.slice('replica-'.length))]?.host.pushEvent(event);
    }
  }
}

interface TimerEvent {
  readonly kind: 'timer';
  readonly timer: number;
}

const nowhere = { hasRoom: (): boolean => true, take: (): void => undefined };
