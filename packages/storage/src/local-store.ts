/**
 * A store in one thread and without a cluster: memtable, log, tables and their jobs put together as a
 * replica does it, for embedding, for benchmarks and for proving the store against a model.
 *
 *     put, delete -> memtable -> commit: one group of the log
 *     tick: what jobs ended; flush of frozen chunks -> edition -> log released, memory given up
 *     get, scan: memory, then tables, called and answered at once
 *
 * Boundary: pure over a `Disk` and a `JobRunner`; the caller says what time it is.
 *
 * Invariants:
 *   LST1 a chunk is flushed only after the log has its records
 *   LST2 the log is released, and memory given up, only past an edition that is durable
 *   LST3 after an error of the log nothing is taken any more; reads go on
 */
import { assert } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { type AllocateChunk, CHUNK_STATE } from './chunk.ts';
import type { BlockCodecs } from './block-codec.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError, DiskResult } from './disk.ts';
import type { JobRunner } from './job-runner.ts';
import type { JobInput, JobOutput } from './jobs.ts';
import { type ScanPage, scanPage, type ScanPosition, type ScanVisitor } from './local-scan.ts';
import {
  isLive,
  type LocalRecordFields,
  localRecordWords,
  writeLocalRecord,
} from './local-record.ts';
import { LocalReads, LOOKUP } from './local-store-read.ts';
import { CommitLogWriter, type LogRange } from './log-writer.ts';
import { type ChunkDescription, Memtable } from './memtable.ts';
import { OpenFiles } from './open-files.ts';
import { type OpenedStore, openStore, type OpenOutcome } from './open-store.ts';
import { parseFileName } from './file-names.ts';
import { TableReader } from './sstable-reader.ts';
import { StoreVersions } from './store-versions.ts';
import type { TokenRange } from './token-range.ts';

export type LocalStoreLimits = Pick<
  Limits,
  | 'memtableChunkBytes'
  | 'memtableChunksMax'
  | 'memtableFrozenMax'
  | 'logSegmentBytes'
  | 'logGroupBytesMax'
  | 'tableBlockBytes'
  | 'tableCodec'
  | 'bloomBitsPerKey'
>;

export interface LocalStoreOptions {
  readonly disk: Disk;
  readonly tools: { readonly checksum: Checksum; readonly codecs: BlockCodecs };
  readonly limits: LocalStoreLimits;
  readonly allocate: AllocateChunk;
  readonly jobs: JobRunner;
  /** Of the index in memory: from a source that nobody outside can guess. */
  readonly secretLow: number;
  readonly secretHigh: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  /** All keys are of this bucket. */
  readonly bucketId: number;
  readonly tokenOf: (
    token: { high: number; low: number },
    bucketId: number,
    words: Int32Array,
    at: number,
    byteCount: number,
  ) => void;
  readonly partitionCountLog2: number;
  /** Slots that the index in memory begins with, a power of two. */
  readonly indexSlots: number;
  /** Tables that may be open for reads at once. */
  readonly openFilesMax: number;
  /** Chunks of clean copies of what reads brought from tables; 0: none are kept. */
  readonly cacheChunksMax: number;
  /** An empty folder is damage: this store has held data before (F16). */
  readonly mustExist: boolean;
  readonly nowMs: number;
}

export type WriteResult = 'ok' | 'OVERLOADED' | 'DISK_FULL' | 'FENCED';
export type GetResult = 'found' | 'absent' | 'READ_FAILED';

/** Chunks below which flushed ones are given up: one to rotate to, one for clean copies. */
const FREE_CHUNKS_WANTED = 2;
/** Milliseconds that a failed job waits at first, doubled up to 2^5 times. */
const RETRY_MS = 100;
const RETRY_DOUBLINGS_MAX = 5;
const SPARES_MAX = 2;
/** A segment of a group longer than usual is still read. */
const SEGMENT_BYTES_FACTOR = 4;

interface Flushing {
  readonly job: number;
  readonly chunk: ChunkDescription;
}

export class LocalStore {
  /** Where the last `get` found its record: borrowed until the next call. */
  foundWords: Int32Array;
  foundAt = -1;
  readonly memtable: Memtable;
  readonly versions: StoreVersions;
  readonly #options: LocalStoreOptions;
  readonly #log: CommitLogWriter;
  readonly #files: OpenFiles;
  readonly #reads: LocalReads;
  readonly #token = { high: 0, low: 0 };
  readonly #fields: LocalRecordFields;
  #bytesOf: Uint8Array = new Uint8Array(0);
  #bytesOfChunk = -1;
  #nowMs: number;
  #failure: DiskError | undefined = undefined;
  #jobFailure: DiskError | undefined = undefined;
  #flushing: Flushing | undefined = undefined;
  /** Flushed, and in no durable edition yet; oldest first. */
  #unpublished: ChunkDescription[] = [];
  #publishing: number | undefined = undefined;
  #removing: { readonly job: number; readonly names: readonly string[] } | undefined = undefined;
  #failedCount = 0;
  #retryAtMs = 0;
  readonly #figures = { flushes: 0, editions: 0, jobsFailed: 0, bytesWritten: 0, bytesLogged: 0 };

  private constructor(options: LocalStoreOptions, memtable: Memtable, opened: OpenedStore) {
    const { disk, tools, limits } = options;
    this.#options = options;
    this.memtable = memtable;
    this.foundWords = memtable.words;
    this.versions = new StoreVersions({
      manifest: opened.manifest,
      highestEdition: opened.manifest.edition,
      readers: opened.tables,
      makeReader: (parts, table) => {
        return new TableReader(parts, tools.checksum, tools.codecs, table);
      },
    });
    this.#nowMs = options.nowMs;
    this.#files = new OpenFiles(disk, options.openFilesMax);
    this.#reads = new LocalReads(disk, this.#files, limits.tableBlockBytes);
    this.#fields = {
      bucketId: options.bucketId,
      tokenHigh: 0,
      tokenLow: 0,
      isTombstone: false,
      incarnationLow: options.storeIdLow,
      incarnationHigh: options.storeIdHigh,
      sequence: 0,
      expirySeconds: 0,
      writtenAtMs: 0,
    };
    this.#log = new CommitLogWriter({
      disk,
      checksum: tools.checksum,
      start: opened.log,
      segmentBytes: limits.logSegmentBytes,
      groupBytesMax: limits.logGroupBytesMax,
      sparesMax: SPARES_MAX,
    });
  }

  /** The outcome where the store cannot be opened. */
  static open(options: LocalStoreOptions): LocalStore | OpenOutcome {
    const memtable = newMemtable(options);
    const { disk, tools, limits } = options;
    const outcome = openStore({
      disk,
      checksum: tools.checksum,
      storeIdLow: options.storeIdLow,
      storeIdHigh: options.storeIdHigh,
      shardIndex: 0,
      shardCount: 1,
      segmentBytesMax: limits.logSegmentBytes + limits.logGroupBytesMax * SEGMENT_BYTES_FACTOR,
      mustExist: options.mustExist,
      replay: (words, prefix) => memtable.restore(words, prefix, hashOf(memtable, words, prefix)),
    });
    if (outcome.kind !== 'ready') return outcome;
    memtable.beginAt(outcome.store.nextSequence);
    const store = new LocalStore(options, memtable, outcome.store);
    const opened = store.#log.open();
    return opened.ok ? store : { kind: 'failed', name: 'DISK_FAILED', error: opened };
  }

  /** Why the store takes nothing any more, if so. */
  get failure(): DiskError | undefined {
    return this.#failure;
  }
  /** Why the last `get` failed. */
  get readFailure(): DiskError | undefined {
    return this.#reads.failure;
  }
  /** Of the last job that failed. */
  get jobFailure(): DiskError | undefined {
    return this.#jobFailure;
  }

  /** To memory; `commit` hands it to the log. `expirySeconds` since 1970, 0: never. */
  put(
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
    value: Uint8Array,
    expirySeconds = 0,
  ): WriteResult {
    this.#fields.isTombstone = false;
    this.#fields.expirySeconds = expirySeconds;
    return this.#write(key, keyAt, keyBytes, value);
  }

  delete(key: Int32Array, keyAt: number, keyBytes: number): WriteResult {
    this.#fields.isTombstone = true;
    this.#fields.expirySeconds = 0;
    return this.#write(key, keyAt, keyBytes, undefined);
  }

  get(key: Int32Array, keyAt: number, keyBytes: number): GetResult {
    const { memtable } = this;
    const { bucketId } = this.#options;
    const hash = memtable.hash(bucketId, key, keyAt, keyBytes);
    const record = memtable.lookup(bucketId, key, keyAt, keyBytes, hash);
    if (record !== -1) return this.#found(memtable.pool.words[memtable.chunk]!, record);
    const token = this.#token;
    this.#options.tokenOf(token, bucketId, key, keyAt, keyBytes);
    const reads = this.#reads;
    const { high, low } = token;
    const result = reads.find(this.versions.levels, bucketId, high, low, key, keyAt, keyBytes);
    if (result === LOOKUP.absent) return 'absent';
    if (result === LOOKUP.failed) return 'READ_FAILED';
    if (this.#options.cacheChunksMax > 0) memtable.insertCached(reads.words, reads.record, hash);
    return this.#found(reads.words, reads.record);
  }

  /**
   * Up to `recordsMax` live records of the range behind `after`, in the order of tables. What `visit`
   * is given is borrowed until it returns.
   */
  scan(
    range: TokenRange,
    after: ScanPosition | undefined,
    recordsMax: number,
    visit: ScanVisitor,
  ): ScanPage {
    return scanPage({
      disk: this.#options.disk,
      files: this.#files,
      memtable: this.memtable,
      partitionCountLog2: this.#options.partitionCountLog2,
      levels: this.versions.levels,
      nowSeconds: Math.floor(this.#nowMs / 1000),
      range,
      after,
      recordsMax,
      visit,
    });
  }

  /** One group of the log with all that was written since the last. False: fenced, outcome unknown. */
  commit(isSynced: boolean): boolean {
    if (this.#failure !== undefined) return false;
    const { memtable } = this;
    if (memtable.appendCount > 0) {
      const ranges: LogRange[] = [];
      for (let index = 0; index < memtable.appendCount; index += 1) {
        const fromWord = memtable.appendFroms[index]!;
        const toWord = memtable.appendTos[index]!;
        const buffer = memtable.pool.buffers[memtable.appendChunks[index]!]!;
        ranges.push({ buffer, fromWord, toWord });
        this.#figures.bytesLogged += (toWord - fromWord) * 4;
      }
      memtable.clearAppends();
      const first = this.#log.writtenSequence + 1;
      const written = this.#log.write(ranges, first, memtable.nextSequence - 1);
      if (!written.ok) return this.#fence(written);
    }
    if (!isSynced) return true;
    const synced = this.#log.sync();
    return synced.ok ? true : this.#fence(synced);
  }

  /** Ends the active chunk, so that the next tick flushes it. */
  freeze(): boolean {
    return this.memtable.freeze();
  }

  /** What jobs ended, and what is to be done next. Cheap where there is nothing. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const { job, result } of this.#options.jobs.poll()) this.#ended(job, result);
    if (this.#failure !== undefined || nowMs < this.#retryAtMs) return;
    this.#beginFlush();
    this.#beginPublish();
    this.#beginRemoval();
  }

  /** Until nothing is left to do, or a job fails. REQUIRES: all that was written is committed. */
  settle(): void {
    const failedBefore = this.#figures.jobsFailed;
    this.#retryAtMs = 0;
    this.tick(this.#nowMs);
    while (this.#isBusy() && this.#figures.jobsFailed === failedBefore) {
      this.#options.jobs.wait();
      this.tick(this.#nowMs);
    }
  }

  /** Ends the log durably. What jobs are under way is waited for; what they made counts if published. */
  close(): boolean {
    const isCommitted = this.commit(true);
    while (this.#isBusy()) {
      this.#options.jobs.wait();
      for (const { job, result } of this.#options.jobs.poll()) this.#ended(job, result);
    }
    const closed = this.#log.close();
    this.#files.closeAll();
    return isCommitted && closed.ok;
  }

  figures(): Readonly<Record<string, number>> {
    const { pool } = this.memtable;
    return {
      ...this.#figures,
      tables: this.versions.manifest.tables.length,
      lookups: this.#reads.lookupCount,
      blocksRead: this.#reads.blocksRead,
      filterFalsePositives: this.#reads.falsePositives,
      openFiles: this.#files.count,
      chunksFree: pool.freeCount(),
      chunksFrozen: pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing),
    };
  }

  #write(
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
    value: Uint8Array | undefined,
  ): WriteResult {
    if (this.#failure !== undefined) return 'FENCED';
    const { memtable } = this;
    const { bucketId, tokenOf } = this.#options;
    const valueBytes = value === undefined ? 0 : value.length;
    const wordCount = localRecordWords(keyBytes, valueBytes);
    let at = memtable.reserve(wordCount);
    if (at === -1) {
      this.#giveUpMemory();
      at = memtable.reserve(wordCount);
      if (at === -1) return 'OVERLOADED';
    }
    const token = this.#token;
    tokenOf(token, bucketId, key, keyAt, keyBytes);
    const fields = this.#fields;
    fields.tokenHigh = token.high;
    fields.tokenLow = token.low;
    fields.sequence = memtable.nextSequence;
    fields.writtenAtMs = this.#nowMs;
    writeLocalRecord(memtable.words, at, key, keyAt, keyBytes, valueBytes, fields);
    if (value !== undefined && valueBytes > 0) {
      const valueWord = at + wordCount - (((valueBytes + 7) >>> 3) << 1);
      this.#activeBytes().set(value, valueWord * 4);
    }
    memtable.commit(at, memtable.hash(bucketId, key, keyAt, keyBytes), 0, 0, 0, 0);
    this.#figures.bytesWritten += wordCount * 4;
    return 'ok';
  }

  #activeBytes(): Uint8Array {
    const { memtable } = this;
    if (this.#bytesOfChunk !== memtable.activeChunk) {
      this.#bytesOfChunk = memtable.activeChunk;
      this.#bytesOf = new Uint8Array(memtable.words.buffer);
    }
    return this.#bytesOf;
  }

  #found(words: Int32Array, record: number): GetResult {
    if (!isLive(words, record, Math.floor(this.#nowMs / 1000))) return 'absent';
    this.foundWords = words;
    this.foundAt = record;
    return 'found';
  }

  #isBusy(): boolean {
    return (
      this.#flushing !== undefined || this.#publishing !== undefined || this.#removing !== undefined
    );
  }

  #beginFlush(): void {
    const { memtable } = this;
    if (this.#flushing !== undefined || this.#unpublished.length > 0) return;
    const oldest = memtable.pool.oldest(CHUNK_STATE.frozen);
    if (oldest === -1) return;
    // [LST1]
    if (memtable.pool.lastSequences[oldest]! > this.#log.writtenSequence) return;
    const chunk = memtable.beginFlush();
    assert(chunk !== undefined, 'a chunk is frozen');
    const { limits, storeIdLow, storeIdHigh } = this.#options;
    const input: JobInput = {
      kind: 'flush',
      input: {
        words: new Int32Array(chunk.buffer),
        usedWords: chunk.usedWords,
        recordCount: chunk.recordCount,
        firstSequence: chunk.firstSequence,
        lastSequence: chunk.lastSequence,
        fileNumber: this.versions.takeFileNumbers(1),
        storeIdLow,
        storeIdHigh,
        blockBytes: limits.tableBlockBytes,
        codec: limits.tableCodec,
        bloomBitsPerKey: limits.bloomBitsPerKey,
        leaves: undefined,
      },
    };
    this.#flushing = { job: this.#options.jobs.submit(input), chunk };
  }

  #beginPublish(): void {
    const edition = this.versions.beginPublish();
    if (edition === undefined) return;
    this.#publishing = this.#options.jobs.submit({ kind: 'manifest', ...edition });
  }

  #beginRemoval(): void {
    if (this.#removing !== undefined) return;
    const names = this.versions.takeRemovable();
    if (names.length === 0) return;
    for (const name of names) {
      const file = parseFileName(name);
      if (file?.kind === 'table') this.#files.forget(file.fileNumber);
    }
    this.#removing = { job: this.#options.jobs.submit({ kind: 'remove', names }), names };
  }

  #ended(job: number, result: DiskResult<JobOutput>): void {
    if (this.#flushing?.job === job) {
      const { chunk } = this.#flushing;
      this.#flushing = undefined;
      if (!result.ok) {
        this.memtable.flushFailed(chunk.chunk);
        this.#jobFailed(result);
        return;
      }
      assert(result.value.kind === 'flush', 'a flush ends as a flush');
      this.#failedCount = 0;
      this.#unpublished.push(chunk);
      this.versions.planFlush(result.value.parts, chunk.lastSequence, 0);
      return;
    }
    if (this.#removing?.job === job) {
      if (!result.ok) {
        this.versions.removeFailed(this.#removing.names);
        this.#jobFailed(result);
      }
      this.#removing = undefined;
      return;
    }
    assert(this.#publishing === job, 'a job that ends was asked for');
    this.#publishing = undefined;
    if (result.ok) {
      this.#published();
    } else {
      this.versions.publishFailed();
      this.#jobFailed(result);
    }
  }

  /** [LST2] From here on the tables count. */
  #published(): void {
    const { floorSequence } = this.versions.published();
    this.#failedCount = 0;
    this.#figures.editions += 1;
    const waiting: ChunkDescription[] = [];
    for (const chunk of this.#unpublished) {
      if (chunk.lastSequence <= floorSequence) {
        this.memtable.flushed(chunk.chunk);
        this.#figures.flushes += 1;
      } else {
        waiting.push(chunk);
      }
    }
    this.#unpublished = waiting;
    this.#giveUpMemory();
    if (this.#failure !== undefined) return;
    const released = this.#log.release(floorSequence);
    if (!released.ok) this.#fence(released);
  }

  /** Nobody else reads memory: what is given up is free at once. */
  #giveUpMemory(): void {
    const { memtable } = this;
    while (memtable.pool.freeCount() < FREE_CHUNKS_WANTED) {
      if (!this.#giveUp(memtable.oldestResident())) break;
    }
    if (this.#options.cacheChunksMax > 0 && memtable.pool.cacheIsFull()) {
      this.#giveUp(memtable.oldestResidentCache());
    }
  }

  #giveUp(chunk: number): boolean {
    if (chunk === -1) return false;
    this.memtable.retire(chunk);
    this.memtable.recycle(chunk);
    return true;
  }

  #jobFailed(error: DiskError): void {
    this.#jobFailure = error;
    this.#figures.jobsFailed += 1;
    this.#retryAtMs =
      this.#nowMs + RETRY_MS * 2 ** Math.min(this.#failedCount, RETRY_DOUBLINGS_MAX);
    this.#failedCount += 1;
  }

  /** [LST3] */
  #fence(error: DiskError): false {
    this.#failure ??= error;
    return false;
  }
}

function newMemtable(options: LocalStoreOptions): Memtable {
  const { limits } = options;
  return new Memtable({
    chunkBytes: limits.memtableChunkBytes,
    chunksMax: limits.memtableChunksMax,
    cacheChunksMax: options.cacheChunksMax,
    frozenMax: limits.memtableFrozenMax,
    partitionCountLog2: options.partitionCountLog2,
    indexSlots: options.indexSlots,
    secretLow: options.secretLow,
    secretHigh: options.secretHigh,
    firstSequence: 1,
    allocate: options.allocate,
  });
}

function hashOf(memtable: Memtable, words: Int32Array, prefix: number): number {
  const record = prefix + PREFIX_WORDS;
  const keyBytes = words[record + HEADER.keyAndContext]! & 0xffff;
  return memtable.hash(words[record + HEADER.bucketId]!, words, record + HEADER_WORDS, keyBytes);
}
