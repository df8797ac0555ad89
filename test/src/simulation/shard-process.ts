/**
 * One replica shard of a simulated node, from the opening of its store to its end: the real core, its
 * channels with the node's coordinator, its log writer, its pool jobs and its reads.
 */
import { unreachable } from '@clockwise/kernel/assert';
import { FrameList, LANE, type Lane } from '@clockwise/kernel/core';
import type { DiskFailure, ReplicaPublished } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import { FRAME_HEADER_WORDS, REPLICA_REPLY_HEADER_WORDS } from '@clockwise/protocol/frame';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ReplicaCore } from '@clockwise/replica/replica-core';
import type {
  ReplicaBatch,
  ReplicaEffect,
  ReplicaEvent,
  ReplicaOut,
} from '@clockwise/replica/replica-context';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { ActorHost } from '@clockwise/simulator/actor-host';
import { type AppendedRange, DurableLane } from '@clockwise/simulator/durable-lane';
import { Gate } from '@clockwise/simulator/gate';
import type { DiskTempo } from '@clockwise/simulator/disk-tempo';
import type { NodeClock } from '@clockwise/simulator/node-clock';
import { type ChannelReader, ShardChannel } from '@clockwise/simulator/shard-channel';
import { type SimulatedDisk, SimulatedCrash } from '@clockwise/simulator/simulated-disk';
import type { Simulation } from '@clockwise/simulator/simulation';
import { StaleCount } from '@clockwise/simulator/stale-count';
import { StepOutput } from '@clockwise/simulator/step-output';
import { type JobInput, runJob } from '@clockwise/storage/jobs';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { Memtable } from '@clockwise/storage/memtable';
import type { NodePace } from './configuration.ts';
import { checksum, ChunkPoison, type OpenedSimulatedShard } from './shard-store.ts';

/** Told of every record that the shard appends: words [from, to) of prefix and record runs. */
export type AppendObserver = (words: Int32Array, from: number, to: number) => void;

export interface ShardProcessOptions {
  readonly simulation: Simulation;
  readonly processGate: Gate;
  /** 'n1/replica-0'. */
  readonly name: string;
  readonly shard: number;
  readonly clock: NodeClock;
  readonly disk: SimulatedDisk;
  readonly tempo: DiskTempo;
  readonly limits: Limits;
  readonly pace: NodePace;
  readonly prng: Prng;
  readonly opened: Extract<OpenedSimulatedShard, { readonly ok: true }>;
  readonly coordinator: () => ChannelReader | undefined;
  readonly tell: (to: string, message: ActorMessage) => void;
  readonly observe: AppendObserver;
  /** Told of the frames that a step takes, before it. */
  readonly took: (frames: FrameList) => void;
  /** Told of the highest sequence that was synced before it was released. */
  readonly onSynced: (sequence: number) => void;
  /** [O9] Told after each step of what is queued and held. */
  readonly load: (name: string, value: number, limit: number) => void;
}

/** The open segment of its log; whatever else is opened is closed in the same call. */
const OPEN_FILES_MAX = 1;
/** Of one operation on one lane: each reply in a frame of its own, a forward beside a refusal. */
const REPLY_WORDS_MAX = 2 * (FRAME_HEADER_WORDS + REPLICA_REPLY_HEADER_WORDS);
/** Nodes that may ask a shard for pages of hand-off at once. */
const HAND_OFF_NODES_MAX = 8;
/** [O9] What is held is looked at once in so many steps. */
const STEPS_A_SAMPLE = 4;
/** The one coordinator of a simulated node, as its shards number it. */
const COORDINATOR = 0;

export class ShardProcess {
  readonly host: ActorHost<ReplicaEvent>;
  /** Of the replica's thread. */
  readonly gate: Gate;
  /** Operations of the coordinator; it writes, this shard reads. */
  readonly requests: ShardChannel;
  readonly #options: ShardProcessOptions;
  readonly #core: ReplicaCore;
  readonly #lanes: readonly [ShardChannel, ShardChannel];
  readonly #log: DurableLane;
  readonly #output: StepOutput<ReplicaEffect>;
  readonly #published: ReplicaPublished;
  readonly #poison: ChunkPoison;
  readonly #memtable: Memtable;
  readonly #jobs: Set<JobInput> = new Set();
  readonly #batch: { -readonly [Key in keyof ReplicaBatch]: ReplicaBatch[Key] };
  readonly #out: ReplicaOut;
  #ranges: AppendedRange[] = [];
  #lastSequence = 0;
  #needsSync = false;

  constructor(options: ShardProcessOptions) {
    this.#options = options;
    const { simulation, name, shard, clock, pace, prng, opened, limits } = options;
    const { memtable } = opened.options;
    this.gate = new Gate(simulation, options.processGate);
    this.#memtable = memtable;
    this.#poison = new ChunkPoison(memtable);
    const makeLane = (isHeld: boolean): ShardChannel =>
      new ShardChannel({
        reader: options.coordinator,
        source: shard,
        // Replies never wait: a request is sent only with credit for its reply.
        wordsMax: Infinity,
        isHeld,
      });
    this.#lanes = [makeLane(false), makeLane(true)];
    this.host = new ActorHost<ReplicaEvent>({
      simulation,
      name,
      clock,
      gate: this.gate,
      pace,
      prng: prng.stream('host'),
      timerEvent: (timer) => ({ kind: 'timer', timer }),
      step: (batch) => this.#step(batch),
      stateHash: () => this.#core.hash(),
    });
    this.requests = new ShardChannel({
      reader: () => this.host,
      source: COORDINATOR,
      wordsMax: pace.channelWordsMax,
      isHeld: false,
    });
    this.#log = new DurableLane(
      {
        simulation,
        gate: options.processGate,
        tempo: options.tempo,
        prng: prng.stream('log'),
        pace: pace.log,
        sink: opened.sink,
        intervalMs: limits.logIntervalMs,
        onFailed: (failure) => this.host.pushEvent({ kind: 'log-failed', failure }),
        onFull: (reserveUsed) => this.host.pushEvent({ kind: 'log-full', reserveUsed }),
      },
      memtable.nextSequence - 1,
    );
    this.#output = new StepOutput((_, lane) => this.#lanes[lane], 256);
    this.#published = this.#makePublished(prng.stream('published'), pace.staleProbability);
    this.#core = new ReplicaCore(opened.options);
    this.#batch = {
      now: 0,
      wallTimeMs: 0,
      frames: new FrameList(),
      events: [],
      published: this.#published,
    };
    this.#out = this.#makeOut();
  }

  /** The memory that the coordinator resolves replies in. */
  get chunks(): readonly Int32Array[] {
    return this.#memtable.pool.words;
  }

  get poisonedCount(): number {
    return this.#poison.poisonedCount;
  }

  /** A write or sync of the log has been asked for and has not ended. */
  get isLogBusy(): boolean {
    return this.#log.isBusy;
  }

  /** Why it refuses values now; undefined: it takes them. */
  get refusal(): string | undefined {
    return this.#core.refusal;
  }

  /** HOLDING of a partition. */
  holding(partition: number): number {
    return this.#core.holding(partition);
  }

  start(): void {
    this.host.start();
  }

  /** The coordinator has gone: what it had sent is not read any more. */
  coordinatorGone(): void {
    this.requests.renew();
    this.host.dropFramesOf(COORDINATOR);
    this.host.pushEvent({ kind: 'channel-down', target: COORDINATOR });
  }

  /** The coordinator has a successor. */
  renewLanes(): void {
    for (const lane of this.#lanes) lane.renew();
  }

  /** The process ends. A job or a write under way may have got half-way; `prng` says how far. */
  stop(prng: Prng): void {
    this.host.stop();
    const { disk } = this.#options;
    this.#log.stop(prng.chance(0.5));
    for (const job of this.#jobs) {
      if (!prng.chance(0.5)) continue;
      disk.crashAt = disk.operationCount + prng.between(1, 24);
      try {
        runJob(disk, checksum, job, NODE_BLOCK_CODECS);
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      disk.crashAt = 0;
    }
    this.#jobs.clear();
  }

  #makeOut(): ReplicaOut {
    const output = this.#output;
    return {
      send: (target, lane) => output.send(target, lane),
      effect: (effect) => output.effect(effect),
      append: (chunk, fromWord, toWord, lastSequence, needsSync) => {
        this.#ranges.push({ chunk, fromWord, toWord });
        this.#lastSequence = lastSequence;
        this.#needsSync ||= needsSync;
        this.#options.observe(this.chunks[chunk]!, fromWord, toWord);
      },
    };
  }

  #makePublished(prng: Prng, staleProbability: number): ReplicaPublished {
    const stale = (): StaleCount => new StaleCount(prng, staleProbability);
    const released = stale();
    const consumed = [stale(), stale()] as const;
    return {
      releasedSequence: () => released.read(this.#log.releasedSequence),
      written: (_, lane) => this.#lanes[lane as Lane].written,
      consumed: (_, lane) => consumed[lane as Lane].read(this.#lanes[lane as Lane].consumed()),
    };
  }

  #step(
    batch: Parameters<ConstructorParameters<typeof ActorHost<ReplicaEvent>>[0]['step']>[0],
  ): void {
    const output = this.#output;
    this.#batch.now = batch.now;
    this.#batch.wallTimeMs = batch.wallTimeMs;
    this.#batch.frames = batch.frames;
    this.#batch.events = batch.events;
    this.#options.took(batch.frames);
    this.#core.step(this.#batch, this.#out);
    output.flush();
    this.#submit();
    this.#poison.look();
    for (const effect of output.takeEffects()) this.#carryOut(effect);
    if (this.host.stepCount % STEPS_A_SAMPLE === 0) this.#reportLoads();
  }

  #reportLoads(): void {
    const { limits, load, disk } = this.#options;
    const { pool } = this.#memtable;
    const frozen = pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing);
    load('frozen chunks', frozen, limits.memtableFrozenMax);
    const chunkCount = pool.states.length - pool.freeCount();
    load('chunks in use', chunkCount, limits.memtableChunksMax);
    load('parked operations', this.#core.parkedCount, limits.parkedOperationsMax);
    load('open files of a shard', disk.openFileCount, OPEN_FILES_MAX);
    const pageWordsMax = (limits.handOffPageBytes + limits.memtableChunkBytes) / 4;
    const wordsMax =
      limits.replicaOperationsInFlightMax * REPLY_WORDS_MAX +
      // Pages of hand-off carry records: the last of each may be as large as any. Other nodes ask, too.
      HAND_OFF_NODES_MAX * limits.handOffTargetsMax * pageWordsMax;
    for (const lane of this.#lanes) {
      load('words of replies on a lane', lane.written - lane.consumed(), wordsMax);
    }
  }

  #submit(): void {
    const release = this.#lanes[LANE.durable].takeHeld();
    if (release === undefined && this.#ranges.length === 0) return;
    this.#log.submit({
      ranges: this.#ranges,
      lastSequence: this.#ranges.length === 0 ? 0 : this.#lastSequence,
      needsSync: this.#needsSync,
      release: (isSynced) => {
        if (isSynced) this.#options.onSynced(this.#log.releasedSequence);
        release?.();
      },
    });
    this.#ranges = [];
    this.#needsSync = false;
  }

  #carryOut(effect: ReplicaEffect): void {
    switch (effect.kind) {
      case 'timer':
        this.host.setTimer(effect.timer, effect.at);
        return;
      case 'tell':
        this.#options.tell(effect.to, effect.message);
        return;
      case 'read':
        this.#later('read', () =>
          this.#read(effect.read, effect.file, effect.offset, effect.byteCount),
        );
        return;
      case 'job':
        this.#jobs.add(effect.input);
        this.#later('write', () => this.#runJob(effect.job, effect.input));
        return;
      case 'log-floor':
        this.#log.floor(effect.sequence);
        return;
      case 'dial':
      case 'hang-up':
        throw new Error(`a replica does not ${effect.kind}`);
      default:
        unreachable(effect);
    }
  }

  #later(call: 'read' | 'write', run: () => void): void {
    const { tempo, prng, pace } = this.#options;
    tempo.after(call, prng.exponential(pace.diskMeanMs), () => {
      if (this.host.isRunning) run();
    });
  }

  #runJob(job: number, input: JobInput): void {
    this.#jobs.delete(input);
    const result = runJob(this.#options.disk, checksum, input, NODE_BLOCK_CODECS);
    if (result.ok) this.host.pushEvent({ kind: 'job-done', job, output: result.value });
    else this.host.pushEvent({ kind: 'job-failed', job, failure: result.code });
  }

  #read(read: number, name: string, offset: number, byteCount: number): void {
    const { disk } = this.#options;
    const fail = (failure: DiskFailure): void =>
      this.host.pushEvent({ kind: 'read-failed', read, failure });
    const file = disk.open(name, 'read');
    if (!file.ok) {
      fail(file.code);
      return;
    }
    const words = new Int32Array(Math.ceil(byteCount / 4));
    const bytes = new Uint8Array(words.buffer, 0, byteCount);
    for (let done = 0; done < byteCount;) {
      const got = disk.read(file.value, bytes.subarray(done), offset + done);
      if (!got.ok || got.value === 0) {
        disk.close(file.value);
        fail(got.ok ? 'EIO' : got.code);
        return;
      }
      done += got.value;
    }
    disk.close(file.value);
    this.host.pushEvent({ kind: 'read-done', read, words });
  }
}
