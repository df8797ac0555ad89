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
import { DiskTempo } from '@clockwise/simulator/disk-tempo';
import { type CrashModel, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import { StepOutput } from '@clockwise/simulator/step-output';
import type { NodePace } from './configuration.ts';
import { ShardProcess } from './shard-process.ts';
import { openSimulatedShard } from './shard-store.ts';
import { ShardSupervision } from './shard-supervision.ts';

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
  readonly disks: readonly SimulatedDisk[];
  /** How long calls to each of the disks take. */
  readonly tempos: readonly DiskTempo[];
  /** All shards have been open: from then on one without files is damage, not new. */
  hasOpened = false;
  readonly #operator: Prng;
  #process: NodeProcess | undefined;

  constructor(options: SimulatedNodeOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.clock = new NodeClock(options.simulation, options.clockOffsetMs);
    this.#operator = options.prng.stream('operator');
    this.tempos = Array.from(
      { length: options.shardCount },
      () => new DiskTempo(options.simulation),
    );
    this.disks = Array.from(
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
    this.#process = new NodeProcess(this.#options, this);
    this.#process.start();
  }

  /** Whether a shard answers: its process runs, and has neither fenced it nor given it up. */
  isServing(shard: number): boolean {
    return this.#process?.isServing(shard) === true;
  }

  /** After a while the operator mends what can be mended, and starts the process anew. */
  callOperator(): void {
    const process = this.#process;
    const delayMs = this.#operator.pick(OPERATOR_MS);
    this.#options.simulation.after(delayMs, () => {
      if (this.#process === process) this.healDisks();
    });
  }

  /** Faults of the disks end, what they did to bytes stays; a process that suffers is started anew. */
  healDisks(): void {
    for (const disk of this.disks) disk.clearFaults();
    for (const tempo of this.tempos) tempo.heal();
    if (this.#process?.hasTrouble !== true) return;
    this.crash('keep-all');
    this.start();
  }

  /** The disks are stuck: a log writer that hangs for long is ended together with its shard. */
  lookForHungLogs(): void {
    this.#process?.lookForHungLogs();
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
    for (const disk of this.disks) disk.crash(model);
  }
}

/** Milliseconds until the operator has come. */
const OPERATOR_MS = [300, 1500, 5000];
/** The runtime's `logHungAfterMs`. */
export const LOG_HUNG_MS = 10_000;

class NodeProcess implements NetworkEndpoint {
  readonly site: string;
  readonly connectionsMax: number;
  readonly #options: SimulatedNodeOptions;
  readonly #name: string;
  readonly #prng: Prng;
  readonly #node: SimulatedNode;
  readonly #supervision: ShardSupervision;
  readonly #shards: (ShardProcess | undefined)[] = [];
  readonly #coordinator: ActorHost<CoordinatorEvent>;
  readonly #coordinatorCore: CoordinatorCore;
  readonly #coordinatorOutput: StepOutput<CoordinatorEffect>;
  readonly #compactor: ActorHost<CompactorEvent>;
  readonly #compactorCore: CompactorCore;
  #isRunning = true;
  #openingCount = 0;

  constructor(options: SimulatedNodeOptions, node: SimulatedNode) {
    this.#options = options;
    this.#node = node;
    this.site = options.nodeId;
    this.connectionsMax = options.limits.connectionsMax;
    this.#name = `${options.nodeId}#${node.bootCount}`;
    this.#prng = options.prng.stream(`boot-${node.bootCount}`);
    const { ring, limits, shardCount, simulation } = options;
    this.#supervision = new ShardSupervision({
      simulation,
      prng: this.#prng.stream('supervision'),
      shardCount,
      open: (shard) => this.#openShard(shard),
      onTrouble: (shard, trouble) => {
        simulation.note(`${this.#name} shard ${shard} is ${trouble.kind}: ${trouble.reason}`);
        // What is damaged stays so: nobody has anything to refill it from yet.
        if (!trouble.reason.includes('damaged')) node.callOperator();
      },
    });
    const identity = this.#prng.stream('boot-id');
    const shards = this.#shards;
    this.#coordinatorCore = new CoordinatorCore({
      ring,
      limits,
      prng: this.#prng.stream('coordinator'),
      bootId: { low: identity.word(), high: identity.word() },
      shards: node.disks.map((_, shard) => ({
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
    for (const shard of this.#node.disks.keys()) {
      simulation.after(this.#prng.exponential(10), () => this.#openShard(shard));
    }
  }

  get hasTrouble(): boolean {
    return this.#supervision.hasTrouble;
  }

  isServing(shard: number): boolean {
    return this.#shards[shard] !== undefined && this.#supervision.trouble(shard) === undefined;
  }

  lookForHungLogs(): void {
    for (const [shard, process] of this.#shards.entries()) {
      const stuckMs = this.#node.tempos[shard]!.stuckMs('write');
      if (process?.isLogBusy === true && stuckMs >= LOG_HUNG_MS) this.crashShard(shard, 50);
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
    this.#node.disks[shard]!.crash('keep-all');
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
      clock: this.#node.clock,
      pace: this.#options.pace,
      prng: this.#prng.stream(actor),
      timerEvent: (timer) => ({ kind: 'timer', timer }),
      step,
      stateHash: () => core.hash(),
    });
  }

  /** Recovery as after any start, when the disk answers at all. */
  #openShard(shard: number): void {
    this.#node.tempos[shard]!.after('write', 0, () => {
      this.#node.tempos[shard]!.after('read', 0, () => this.#openNow(shard));
    });
  }

  #openNow(shard: number): void {
    if (!this.#isRunning) return;
    const { limits, shardCount, ring, pace, simulation, watch } = this.#options;
    const disk = this.#node.disks[shard]!;
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
      mustExist: this.#node.hasOpened,
      prng: prng.stream('opening'),
    });
    if (!opened.ok) {
      simulation.note(`${name} does not open: ${opened.reason}`);
      disk.crash('keep-all');
      this.#supervision.notOpened(shard, opened.reason);
      return;
    }
    this.#supervision.opened(shard);
    const lastSequence = opened.options.memtable.nextSequence - 1;
    simulation.note(`${name} opened with all up to ${lastSequence}`);
    watch.opened(shard, lastSequence);
    const process = new ShardProcess({
      simulation,
      name,
      shard,
      clock: this.#node.clock,
      disk,
      tempo: this.#node.tempos[shard]!,
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
    const areOpen = this.#node.disks.every((_, index) => this.#shards[index] !== undefined);
    if (areOpen) this.#node.hasOpened = true;
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
    } else if (to === 'main' && message.kind === 'shard-state' && message.state === 'fenced') {
      this.#supervision.fenced(message.shard, message.reason);
    }
  }
}

interface TimerEvent {
  readonly kind: 'timer';
  readonly timer: number;
}

const nowhere = { hasRoom: (): boolean => true, take: (): void => undefined };
