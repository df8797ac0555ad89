/**
 * What the operations of one shard share: its memory, its versions, and during a step the batch and
 * the output. data plane.
 */
import { assert } from '@clockwise/kernel/assert';
import type { Batch, Instant, Out } from '@clockwise/kernel/core';
import type { DiskFailure, Effect, ReplicaPublished, WorldEvent } from '@clockwise/kernel/effects';
import type { Limits } from '@clockwise/kernel/limits';
import type { LeafTable } from '@clockwise/merkle/leaf-table';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import type { BlockCodecs } from '@clockwise/storage/block-codec';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { Checksum } from '@clockwise/storage/checksum';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import type { HeldSnapshot } from '@clockwise/storage/held-snapshot';
import type { JobInput, JobOutput } from '@clockwise/storage/jobs';
import type { Manifest } from '@clockwise/storage/manifest';
import type { Memtable } from '@clockwise/storage/memtable';
import { TableReader } from '@clockwise/storage/sstable-reader';
import { StoreVersions } from '@clockwise/storage/store-versions';
import { HYBRID_AHEAD_MS_MAX, HybridClock } from '@clockwise/versioning/hybrid-clock';
import { RecordJoin } from '@clockwise/versioning/join';
import { RecordWriter } from '@clockwise/versioning/write';
import { WriteOperands } from '@clockwise/versioning/write-operands';
import { HeldPartitions, type OwnedPartitions } from './held-partitions.ts';
import { IncarnationBook } from './incarnation-book.ts';
import { JobWatch } from './job-watch.ts';
import { LatencyGauge } from './latency-gauge.ts';
import { WriteThrottle } from './write-throttle.ts';

export type ReplicaEffect = Effect<ActorMessage, JobInput>;
export type ReplicaEvent = WorldEvent<ActorMessage, JobOutput>;

export interface ReplicaBatch extends Batch<ReplicaEvent> {
  readonly published: ReplicaPublished;
}

export interface ReplicaOut extends Out<ReplicaEffect> {
  /**
   * Words [fromWord, toWord) of a chunk go to the log. What this step wrote on lane `durable` is
   * released when all that was appended up to the end of the step is as durable as was asked.
   */
  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void;
}

/** 64 bits as two words. */
export interface Incarnation {
  readonly low: number;
  readonly high: number;
}

export interface ReplicaOptions {
  readonly shard: number;
  readonly limits: Limits;
  /** Drawn anew each time the shard's store is opened. */
  readonly incarnation: Incarnation;
  /** When that was, by the wall clock: it says how old the incarnation is (IncarnationBook). */
  readonly openedSeconds: number;
  readonly coordinatorCount: number;
  readonly partitionBits: number;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  /** How deltas that tables hold are folded: as merges do. */
  readonly combine: Combine;
  /** The store as it was opened: what the log held is in memory, the rest in tables. */
  readonly memtable: Memtable;
  /** As of the last record in memory. */
  readonly leaves: LeafTable;
  /** What is this node's in the ring that the process began with. */
  readonly owned: OwnedPartitions;
  /** As of the manifest's floor. */
  readonly floorLeaves: Int32Array;
  /** Oldest first, as the manifest lists them. */
  readonly tables: readonly TableReader[];
  readonly manifest: Manifest;
  /** The highest edition of the manifest that may lie on the disk. */
  readonly highestEdition: number;
  readonly snapshots: {
    /** Those in the folder, ascending. */
    readonly held: readonly HeldSnapshot[];
    /** A segment of the log may be as long. */
    readonly segmentBytesMax: number;
  };
}

export interface ReplicaCounters {
  /** Of records, and with what the log keeps beside each. */
  bytesWritten: number;
  bytesLogged: number;
  reads: number;
  writes: number;
  stores: number;
  scans: number;
  /** Of writes and stores: those of copies that are held for others. */
  hinted: number;
  notes: number;
  notesSkipped: number;
  settles: number;
  /** Names of this shard that were left, since others knew more of them than was made under them. */
  namesAhead: number;
  /** Operations that nobody waited for any more when their turn came. */
  expired: number;
  overloaded: number;
  /** Writes that waited because flushes or merges were behind. */
  slowed: number;
  refusedByFullDisk: number;
  diskReads: number;
  flushes: number;
  flushesFailed: number;
  bytesFlushed: number;
  lwwDiscardedConcurrent: number;
}

export class ReplicaContext {
  readonly shard: number;
  readonly limits: Limits;
  readonly memtable: Memtable;
  readonly leaves: LeafTable;
  readonly book: IncarnationBook;
  /** What of the shard may be answered for. */
  readonly held: HeldPartitions;
  readonly writer: RecordWriter;
  readonly join: RecordJoin;
  readonly clock: HybridClock = new HybridClock(HYBRID_AHEAD_MS_MAX);
  readonly operands: WriteOperands = new WriteOperands();
  /** Where leaf hashes and versions of hidden records are computed into: low, high. */
  readonly leafHash: Int32Array = new Int32Array(2);
  /** What the store consists of, and who still reads what. */
  readonly versions: StoreVersions;
  readonly throttle: WriteThrottle;
  /** How long foreground work takes, for whoever paces merges. */
  readonly latency: LatencyGauge = new LatencyGauge();
  /** Jobs that have not ended. */
  readonly jobs: JobWatch = new JobWatch();
  readonly counters: ReplicaCounters = {
    bytesWritten: 0,
    bytesLogged: 0,
    reads: 0,
    writes: 0,
    stores: 0,
    scans: 0,
    hinted: 0,
    notes: 0,
    notesSkipped: 0,
    settles: 0,
    namesAhead: 0,
    expired: 0,
    overloaded: 0,
    slowed: 0,
    refusedByFullDisk: 0,
    diskReads: 0,
    flushes: 0,
    flushesFailed: 0,
    bytesFlushed: 0,
    lwwDiscardedConcurrent: 0,
  };
  now: Instant = 0;
  wallTimeMs = 0;
  /** Of this step: the highest sequence that is durable, and whether an append must be synced. */
  releasedSequence = 0;
  needsSync = false;
  /** Set for ever by a disk that failed: nothing is written any more, and nothing served. */
  fenced = false;
  /** The disk is full: see disk-space. */
  refusesValues = false;
  refusesDeletes = false;
  /** Runs of level 0 that slow writes down: those that merges can make fewer (compaction-control). */
  pressingRuns = 0;
  lastDiskFailure: DiskFailure | undefined = undefined;
  /** What was replayed is durable, also before the log writer has released anything. */
  readonly #openedSequence: number;
  #out: ReplicaOut | undefined;
  #jobCount = 0;
  /** Of the last record that was appended. */
  #lastSequence: number;
  /**
   * The highest number of a mark that a page has shown to somebody; a number is the low word of a
   * sequence. Pages of the opening before may have shown all that it left.
   */
  #handedOut: number;

  constructor(options: ReplicaOptions) {
    this.#openedSequence = options.memtable.nextSequence - 1;
    this.#lastSequence = this.#openedSequence;
    this.shard = options.shard;
    this.limits = options.limits;
    this.versions = versionsOf(options);
    this.throttle = new WriteThrottle(options.limits);
    this.memtable = options.memtable;
    this.leaves = options.leaves;
    this.book = new IncarnationBook(options.incarnation, options.openedSeconds);
    const { partitionBits, manifest } = options;
    this.held = new HeldPartitions(options.owned, partitionBits, manifest.givenUp);
    this.writer = new RecordWriter(options.limits);
    this.join = new RecordJoin(options.limits);
    this.#handedOut = this.#openedSequence | 0;
  }

  beginStep(batch: ReplicaBatch, out: ReplicaOut): void {
    this.now = batch.now;
    this.wallTimeMs = batch.wallTimeMs;
    this.releasedSequence = Math.max(this.#openedSequence, batch.published.releasedSequence());
    this.needsSync = false;
    this.#out = out;
    this.latency.released(this.releasedSequence, batch.now);
    const { pool } = this.memtable;
    const frozen = pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing);
    this.throttle.beginStep(batch.now, frozen, this.pressingRuns);
  }

  get out(): ReplicaOut {
    assert(this.#out !== undefined, 'output is written only within a step');
    return this.#out;
  }

  get nowSeconds(): number {
    return Math.floor(this.wallTimeMs / 1000);
  }

  /** Whether the clock has not seen it: all that came since was ticked or observed. */
  isFromBefore(words: Int32Array, record: number): boolean {
    return sequenceOf(words, record) <= this.#openedSequence;
  }

  handOut(note: number): void {
    if (!this.wasHandedOut(note)) this.#handedOut = note;
  }

  wasHandedOut(note: number): boolean {
    return ((note - this.#handedOut) | 0) <= 0;
  }

  #countAppended(): void {
    const { memtable, counters } = this;
    let wordCount = 0;
    for (let index = 0; index < memtable.appendCount; index += 1) {
      wordCount += memtable.appendTos[index]! - memtable.appendFroms[index]!;
    }
    const lastSequence = memtable.nextSequence - 1;
    const recordCount = lastSequence - this.#lastSequence;
    this.#lastSequence = lastSequence;
    counters.bytesLogged += wordCount * 4;
    counters.bytesWritten += (wordCount - recordCount * PREFIX_WORDS) * 4;
    this.latency.appended(lastSequence, this.now);
  }

  /** Hands a job to the pool; its number is in the event that ends it. */
  askJob(input: JobInput): number {
    this.#jobCount += 1;
    this.out.effect({ kind: 'job', job: this.#jobCount, input });
    this.jobs.asked(this.#jobCount, this.now);
    return this.#jobCount;
  }

  /** Hands what was appended in this step to the log. */
  endStep(): void {
    const { memtable, out } = this;
    if (memtable.appendCount > 0) this.#countAppended();
    for (let index = 0; index < memtable.appendCount; index += 1) {
      const chunk = memtable.appendChunks[index]!;
      out.append(
        chunk,
        memtable.appendFroms[index]!,
        memtable.appendTos[index]!,
        // A chunk has one range in a step at the most, and this is its last record's.
        memtable.pool.lastSequences[chunk]!,
        this.needsSync,
      );
    }
    memtable.clearAppends();
    this.#out = undefined;
  }
}

function versionsOf({
  manifest,
  highestEdition,
  tables,
  checksum,
  codecs,
}: ReplicaOptions): StoreVersions {
  return new StoreVersions({
    manifest,
    highestEdition,
    readers: tables,
    makeReader: (parts, table) => new TableReader(parts, checksum, codecs, table),
  });
}

/** The sequence of the record at `record`; 0 for a clean copy of what a table holds. */
export function sequenceOf(words: Int32Array, record: number): number {
  const prefix = record - PREFIX_WORDS;
  return (
    (words[prefix + PREFIX.sequenceLow]! >>> 0) +
    words[prefix + PREFIX.sequenceHigh]! * 0x1_0000_0000
  );
}
