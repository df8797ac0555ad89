/**
 * One process of a simulated node, from its start to its end: the real cores of all its actors, each
 * with a life of its own, the shards' stores on the node's disks, and what the supervisor does when
 * one of them dies or hangs.
 */
import { CoordinatorCore } from '@clockwise/coordinator/coordinator-core';
import { assert } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { NodeData } from '@clockwise/server/node-data';
import { ownedPartitions } from '@clockwise/server/ring-view-of';
import type { Limits } from '@clockwise/kernel/limits';
import { DEFAULT_RUNTIME_LIMITS } from '@clockwise/runtime/runtime-limits';
import { Gate } from '@clockwise/simulator/gate';
import type { DiskTempo } from '@clockwise/simulator/disk-tempo';
import type { Network } from '@clockwise/simulator/network';
import type { NodeClock } from '@clockwise/simulator/node-clock';
import type { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import type { FrameRoute } from '@clockwise/simulator/step-output';
import { COORDINATOR, makeCore, SMALL_ACTORS, type SimulatedActorName } from './actor-cores.ts';
import type { NodePace } from './configuration.ts';
import { type NodeWatch, watchLoads } from './node-watch.ts';
import { ShardProcess } from './shard-process.ts';
import { openSimulatedShard } from './shard-store.ts';
import { ShardSupervision, type ShardTrouble } from './shard-supervision.ts';
import { SimulatedActor } from './simulated-actor.ts';

/** What outlives a process. */
export interface NodeParts {
  readonly clock: NodeClock;
  readonly disks: readonly SimulatedDisk[];
  readonly tempos: readonly DiskTempo[];
  /** All shards have been open: from then on one without files is damage, not new. */
  hasOpened: boolean;
}

export interface NodeProcessOptions {
  readonly simulation: Simulation;
  readonly network: Network;
  readonly prng: Prng;
  readonly name: string;
  /** All of it but what each life of the process draws anew. */
  readonly data: Omit<NodeData, 'bootId' | 'mustExist'>;
  readonly limits: Limits;
  readonly pace: NodePace;
  readonly parts: NodeParts;
  readonly watch: NodeWatch;
  readonly onTrouble: (trouble: ShardTrouble) => void;
}

const { hungAfterMs: HUNG_MS } = DEFAULT_RUNTIME_LIMITS;
export const LOG_HUNG_MS: number = DEFAULT_RUNTIME_LIMITS.logHungAfterMs;

export class NodeProcess {
  poisonedCount = 0;
  readonly #options: NodeProcessOptions;
  #data: NodeData;
  readonly #gate: Gate;
  readonly #supervision: ShardSupervision;
  readonly #shards: (ShardProcess | undefined)[] = [];
  readonly #actors: Map<SimulatedActorName, SimulatedActor> = new Map();
  /** Of the coordinator's life. */
  #inFlightCount = (): number => 0;
  #notesLost = (): number => 0;
  #hasForgotten = false;
  readonly #done: Set<number> = new Set();
  #isRunning = true;
  #lifeCount = 0;

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    const { simulation, prng, data, parts } = options;
    this.#gate = new Gate(simulation);
    const identity = prng.stream('boot-id');
    const bootId = { low: identity.word(), high: identity.word() };
    this.#data = { ...data, bootId, mustExist: parts.hasOpened };
    this.#supervision = new ShardSupervision({
      simulation,
      prng: prng.stream('supervision'),
      shardCount: data.shardCount,
      open: (shard) => this.#openShard(shard),
      onTrouble: (shard, trouble) => {
        simulation.note(`${options.name} shard ${shard} is ${trouble.kind}: ${trouble.reason}`);
        options.onTrouble(trouble);
      },
    });
  }

  start(): void {
    const { simulation, prng, parts } = this.#options;
    this.#options.watch.started(this.#options.name, this.#data.ring);
    this.#startActor(COORDINATOR);
    for (const actor of SMALL_ACTORS) this.#startActor(actor);
    for (const shard of parts.disks.keys()) {
      simulation.after(prng.exponential(10), () => this.#openShard(shard));
    }
  }

  get hasTrouble(): boolean {
    return this.#supervision.hasTrouble;
  }

  isServingPartition(partition: number): boolean {
    return this.isServing(this.#data.ring.shardOfPartition[partition]!);
  }

  /** Each shard answers, or is known not to. */
  get isSettled(): boolean {
    const shards = [...this.#options.parts.disks.keys()];
    return shards.every((shard) => this.isServing(shard) || this.trouble(shard) !== undefined);
  }

  trouble(shard: number): ShardTrouble | undefined {
    return this.#supervision.trouble(shard);
  }

  isServing(shard: number): boolean {
    return this.#shards[shard] !== undefined && this.#supervision.trouble(shard) === undefined;
  }

  /** Why a shard that is open refuses values now. */
  refusal(shard: number): string | undefined {
    return this.isServing(shard) ? this.#shards[shard]!.refusal : undefined;
  }

  /**
   * Another ring rules: its shards go on, and hear of it; all other actors begin anew, as they hold the ring
   * of their start.
   */
  adopt(data: NodeProcessOptions['data']): void {
    const { bootId, mustExist } = this.#data;
    this.#data = { ...data, bootId, mustExist };
    this.#options.watch.started(this.#options.name, data.ring);
    for (const name of [...this.#actors.keys()]) this.crashActor(name, RESTART_MS);
    const decided = { kind: 'ring-decided', ...ownedPartitions(data.ring) } as const;
    for (const shard of this.#shards.keys()) this.tellShard(shard, decided);
  }

  /** As the ring-manager would. */
  tellShard(shard: number, message: ActorMessage): void {
    this.#tell('ring-manager', `replica-${shard}`, message);
  }

  tellCoordinator(message: ActorMessage): void {
    this.#tell('ring-manager', COORDINATOR, message);
  }

  /** Whether what the ring-manager asked for under a number has been answered as done. */
  isDone(request: number): boolean {
    return this.#done.has(request);
  }

  /** HOLDING of a partition; undefined: its shard is not open. */
  holding(partition: number): number | undefined {
    return this.#shards[this.#data.ring.shardOfPartition[partition]!]?.holding(partition);
  }

  /** Requests that the coordinator has not ended, and operations that its shards have not answered. */
  get inFlightCount(): number {
    return this.#inFlightCount();
  }

  /** A part of it ended while it was about something, so that nobody may know who is still owed what. */
  get hasForgotten(): boolean {
    return this.#hasForgotten || this.#notesLost() > 0;
  }

  /** SIGSTOP and SIGCONT: nothing in the process goes on, and the machine does. */
  pause(forMs: number): void {
    this.#gate.shut(forMs);
  }

  resume(): void {
    this.#gate.open();
    for (const shard of this.#shards) shard?.gate.open();
    for (const actor of this.#actors.values()) actor.gate.open();
  }

  /** A thread's event loop stands still; the supervisor ends it when it has been silent for too long. */
  hang(actor: SimulatedActorName | number, forMs: number): void {
    const victim = typeof actor === 'number' ? this.#shards[actor] : this.#actors.get(actor);
    if (victim === undefined) return;
    victim.gate.shut(forMs);
    if (forMs <= HUNG_MS) return;
    this.#options.simulation.after(HUNG_MS, () => {
      if (!victim.gate.isShut) return;
      if (typeof actor === 'number') {
        if (this.#shards[actor] === victim) this.crashShard(actor, RESTART_MS);
      } else if (this.#actors.get(actor) === victim) this.crashActor(actor, RESTART_MS);
    });
  }

  lookForHungLogs(): void {
    for (const [shard, process] of this.#shards.entries()) {
      const stuckMs = this.#options.parts.tempos[shard]!.stuckMs('write');
      if (process?.isLogBusy === true && stuckMs >= LOG_HUNG_MS) this.crashShard(shard, RESTART_MS);
    }
  }

  stop(how: 'killed' | 'power-loss'): void {
    this.#isRunning = false;
    this.#forgetWhatIsUnderWay();
    if (how === 'power-loss') this.#hasForgotten = true;
    for (const actor of this.#actors.values()) actor.stop(how);
    const prng = this.#options.prng.stream('end');
    for (const shard of this.#shards) {
      shard?.stop(prng);
      this.poisonedCount += shard?.poisonedCount ?? 0;
    }
  }

  /** [H4] What the shard had not answered is lost; the coordinator hears of it. */
  crashShard(shard: number, downMs: number): void {
    const process = this.#shards[shard];
    // What was to end a hung thread may find that its whole process has ended since.
    if (process === undefined || !this.#isRunning) return;
    const { simulation, prng, parts } = this.#options;
    this.#forgetWhatIsUnderWay();
    this.#shards[shard] = undefined;
    process.stop(prng.stream(`shard-end-${this.#lifeCount}`));
    parts.disks[shard]!.crash('keep-all');
    this.poisonedCount += process.poisonedCount;
    const coordinator = this.#actors.get(COORDINATOR)?.host;
    coordinator?.dropFramesOf(shard);
    coordinator?.pushEvent({ kind: 'channel-down', target: shard });
    simulation.after(downMs, () => this.#openShard(shard));
  }

  /** [H4] The actor's connections end, and what it knew is gone; another life begins. */
  crashActor(name: SimulatedActorName, downMs: number): void {
    const actor = this.#actors.get(name);
    if (actor === undefined) return;
    if (name === COORDINATOR) this.#forgetWhatIsUnderWay();
    this.#actors.delete(name);
    actor.stop('killed');
    if (name === COORDINATOR) for (const shard of this.#shards) shard?.coordinatorGone();
    this.#options.simulation.after(downMs, () => {
      if (this.#isRunning && !this.#actors.has(name)) this.#startActor(name);
    });
  }

  #forgetWhatIsUnderWay(): void {
    if (this.#inFlightCount() > 0 || this.#notesLost() > 0) this.#hasForgotten = true;
  }

  #startActor(name: SimulatedActorName): void {
    const { simulation, network, prng, limits, pace, parts, watch, name: process } = this.#options;
    this.#lifeCount += 1;
    const stream = prng.stream(`${name}-${this.#lifeCount}`);
    const { ring } = this.#data;
    const shards = this.#shards;
    const memories = parts.disks.map((_, shard) => ({
      get chunks(): readonly Int32Array[] {
        return shards[shard]?.chunks ?? [];
      },
    }));
    const context = { data: this.#data, limits, prng: stream.stream('core') };
    const core = makeCore(name, context, memories);
    const actor = new SimulatedActor({
      simulation,
      network,
      prng: stream,
      clock: parts.clock,
      gate: new Gate(simulation, this.#gate),
      pace,
      connectionsMax: limits.connectionsMax,
      actor: name,
      name: `${process}/${name}`,
      site: ring.nodes[ring.ownNode]!.nodeId,
      address: this.#addressOf(name),
      core,
      route: (target): FrameRoute => shards[target]?.requests ?? nowhere,
      tell: (from, to, message) => this.#tell(from, to, message),
      sent: (frame) => watch.sent(process, frame),
      load: (what, value, limit) => watch.load(what, value, limit, process),
      stepped: () => {
        if (!(core instanceof CoordinatorCore)) return;
        watchLoads(core, this.#shards, { watch, limits, pace, name: process });
      },
    });
    this.#actors.set(name, actor);
    if (core instanceof CoordinatorCore) {
      this.#inFlightCount = () =>
        [...parts.disks.keys()].reduce(
          (sum, shard) => sum + core.operationsInFlight(shard),
          core.requestsInFlight,
        );
      this.#notesLost = () => core.notesLost;
    }
    actor.start();
    if (name !== COORDINATOR) return;
    for (const [target, shard] of shards.entries()) {
      if (shard === undefined) continue;
      shard.renewLanes();
      actor.host.pushEvent({ kind: 'channel-up', target });
    }
  }

  #addressOf(name: SimulatedActorName): string | undefined {
    const { ring, gossiperAddresses, controlAddresses } = this.#data;
    if (name === COORDINATOR) return ring.nodes[ring.ownNode]!.address;
    if (name === 'gossiper') return gossiperAddresses[ring.ownNode]!;
    return name === 'anti-entropy' ? controlAddresses[ring.ownNode]! : undefined;
  }

  /** Recovery as after any start, when the disk answers at all. */
  #openShard(shard: number): void {
    const tempo = this.#options.parts.tempos[shard]!;
    tempo.after('write', 0, () => {
      tempo.after('read', 0, () => this.#gate.pass(() => this.#openNow(shard)));
    });
  }

  #openNow(shard: number): void {
    if (!this.#isRunning || this.#shards[shard] !== undefined) return;
    const { simulation, limits, pace, watch, parts, prng: lives } = this.#options;
    const { ring, shardCount } = this.#data;
    const disk = parts.disks[shard]!;
    this.#lifeCount += 1;
    const prng = lives.stream(`opening-${this.#lifeCount}`);
    const name = `${this.#options.name}/replica-${shard}.${this.#lifeCount}`;
    const opened = openSimulatedShard({
      disk,
      limits,
      shard,
      shardCount,
      storeId: this.#data.storeId,
      partitionBits: ring.partitionBits,
      owned: ownedPartitions(ring),
      mustExist: parts.hasOpened,
      openedSeconds: Math.floor(parts.clock.wallTimeMs() / 1000),
      prng: prng.stream('opening'),
    });
    if (!opened.ok) {
      simulation.note(`${name} does not open: ${opened.reason}`);
      disk.crash('keep-all');
      this.#hasForgotten = true;
      this.#supervision.notOpened(shard, opened.reason);
      return;
    }
    this.#supervision.opened(shard);
    const lastSequence = opened.options.memtable.nextSequence - 1;
    simulation.note(`${name} opened with all up to ${lastSequence}`);
    watch.opened(shard, lastSequence);
    const process = new ShardProcess({
      simulation,
      processGate: this.#gate,
      name,
      shard,
      clock: parts.clock,
      disk,
      tempo: parts.tempos[shard]!,
      limits,
      pace,
      prng,
      opened,
      coordinator: () => this.#actors.get(COORDINATOR)?.host,
      tell: (to, message) => this.#tell(`replica-${shard}`, to, message),
      observe: (words, from, to) => watch.append(words, from, to, shard, name),
      took: (frames) => watch.took(shard, name, frames),
      onSynced: (sequence) => watch.synced(shard, sequence),
      load: (what, value, limit) => watch.load(what, value, limit, name),
    });
    this.#shards[shard] = process;
    process.start();
    if (parts.disks.every((_, index) => this.#shards[index] !== undefined)) parts.hasOpened = true;
    this.#actors.get(COORDINATOR)?.host.pushEvent({ kind: 'channel-up', target: shard });
  }

  /** Control messages inside the node: in order between two actors, lost only with an actor. */
  #tell(from: string, to: string, message: ActorMessage): void {
    const event = { kind: 'told', from, message } as const;
    if (to.startsWith('replica-')) {
      this.#shards[Number(to.slice('replica-'.length))]?.host.pushEvent(event);
    } else if (to === 'main') {
      // Simulated clients forge nothing, and no two openings draw one name.
      assert(message.kind !== 'name-ahead', '[S2] a shard knows all dots under its names');
      const isFenced = message.kind === 'shard-state' && message.state === 'fenced';
      if (!isFenced) return;
      this.#hasForgotten = true;
      this.#supervision.fenced(message.shard, message.reason);
    } else {
      const isDone = message.kind === 'partition-answer' && message.ok;
      if (isDone && to === 'ring-manager') this.#done.add(message.request);
      this.#actors.get(to as SimulatedActorName)?.host.pushEvent(event);
    }
  }
}

/** Milliseconds from a thread's end to its successor: the first wait of the restart policy. */
const RESTART_MS = 50;

const nowhere: FrameRoute = { hasRoom: () => true, take: () => undefined };
