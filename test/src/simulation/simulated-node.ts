/**
 * One simulated node: a clock and disks that outlive its processes, at most one process, and the
 * operator who starts it again.
 */
import { assert } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { NodeData } from '@clockwise/server/node-data';
import { DiskTempo } from '@clockwise/simulator/disk-tempo';
import type { Network } from '@clockwise/simulator/network';
import { NodeClock } from '@clockwise/simulator/node-clock';
import {
  type CrashModel,
  type DiskImage,
  SimulatedDisk,
} from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import type { SimulatedActorName } from './actor-cores.ts';
import type { ShardTrouble } from './shard-supervision.ts';
import type { NodePace } from './configuration.ts';
import { NodeProcess, type NodeParts } from './node-process.ts';
import type { NodeWatch } from './node-watch.ts';

export interface SimulatedNodeOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly prng: Prng;
  readonly nodeId: string;
  readonly shardCount: number;
  readonly limits: Limits;
  readonly pace: NodePace;
  readonly clockOffsetMs: number;
  readonly clockDriftPerMillion: number;
  readonly watch: NodeWatch;
}

/** All of it but what each life of a process draws anew. */
export type SimulatedNodeData = Omit<NodeData, 'bootId' | 'mustExist'>;

export interface NodeImage {
  readonly disks: readonly DiskImage[];
  readonly hasOpened: boolean;
}

/** Milliseconds until the operator has come. */
const OPERATOR_MS = [300, 1500, 5000];
/** Times that the operator comes to one node: what has not gone by then stays. */
const OPERATOR_CALLS_MAX = 20;

export class SimulatedNode implements NodeParts {
  readonly nodeId: string;
  readonly clock: NodeClock;
  bootCount = 0;
  readonly disks: readonly SimulatedDisk[];
  /** How long calls to each of the disks take. */
  readonly tempos: readonly DiskTempo[];
  hasOpened = false;
  /** Until the cluster is healed nobody starts it. */
  isHeldDown = false;
  readonly #options: SimulatedNodeOptions;
  /** What its next process begins with; undefined: it is no member, and has none. */
  #data: SimulatedNodeData | undefined;
  readonly #operator: Prng;
  #operatorCalls = 0;
  #poisonedCount = 0;
  #process: NodeProcess | undefined;
  #hasForgotten = false;

  constructor(options: SimulatedNodeOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    const { simulation, prng, clockOffsetMs, clockDriftPerMillion } = options;
    this.clock = new NodeClock(simulation, clockOffsetMs, clockDriftPerMillion);
    this.#operator = prng.stream('operator');
    const shards = Array.from({ length: options.shardCount }, (_, shard) => shard);
    this.tempos = shards.map(() => new DiskTempo(simulation));
    this.disks = shards.map((shard) => newDisk(prng.stream(`disk-${shard}`)));
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Chunks that were recycled, and filled with a pattern, in all processes so far. */
  get poisonedCount(): number {
    return this.#poisonedCount + (this.#process?.poisonedCount ?? 0);
  }

  start(): void {
    if (this.#process !== undefined || this.isHeldDown || this.#data === undefined) return;
    this.bootCount += 1;
    this.clock.boot(this.#operator.below(CLOCK_BASE_MS_MAX));
    this.#process = new NodeProcess({
      ...this.#options,
      data: this.#data,
      name: `${this.nodeId}#${this.bootCount}`,
      prng: this.#options.prng.stream(`boot-${this.bootCount}`),
      parts: this,
      // What is damaged stays so: nobody has anything to refill it from yet.
      onTrouble: ({ reason }) => {
        if (!reason.includes('damaged')) this.#callOperator();
      },
    });
    this.#process.start();
  }

  /** The ring of its next process; undefined: the node leaves. */
  provide(data: SimulatedNodeData | undefined): void {
    this.#data = data;
  }

  /** The process that runs goes on with what was provided last. REQUIRES: the node is a member. */
  adopt(): void {
    assert(this.#data !== undefined, 'who has no ring runs no process');
    this.#process?.adopt(this.#data);
  }

  tellShard(shard: number, message: ActorMessage): void {
    this.#process?.tellShard(shard, message);
  }

  tellCoordinator(message: ActorMessage): void {
    this.#process?.tellCoordinator(message);
  }

  /** Whether what the ring-manager asked for under a number has been answered as done by this process. */
  isDone(request: number): boolean {
    return this.#process?.isDone(request) === true;
  }

  /** HOLDING of a partition; undefined: its shard is not open. */
  holding(partition: number): number | undefined {
    return this.#process?.holding(partition);
  }

  /** Whether a shard answers: its process runs, and has neither fenced it nor given it up. */
  isServing(shard: number): boolean {
    return this.#process?.isServing(shard) === true;
  }

  /** Why a shard that answers refuses values now; undefined: it takes them. */
  refusal(shard: number): string | undefined {
    return this.#process?.refusal(shard);
  }

  get inFlightCount(): number {
    return this.#process?.inFlightCount ?? 0;
  }

  /** In any of its processes something was lost that may have been owed to others. */
  get hasForgotten(): boolean {
    return this.#hasForgotten || this.#process?.hasForgotten === true;
  }

  /** Each shard answers, or is known not to. */
  get isSettled(): boolean {
    return this.#process?.isSettled === true;
  }

  /** Why a shard does not answer; undefined where it does, or may yet. */
  trouble(shard: number): ShardTrouble | undefined {
    return this.#process?.trouble(shard);
  }

  isServingPartition(partition: number): boolean {
    return this.#process?.isServingPartition(partition) === true;
  }

  /** Everything that lasts ends: pauses, hangs, faults of disks; what they did to bytes stays. */
  heal(): void {
    this.isHeldDown = false;
    this.#process?.resume();
    this.healDisks();
    this.start();
  }

  /** The disks are stuck: a log writer that hangs for long is ended together with its shard. */
  lookForHungLogs(): void {
    this.#process?.lookForHungLogs();
  }

  pause(forMs: number): void {
    this.#process?.pause(forMs);
  }

  hang(actor: SimulatedActorName | number, forMs: number): void {
    this.#process?.hang(actor, forMs);
  }

  /** A replica's worker dies, and after a while another takes its place. */
  crashShard(shard: number, downMs: number): void {
    this.#process?.crashShard(shard, downMs);
  }

  crashActor(name: SimulatedActorName, downMs: number): void {
    this.#process?.crashActor(name, downMs);
  }

  /** `keep-all`: the process is killed. Anything else: the machine lost its power. */
  crash(model: CrashModel): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.stop(model === 'keep-all' ? 'killed' : 'power-loss');
    if (process.hasForgotten) this.#hasForgotten = true;
    this.#poisonedCount += process.poisonedCount;
    for (const disk of this.disks) disk.crash(model);
  }

  /** Everything that readers see becomes durable. */
  syncDisks(): void {
    for (const disk of this.disks) disk.syncAll();
  }

  /** REQUIRES: the node is down. New disks: the node knows nothing any more, not even that it did. */
  wipe(): void {
    for (const disk of this.disks) disk.replace(newDisk(this.#operator).image());
    this.hasOpened = false;
  }

  /** What is durable now, to be restored later. */
  images(): NodeImage {
    return { disks: this.disks.map((disk) => disk.image()), hasOpened: this.hasOpened };
  }

  /** REQUIRES: the node is down. */
  restore({ disks, hasOpened }: NodeImage): void {
    for (const [shard, disk] of this.disks.entries()) disk.replace(disks[shard]!);
    this.hasOpened = hasOpened;
  }

  /** After a while the operator mends what can be mended, and starts the process anew. */
  #callOperator(): void {
    if (this.#operatorCalls === OPERATOR_CALLS_MAX) return;
    this.#operatorCalls += 1;
    const process = this.#process;
    const delayMs = this.#operator.pick(OPERATOR_MS);
    this.#options.simulation.after(delayMs, () => {
      if (this.#process === process) this.healDisks();
    });
  }

  /** A process that suffered is started anew. */
  healDisks(): void {
    for (const disk of this.disks) disk.clearFaults();
    for (const tempo of this.tempos) tempo.heal();
    if (this.#process?.hasTrouble !== true) return;
    this.crash('keep-all');
    this.start();
  }
}

/** Monotonic clocks begin anywhere: instants of two machines, or of two boots, mean nothing together. */
const CLOCK_BASE_MS_MAX = 1_000_000;
const SHORT_TRANSFER_PROBABILITY = 0.02;

function newDisk(prng: Prng): SimulatedDisk {
  return new SimulatedDisk({ prng, shortTransferProbability: SHORT_TRANSFER_PROBABILITY });
}
