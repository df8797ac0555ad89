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
 *   LST3 after an error of the log nothing is taken any more; reads go on
 *   LST5 the log is durable up to a range drop's sequence before an edition has it: a sequence that is
 *        lost with the log is given again, to what must not be dropped
 */
import { assert } from '@clockwise/kernel/assert';
import { BlockCache } from './block-cache.ts';
import type { DiskError } from './disk.ts';
import { longestSegmentBytes, SEGMENT_BYTES_MAX } from './log-format.ts';
import { type ScanPage, scanPage, type ScanPosition, type ScanVisitor } from './local-scan.ts';
import { isLive } from './local-record.ts';
import type { LocalStoreOptions } from './local-options.ts';
import { LocalUpkeep } from './local-upkeep.ts';
import type { DropHorizon } from './compaction/version-merge.ts';
import { MergeControl, NO_HORIZON } from './compaction/merge-control.ts';
import { hashOf, newMemtable } from './local-memory.ts';
import { LocalSnapshots, type SnapshotState } from './local-snapshots.ts';
import { LocalSpace } from './local-space.ts';
import { snapshotNumbers } from './snapshot-job.ts';
import { LocalReads, LOOKUP } from './local-store-read.ts';
import { LocalWriter } from './local-writer.ts';
import { CommitLogWriter } from './log-writer.ts';
import { MemoryShare } from './memory-share.ts';
import type { Memtable } from './memtable.ts';
import { OpenFiles } from './open-files.ts';
import { type OpenedStore, openStore, type OpenOutcome } from './open-store.ts';
import { TableReader } from './sstable-reader.ts';
import { StoreVersions } from './store-versions.ts';
import type { TokenRange } from './token-range.ts';

export type WriteResult = 'ok' | 'OVERLOADED' | 'DISK_FULL' | 'FENCED';
export type GetResult = 'found' | 'absent' | 'READ_FAILED';

const LEVELS_MAX = 6;
/** A horizon is worth another look at the same tables so often. */
const HORIZON_STEP_SECONDS = 60;
const SPARES_MAX = 1;

export class LocalStore {
  /** Where the last `get` found its record: borrowed until the next call. */
  foundWords: Int32Array;
  foundAt = -1;
  readonly memtable: Memtable;
  readonly versions: StoreVersions;
  readonly #options: LocalStoreOptions;
  readonly #log: CommitLogWriter;
  readonly #files: OpenFiles;
  readonly #cache: BlockCache;
  readonly #memory: MemoryShare;
  readonly #reads: LocalReads;
  readonly #token = { high: 0, low: 0 };
  readonly #writer: LocalWriter;
  #nowMs: number;
  readonly #merges: MergeControl;
  readonly #upkeep: LocalUpkeep;
  readonly #space: LocalSpace;
  readonly #snapshots: LocalSnapshots;
  #forgetting: DropHorizon = NO_HORIZON;

  private constructor(
    options: LocalStoreOptions,
    memtable: Memtable,
    opened: OpenedStore,
    lastNumber: number,
  ) {
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
    this.#cache = new BlockCache(limits.blockCacheBytes);
    this.#reads = new LocalReads(disk, this.#files, this.#cache, limits.tableBlockBytes);
    this.#log = new CommitLogWriter({
      disk,
      checksum: tools.checksum,
      start: opened.log,
      segmentBytes: limits.logSegmentBytes,
      groupBytesMax: limits.logGroupBytesMax,
      sparesMax: SPARES_MAX,
    });
    this.#writer = new LocalWriter(options, memtable, this.#log);
    this.#merges = new MergeControl(this.versions, {
      ...limits,
      levelsMax: LEVELS_MAX,
      combine: 'none',
      horizon: () => this.#horizon(),
      nowMs: () => this.#nowMs,
    });
    this.#upkeep = new LocalUpkeep({
      jobs: options.jobs,
      memtable,
      versions: this.versions,
      files: this.#files,
      log: this.#log,
      merges: this.#merges,
      holdsLog: () => this.#snapshots.holdsLog,
      noRoom: () => this.#space.noRoom(),
      isFull: () => this.#space.isFull,
      runsMax: limits.runsMax,
      storeIdLow: options.storeIdLow,
      storeIdHigh: options.storeIdHigh,
      blockBytes: limits.tableBlockBytes,
      codec: limits.tableCodec,
      bloomBitsPerKey: limits.bloomBitsPerKey,
      keepsCopies: options.cacheChunksMax > 0,
    });
    this.#memory = new MemoryShare(this, this.#cache, this.#upkeep, limits);
    const ask = this.#upkeep.ask.bind(this.#upkeep);
    this.#space = new LocalSpace({
      reserveBytes: limits.diskReserveBytes,
      filesMin: limits.reserveFilesMin,
      ask,
    });
    this.#snapshots = new LocalSnapshots({
      versions: this.versions,
      lastNumber,
      ask,
      released: () => this.#upkeep.releaseLog(),
    });
  }

  /** The outcome where the store cannot be opened. */
  static open(options: LocalStoreOptions): LocalStore | OpenOutcome {
    const { disk, tools, limits } = options;
    assert(longestSegmentBytes(limits) <= SEGMENT_BYTES_MAX, 'SG1 no segment becomes too long');
    const memtable = newMemtable(options);
    const names = disk.list();
    if (!names.ok) return { kind: 'failed', name: 'DISK_FAILED', error: names };
    const outcome = openStore({
      disk,
      checksum: tools.checksum,
      codecs: tools.codecs,
      storeIdLow: options.storeIdLow,
      storeIdHigh: options.storeIdHigh,
      shardIndex: 0,
      shardCount: 1,
      segmentBytesMax: SEGMENT_BYTES_MAX,
      mustExist: options.mustExist,
      replay: (words, prefix) => memtable.restore(words, prefix, hashOf(memtable, words, prefix)),
    });
    if (outcome.kind !== 'ready') return outcome;
    memtable.beginAt(outcome.store.nextSequence);
    // The log may still hold what a drop took away.
    for (const drop of outcome.store.manifest.rangeDrops) memtable.dropRange(drop, drop.sequence);
    const store = new LocalStore(
      options,
      memtable,
      outcome.store,
      snapshotNumbers(names.value).at(-1) ?? 0,
    );
    const opened = store.#log.open();
    return opened.ok ? store : { kind: 'failed', name: 'DISK_FAILED', error: opened };
  }

  /** Why the store takes nothing any more, if so. */
  get failure(): DiskError | undefined {
    return this.#log.failure;
  }
  /** Why the last `get` failed. */
  get readFailure(): DiskError | undefined {
    return this.#reads.failure;
  }
  /** Of the last job that failed. */
  get jobFailure(): DiskError | undefined {
    return this.#upkeep.failure;
  }

  /** To memory; `commit` hands it to the log. `expirySeconds` since 1970, 0: never. */
  put(
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
    value: Uint8Array,
    expirySeconds = 0,
  ): WriteResult {
    if (this.#space.isFull && this.#log.failure === undefined) return 'DISK_FULL';
    return this.#write(key, keyAt, keyBytes, value, expirySeconds);
  }

  delete(key: Int32Array, keyAt: number, keyBytes: number): WriteResult {
    if (this.#space.refusesDeletes && this.#log.failure === undefined) return 'DISK_FULL';
    return this.#write(key, keyAt, keyBytes, undefined, 0);
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
    if (this.#options.cacheChunksMax > 0 && memtable.copies.admits(hash)) {
      // Reads alone fill the chunks of clean copies, too: then the oldest makes room for later ones.
      const isKept = memtable.insertCached(reads.words, reads.record, hash) >= 0;
      if (!isKept || memtable.copies.isHalfFull) this.#upkeep.giveUpMemory();
    }
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
    const isWritten = this.#writer.commit(isSynced);
    this.#space.logUsed(this.#log.reserveUsed);
    return isWritten;
  }

  /** Ends the active chunk, so that the next tick flushes it. */
  freeze(): boolean {
    return this.memtable.freeze();
  }

  /** What jobs ended, and what is to be done next. Cheap where there is nothing. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#goOn(false);
  }

  /** Until nothing is left to do, or a job fails. REQUIRES: all that was written is committed. */
  settle(): void {
    const upkeep = this.#upkeep;
    const failedBefore = upkeep.figures.jobsFailed;
    upkeep.retryNow();
    this.#space.retryNow();
    this.#snapshots.retryNow();
    this.#goOn(true);
    while (upkeep.isBusy && upkeep.figures.jobsFailed === failedBefore) {
      this.#options.jobs.wait();
      this.#goOn(true);
    }
  }

  /**
   * Nothing of the range counts any more that was written until now. False: no edition says so yet; the
   * next one that is durable does, unless the store is closed before.
   */
  dropRange(range: TokenRange): boolean {
    // [LST5]
    if (!this.commit(true)) return false;
    const upkeep = this.#upkeep;
    const failedBefore = upkeep.figures.jobsFailed;
    upkeep.planDrop({ ...range, sequence: this.memtable.nextSequence - 1 });
    upkeep.retryNow();
    this.tick(this.#nowMs);
    // A log that fails as it is released has fenced the store: then no job comes of it.
    while (upkeep.hasDrops && upkeep.isBusy && upkeep.figures.jobsFailed === failedBefore) {
      this.#options.jobs.wait();
      this.tick(this.#nowMs);
    }
    return !upkeep.hasDrops;
  }

  /** Begins a snapshot of all that was written until now; undefined: fenced. */
  snapshot(): number | undefined {
    if (!this.commit(true)) return undefined;
    return this.#snapshots.begin(this.#log.writtenSequence);
  }
  /** Undefined: none of that number, none any more, or it was there before the store was opened. */
  snapshotState(snapshotNumber: number): SnapshotState | undefined {
    return this.#snapshots.stateOf(snapshotNumber);
  }
  removeSnapshot(snapshotNumber: number): void {
    this.#snapshots.remove(snapshotNumber);
  }

  /** Ends the log durably. What jobs are under way is waited for; what they made counts if published. */
  close(): boolean {
    const isCommitted = this.commit(true);
    while (this.#upkeep.isBusy) {
      this.#options.jobs.wait();
      this.#upkeep.hear(this.#nowMs);
    }
    const closed = this.#log.close();
    this.#files.closeAll();
    return isCommitted && closed.ok;
  }

  figures(): Readonly<Record<string, number>> {
    return {
      ...this.#writer.figures,
      ...this.#upkeep.figures,
      ...this.#merges.figures,
      ...this.#memory.figures,
      blockCacheHits: this.#cache.hitCount,
      blockCacheMisses: this.#cache.missCount,
      blockCacheBytes: this.#cache.byteCount,
      diskFull: this.#space.isFull ? 1 : 0,
      runs: this.versions.levels.runCount,
      levels: this.versions.levels.levelCount,
      tables: this.versions.manifest.tables.length,
      lookups: this.#reads.lookupCount,
      blocksRead: this.#reads.blocksRead,
      filterFalsePositives: this.#reads.falsePositives,
      openFiles: this.#files.count,
    };
  }

  #goOn(isHurried: boolean): void {
    this.#upkeep.hear(this.#nowMs);
    this.#memory.share();
    if (this.#log.failure !== undefined) return;
    this.#upkeep.begin(isHurried);
    this.#space.begin(this.#nowMs);
    this.#snapshots.goOn(this.#nowMs);
  }

  #horizon(): DropHorizon {
    const seconds = Math.floor(this.#nowMs / 1000);
    const isFar = seconds >= this.#forgetting.expiredBeforeSeconds + HORIZON_STEP_SECONDS;
    if (this.#options.forgets && isFar) {
      this.#forgetting = {
        expiredBeforeSeconds: seconds,
        partitionBits: 0,
        tombstonesBeforeSeconds: Float64Array.of(seconds),
      };
    }
    return this.#forgetting;
  }

  #write(
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
    value: Uint8Array | undefined,
    expirySeconds: number,
  ): WriteResult {
    // [LST3]
    if (this.#log.failure !== undefined) return 'FENCED';
    const writer = this.#writer;
    if (writer.write(key, keyAt, keyBytes, value, expirySeconds, this.#nowMs)) return 'ok';
    this.#upkeep.giveUpMemory();
    const isWritten = writer.write(key, keyAt, keyBytes, value, expirySeconds, this.#nowMs);
    return isWritten ? 'ok' : 'OVERLOADED';
  }

  #found(words: Int32Array, record: number): GetResult {
    if (!isLive(words, record, Math.floor(this.#nowMs / 1000))) return 'absent';
    this.foundWords = words;
    this.foundAt = record;
    return 'found';
  }
}
