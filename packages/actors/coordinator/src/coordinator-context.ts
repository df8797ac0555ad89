/**
 * What the conversations of one coordinator share: the ring, the slots, the connections, and during
 * a step the batch's time and the output. data plane.
 */
import { assert } from '@clockwise/kernel/assert';
import { LANE, type Instant, type OperationSink, type Out } from '@clockwise/kernel/core';
import { CONNECTION_TARGET, type Effect, type ShardMemory } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { ConnectionKeeper } from '@clockwise/protocol/connection-keeper';
import type { ConnectionTable } from '@clockwise/protocol/connection-table';
import { REQUEST, REQUEST_HEADER_WORDS } from '@clockwise/protocol/frame';
import { dueWord, laterDue } from '@clockwise/protocol/frame-due';
import { computeToken, type Token } from '@clockwise/placement/token';
import { RecordJoin } from '@clockwise/versioning/join';
import { VisibleSiblings } from '@clockwise/versioning/reconcile';
import { Admission } from './requests/admission.ts';
import type { NotedKey } from './hand-off/hidden-operations.ts';
import { BucketLatencies } from './gets/bucket-latencies.ts';
import { ExplainLog } from './requests/explain-log.ts';
import { FanOuts } from './fan-out/fan-outs.ts';
import { HedgeBudget } from './gets/hedge-budget.ts';
import { HeldRefusals } from './requests/held-refusals.ts';
import { HintLedger } from './hand-off/hint-ledger.ts';
import { OwedRanges } from './hand-off/owed-range.ts';
import { RepairBudget } from './gets/repair-budget.ts';
import { ReplicaPreference } from './gets/replica-preference.ts';
import { RequestSlots } from './requests/request-slots.ts';
import type { RingView } from './ring-view.ts';

export type CoordinatorEffect = Effect<ActorMessage, never>;

export interface CoordinatorOptions {
  readonly ring: RingView;
  readonly limits: Limits;
  readonly prng: Prng;
  /** Index: shard. */
  readonly shards: readonly ShardMemory[];
  /** This opening of the node, two words: names it to its peers. */
  readonly bootId: { readonly low: number; readonly high: number };
}

/** Counters for status and metrics; each is named for what it counts. */
export interface CoordinatorCounters {
  requests: number;
  responses: number;
  responsesDropped: number;
  framesRejected: number;
  overloaded: number;
  /** Of those: how many were told only when their connection had rested. */
  refusalsHeld: number;
  timeouts: number;
  hedges: number;
  repairs: number;
  repairsSkipped: number;
  /** By joins of what replicas answered: the replicas count their own. */
  lwwDiscardedConcurrent: number;
  proxied: number;
  /** Objects that another node was owed and has acknowledged. */
  handedOff: number;
  /** Hinted stores that were refused because too much, or too old, is held already. */
  hintsRefused: number;
  /** Hidden records that became dirty ranges. */
  rangesDirtied: number;
  /** Dirty ranges that a target has whole. */
  rangesPushed: number;
  /** Puts that a stand-in coordinated, and copies that stand-ins were sent. */
  standInPuts: number;
  standInCopies: number;
  /** Retried writes that asked first, and those of them that had happened. */
  retriesAsked: number;
  retriesKnown: number;
  /** Puts after which positions were noted as owed, and those whose note could not be sent. */
  notes: number;
  notesLost: number;
  /** Copies that were sent to a relay in another data centre. */
  copiesAcross: number;
  /** Positions of this data centre that were passed a store from another, and stores that were not. */
  passedOn: number;
  fanOutsRefused: number;
}

const NO_WORDS = new Int32Array(0);

export class CoordinatorContext {
  readonly ring: RingView;
  readonly limits: Limits;
  readonly prng: Prng;
  readonly shards: readonly ShardMemory[];
  readonly bootId: { readonly low: number; readonly high: number };
  readonly slots: RequestSlots;
  readonly connections: ConnectionTable;
  /** By node index: the connection of our link to it, or -1 while there is none. */
  readonly linkOfNode: Int32Array;
  /** By node index: 1 where the gossiper believes it down. */
  readonly suspected: Uint8Array;
  readonly shardIsUp: Uint8Array;
  /** Operations outstanding at each shard, own and peers'. */
  readonly shardInFlight: Int32Array;
  /** By shard: when it takes the next background work of peers although it is busy (peer-relay, PR2). */
  readonly backgroundAt: Float64Array;
  readonly counters: CoordinatorCounters = {
    requests: 0,
    responses: 0,
    responsesDropped: 0,
    framesRejected: 0,
    overloaded: 0,
    refusalsHeld: 0,
    timeouts: 0,
    hedges: 0,
    repairs: 0,
    repairsSkipped: 0,
    lwwDiscardedConcurrent: 0,
    proxied: 0,
    handedOff: 0,
    hintsRefused: 0,
    rangesDirtied: 0,
    rangesPushed: 0,
    standInPuts: 0,
    standInCopies: 0,
    retriesAsked: 0,
    retriesKnown: 0,
    notes: 0,
    notesLost: 0,
    copiesAcross: 0,
    passedOn: 0,
    fanOutsRefused: 0,
  };
  readonly preference: ReplicaPreference;
  /** Of gets, from their start to their answer; by bucket. */
  readonly latencies: BucketLatencies;
  /** Of puts and deletes, likewise. */
  readonly putLatencies: BucketLatencies;
  readonly hedgeBudget: HedgeBudget = new HedgeBudget();
  readonly repairBudget: RepairBudget;
  readonly admission: Admission;
  readonly refusals: HeldRefusals;
  readonly explains: ExplainLog;
  readonly fanOuts: FanOuts;
  /** What this node holds for others. */
  readonly ledger: HintLedger;
  readonly owedRanges: OwedRanges = new OwedRanges();
  /** Which siblings a reader is shown; made once, used for every answer. */
  readonly visible: VisibleSiblings = new VisibleSiblings();
  /** What a note is about; filled in for each, so that none is made. */
  readonly notedKey: NotedKey;
  now: Instant = 0;
  wallTimeMs = 0;
  /** The earliest due instant of any slot in flight that is known of. */
  earliestDue: Instant = Infinity;
  readonly #join: RecordJoin;
  readonly #token: Token = { high: 0, low: 0 };
  #out: Out<CoordinatorEffect> | undefined;

  constructor(options: CoordinatorOptions, keeper: ConnectionKeeper) {
    this.ring = options.ring;
    this.limits = options.limits;
    this.prng = options.prng;
    this.shards = options.shards;
    this.#join = new RecordJoin(options.limits);
    this.bootId = options.bootId;
    const { connectionsMax, requestsInFlightMax } = options.limits;
    this.slots = new RequestSlots(requestsInFlightMax);
    this.refusals = new HeldRefusals(connectionsMax, requestsInFlightMax);
    this.connections = keeper.table;
    this.linkOfNode = keeper.linkOfNode;
    this.suspected = new Uint8Array(options.ring.nodes.length);
    this.notedKey = { bucketId: 0, token: this.#token, words: NO_WORDS, offset: 0, byteCount: 0 };
    this.shardIsUp = new Uint8Array(options.shards.length);
    this.shardInFlight = new Int32Array(options.shards.length);
    this.backgroundAt = new Float64Array(options.shards.length);
    this.preference = new ReplicaPreference(options.ring, this.suspected);
    const { latencyWindowMs } = options.limits;
    this.latencies = new BucketLatencies(options.ring.buckets.keys(), latencyWindowMs);
    this.putLatencies = new BucketLatencies(options.ring.buckets.keys(), latencyWindowMs);
    this.repairBudget = new RepairBudget(
      options.ring.nodes.length,
      options.limits.repairsInFlightMax,
    );
    this.explains = new ExplainLog(options.limits.explainsMax);
    this.fanOuts = new FanOuts(options.ring, options.limits, this.slots);
    this.admission = new Admission(options.limits, options.prng.stream('admission'));
    const { nodes, partitionBits } = options.ring;
    this.ledger = new HintLedger(nodes.length, 1 << partitionBits, options.limits);
  }

  beginStep(now: Instant, wallTimeMs: number, out: Out<CoordinatorEffect>): void {
    assert(now >= this.now, 'the clock of a core never goes back');
    this.now = now;
    this.wallTimeMs = wallTimeMs;
    this.#out = out;
  }

  endStep(): void {
    this.#out = undefined;
  }

  get out(): Out<CoordinatorEffect> {
    assert(this.#out !== undefined, 'output is written only within a step');
    return this.#out;
  }

  /** The join's settings for a bucket's policy, at this step's time. */
  join(lww: boolean): RecordJoin {
    this.#join.lww = lww;
    this.#join.nowSeconds = Math.floor(this.wallTimeMs / 1000);
    return this.#join;
  }

  toConnection(connection: number): OperationSink {
    const sink = this.out.send(CONNECTION_TARGET + connection, LANE.now);
    sink.epoch = this.ring.epoch;
    return sink;
  }

  toShard(shard: number): OperationSink {
    const sink = this.out.send(shard, LANE.now);
    sink.epoch = this.ring.epoch;
    return sink;
  }

  /** The frame that a slot's operation was written to waits as long as its longest operation. */
  nameDeadline(sink: OperationSink, slot: number): void {
    const due = this.slots.due[slot]!;
    const remainingMs = Math.ceil(due - this.now);
    if (remainingMs > sink.remainingMs) sink.remainingMs = remainingMs;
  }

  /** The same of a frame that stays within this node, where instants compare. */
  nameInstant(sink: OperationSink, slot: number): void {
    sink.due = laterDue(sink.due, dueWord(this.slots.due[slot]!));
  }

  /** The token of a slot's kept request, until the next one is asked for. REQUIRES: one was kept. */
  tokenOf(slot: number): Token {
    const { slots } = this;
    const words = slots.keptWords(slot);
    const offset = slots.keptOffset(slot);
    const keyByteCount = words[offset + REQUEST.keyAndContext]! & 0xffff;
    const key = offset + REQUEST_HEADER_WORDS;
    computeToken(this.#token, slots.bucketId[slot]!, words, key, keyByteCount);
    return this.#token;
  }

  shardIsFull(shard: number): boolean {
    return this.shardInFlight[shard]! >= this.limits.replicaOperationsInFlightMax;
  }

  /** A shard that is busy lives: of all that it is asked, one probe may go beyond its credit. */
  shardTakesProbe(shard: number): boolean {
    return this.shardInFlight[shard]! <= this.limits.replicaOperationsInFlightMax;
  }

  watchDue(instant: Instant): void {
    if (instant < this.earliestDue) this.earliestDue = instant;
  }

  /** The words of a shard's chunk, from a reply's chunk word (number | generation << 16). */
  chunkWords(shard: number, chunkWord: number): Int32Array {
    const words = this.shards[shard]!.chunks[chunkWord & 0xffff];
    assert(words !== undefined, 'a reply names a chunk that exists');
    return words;
  }
}
