/**
 * What an embedded store has its jobs do behind its writer's back: flush frozen chunks, merge tables
 * beat by beat, publish editions, remove what no edition names; and with that release the log and give
 * up memory.
 *
 * Invariants:
 *   LST1 a chunk is flushed only after the log has its records
 *   LST2 the log is released, and memory given up, only past an edition that is durable
 *   LST4 memory drops a range when an edition with the drop is durable, and only up to its sequence
 *   LUP1 a job that failed is tried again later, a little later each time, and stops no other kind
 *   LUP2 what a flush that failed has written is removed: it is tried again under another number
 *   LUP3 only while nobody writes are few runs merged, the last records flushed and the log shortened; runs
 *        only when nothing waits for its flush, which would be merged by itself with all that was merged
 *        before
 *   LUP4 no flush begins while there are `runsMax` runs and a merge is under way: who writes faster than
 *        merges end waits for them, and each read has so many runs to ask at the most; one more for
 *        each merge that ends
 *   LUP5 jobs of different kinds may end in any order: each takes all it needs with it when it is asked for,
 *        and what its end means is looked up when it is heard of
 */
import { assert } from '@clockwise/kernel/assert';
import { CacheSweeper } from './cache-sweeper.ts';
import { CHUNK_STATE } from './chunk.ts';
import type { MergeControl } from './compaction/merge-control.ts';
import type { DiskError, DiskResult } from './disk.ts';
import { parseFileName, tableName } from './file-names.ts';
import { JobRetry } from './job-retry.ts';
import type { JobRunner } from './job-runner.ts';
import type { JobInput, JobOutput } from './jobs.ts';
import type { CommitLogWriter } from './log-writer.ts';
import type { RangeDrop } from './manifest.ts';
import type { ChunkDescription, Memtable } from './memtable.ts';
import type { OpenFiles } from './open-files.ts';
import type { StoreVersions } from './store-versions.ts';

/** Chunks below which flushed ones are given up: one to rotate to, one for clean copies. */
const FREE_CHUNKS_WANTED = 2;
/** After so long without an edition, one more lets the files go that only the one before named. */
const SETTLE_MS = 1000;
/** After so long without a write, few runs are merged, too, what is in memory is flushed, and the log is short. */
const REST_MS = 5000;
/** Of a chunk, what is worth a table of its own then. */
const REST_FLUSH_SHARE = 32;
/** Records that are swept in one go: nobody waits for an embedded store's memory but its writer. */
const SWEPT_RECORDS = 1 << 20;

export interface LocalUpkeepOptions {
  readonly jobs: JobRunner;
  readonly memtable: Memtable;
  readonly versions: StoreVersions;
  readonly files: OpenFiles;
  readonly log: CommitLogWriter;
  readonly merges: MergeControl;
  /** Nothing of the log may be released now. */
  readonly holdsLog: () => boolean;
  /** A job found no room on the disk. */
  readonly noRoom: () => void;
  /** Merges wait for room. */
  readonly isFull: () => boolean;
  /** [LUP4] */
  readonly runsMax: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly blockBytes: number;
  readonly codec: number;
  readonly bloomBitsPerKey: number;
  readonly keepsCopies: boolean;
}

type WhenEnded = (result: DiskResult<JobOutput>) => void;

export class LocalUpkeep {
  readonly figures = { flushes: 0, editions: 0, jobsFailed: 0, bytesFlushed: 0 };
  /** Of the last job that failed. */
  failure: DiskError | undefined = undefined;
  readonly #options: LocalUpkeepOptions;
  readonly #asked = new Map<number, WhenEnded>();
  /** [LUP1] */
  readonly #flushRetry: JobRetry = new JobRetry();
  readonly #publishRetry: JobRetry = new JobRetry();
  readonly #removalRetry: JobRetry = new JobRetry();
  readonly #mergeRetry: JobRetry = new JobRetry();
  readonly #sweeper: CacheSweeper;
  #nowMs = 0;
  #isFlushing = false;
  #isRemoving = false;
  #isMerging = false;
  #publishedAtMs = 0;
  #nextSequence = 0;
  #writtenAtMs = 0;
  /** Drops in the edition under way, or waiting for one, in order; the first so many are under way. */
  #drops: RangeDrop[] = [];
  #dropsUnderWay = 0;
  /** Flushed, and in no durable edition yet; oldest first. */
  #unpublished: ChunkDescription[] = [];

  constructor(options: LocalUpkeepOptions) {
    this.#options = options;
    this.#sweeper = new CacheSweeper(options.memtable);
  }

  /** Range drops wait for their edition. */
  get hasDrops(): boolean {
    return this.#drops.length > 0;
  }

  /** Jobs are under way. */
  get isBusy(): boolean {
    return this.#asked.size > 0;
  }

  /** What jobs ended. */
  hear(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const { job, result } of this.#options.jobs.poll()) {
      const whenEnded = this.#asked.get(job);
      assert(whenEnded !== undefined, 'a job that ends was asked for');
      this.#asked.delete(job);
      if (!result.ok) {
        this.failure = result;
        this.figures.jobsFailed += 1;
        if (result.code === 'ENOSPC') this.#options.noRoom();
      }
      whenEnded(result);
    }
  }

  /** What is to be done next; `isHurried`: nobody writes meanwhile. REQUIRES: the log is well. */
  begin(isHurried: boolean): void {
    const { versions, merges, log, memtable, holdsLog, isFull } = this.#options;
    const isAtRest = this.#isAtRest() || isHurried;
    // [LUP3]
    if (isAtRest) this.#flushLast();
    merges.rest(
      isAtRest && memtable.pool.countState(CHUNK_STATE.frozen) === 0 && !this.#isFlushing,
    );
    this.#beginPublish();
    this.#beginFlush();
    this.#beginRemoval();
    this.#beginMerge();
    if (isAtRest && !holdsLog() && !isFull()) log.rest(versions.manifest.floorSequence);
    const isIdle = isHurried || this.#nowMs >= this.#publishedAtMs + SETTLE_MS;
    const mayPublish = !versions.isPublishing && this.#nowMs >= this.#publishRetry.atMs;
    if (isIdle && mayPublish && !versions.isSettled) {
      versions.planSettle();
      this.#beginPublish();
    }
  }

  /** [LUP3] What the log has of it then goes with it. Alone, so that one that fails is not followed by more. */
  #flushLast(): void {
    const { memtable, log } = this.#options;
    const { pool, activeChunk } = memtable;
    if (this.#isFlushing || activeChunk === -1 || this.#unpublished.length > 0) return;
    if (pool.countState(CHUNK_STATE.frozen) > 0) return;
    if (pool.used[activeChunk]! * REST_FLUSH_SHARE < pool.chunkWords) return;
    // [LST1] Who has not committed is still writing.
    if (pool.lastSequences[activeChunk]! > log.writtenSequence) return;
    memtable.freeze();
  }

  #isAtRest(): boolean {
    const { nextSequence } = this.#options.memtable;
    if (nextSequence !== this.#nextSequence) {
      this.#nextSequence = nextSequence;
      this.#writtenAtMs = this.#nowMs;
    }
    return this.#nowMs >= this.#writtenAtMs + REST_MS;
  }

  /** Nothing waits for its time any more. */
  retryNow(): void {
    this.#flushRetry.atMs = 0;
    this.#publishRetry.atMs = 0;
    this.#removalRetry.atMs = 0;
    this.#mergeRetry.atMs = 0;
  }

  /** Nobody else reads memory: what is given up is free at once. */
  giveUpMemory(): void {
    const { memtable, keepsCopies } = this.#options;
    while (memtable.pool.freeCount() < FREE_CHUNKS_WANTED) {
      if (!this.#giveUp(memtable.oldestResident())) break;
    }
    // As long as the chunk that copies go to has room for those of the oldest that are asked for.
    if (!keepsCopies || !memtable.pool.cacheIsFull() || !memtable.copies.isHalfFull) return;
    this.#giveUp(memtable.oldestResidentCache());
  }

  /** False: there is none that could go. */
  giveUpCopies(): boolean {
    return this.#giveUp(this.#options.memtable.oldestResidentCache());
  }

  #giveUp(chunk: number): boolean {
    if (chunk === -1) return false;
    if (this.#options.keepsCopies) {
      this.#sweeper.begin(chunk);
      // A step looks at a bounded number of records; nobody else waits here.
      while (this.#sweeper.chunk !== -1) this.#sweeper.step(SWEPT_RECORDS);
    }
    this.#options.memtable.retire(chunk);
    this.#options.memtable.recycle(chunk);
    return true;
  }

  ask(input: JobInput, whenEnded: WhenEnded): void {
    this.#asked.set(this.#options.jobs.submit(input), whenEnded);
  }

  #beginFlush(): void {
    const { memtable, log, versions } = this.#options;
    if (this.#isFlushing || this.#nowMs < this.#flushRetry.atMs) return;
    if (this.#mustMergeFirst()) return;
    const oldest = memtable.pool.oldest(CHUNK_STATE.frozen);
    if (oldest === -1) return;
    // [LST1]
    if (memtable.pool.lastSequences[oldest]! > log.writtenSequence) return;
    const chunk = memtable.beginFlush();
    assert(chunk !== undefined, 'a chunk is frozen');
    this.#isFlushing = true;
    const { storeIdLow, storeIdHigh, blockBytes, codec, bloomBitsPerKey } = this.#options;
    const fileNumber = versions.takeFileNumbers(1);
    const input: JobInput = {
      kind: 'flush',
      input: {
        words: new Int32Array(chunk.buffer),
        usedWords: chunk.usedWords,
        recordCount: chunk.recordCount,
        firstSequence: chunk.firstSequence,
        lastSequence: chunk.lastSequence,
        fileNumber,
        storeIdLow,
        storeIdHigh,
        blockBytes,
        codec,
        bloomBitsPerKey,
        rangeDrops: versions.rangeDrops,
        leaves: undefined,
      },
    };
    this.ask(input, (result) => this.#flushEnded(chunk, fileNumber, result));
  }

  /** [LUP4] Where room is short merges wait, too, and the end of one is not in sight. */
  #mustMergeFirst(): boolean {
    const { versions, merges, runsMax, isFull } = this.#options;
    return versions.levels.runCount >= runsMax && merges.isUnderWay && !isFull();
  }

  #flushEnded(chunk: ChunkDescription, fileNumber: number, result: DiskResult<JobOutput>): void {
    this.#isFlushing = false;
    if (!result.ok) {
      this.#options.memtable.flushFailed(chunk.chunk);
      // [LUP2]
      this.#options.versions.discard([tableName(fileNumber)]);
      this.#flushRetry.failed(this.#nowMs);
      return;
    }
    assert(result.value.kind === 'flush', 'a flush ends as a flush');
    const { parts } = result.value;
    this.#flushRetry.succeeded();
    this.figures.bytesFlushed += parts?.footer.table.byteCount ?? 0;
    this.#unpublished.push(chunk);
    this.#options.versions.planFlush(parts, chunk.lastSequence, 0);
  }

  #beginPublish(): void {
    if (this.#nowMs < this.#publishRetry.atMs) return;
    const edition = this.#options.versions.beginPublish();
    if (edition === undefined) return;
    this.#dropsUnderWay = this.#drops.length;
    this.ask({ kind: 'manifest', ...edition }, (result) => {
      if (result.ok) {
        this.#publishRetry.succeeded();
        this.#published();
      } else {
        this.#publishRetry.failed(this.#nowMs);
        this.#dropsUnderWay = 0;
        this.#options.versions.publishFailed();
      }
    });
  }

  /** [LST2] From here on the tables count. */
  #published(): void {
    const { versions, memtable } = this.#options;
    const { floorSequence } = versions.published();
    this.#publishedAtMs = this.#nowMs;
    this.figures.editions += 1;
    while (this.#unpublished.length > 0 && this.#unpublished[0]!.lastSequence <= floorSequence) {
      memtable.flushed(this.#unpublished.shift()!.chunk);
      this.figures.flushes += 1;
    }
    // [LST4]
    for (const drop of this.#drops.splice(0, this.#dropsUnderWay)) {
      memtable.dropRange(drop, drop.sequence);
    }
    this.#dropsUnderWay = 0;
    this.giveUpMemory();
    this.releaseLog();
  }

  /** Up to the floor that is durable, unless somebody reads the log. An error is the log's, which keeps it. */
  releaseLog(): void {
    const { holdsLog, log, versions } = this.#options;
    if (!holdsLog()) log.release(versions.manifest.floorSequence);
  }

  /** Nothing of the range that is in the log now counts, from an edition on that is published next. */
  planDrop(drop: RangeDrop): void {
    this.#drops.push(drop);
    this.#options.versions.planRangeDrop(drop, 0);
  }

  #beginMerge(): void {
    const { merges, isFull } = this.#options;
    if (this.#isMerging || isFull() || this.#nowMs < this.#mergeRetry.atMs) return;
    if (merges.wanted() === 0) return;
    const beat = merges.beginBeat();
    if (beat === undefined) {
      // A table moved: the edition waits.
      this.#beginPublish();
      return;
    }
    this.#isMerging = true;
    this.ask(beat, (result) => {
      this.#isMerging = false;
      if (!result.ok) {
        this.#mergeRetry.failed(this.#nowMs);
        merges.beatFailed(result.code);
        return;
      }
      if (result.value.kind === 'merge-unreadable') {
        const { fileNumber, failure } = result.value;
        this.failure = failure;
        this.figures.jobsFailed += 1;
        this.#mergeRetry.failed(this.#nowMs);
        merges.beatFailed(failure.code, fileNumber);
        return;
      }
      assert(result.value.kind === 'merge', 'a beat ends as a beat');
      this.#mergeRetry.succeeded();
      merges.beatDone(result.value.output);
    });
  }

  #beginRemoval(): void {
    const { versions, files } = this.#options;
    if (this.#isRemoving || this.#nowMs < this.#removalRetry.atMs) return;
    const freed: Int32Array[] = [];
    const names = versions.takeRemovable(freed);
    if (names.length === 0) return;
    for (const name of names) {
      const file = parseFileName(name);
      if (file?.kind === 'table') files.forget(file.fileNumber);
    }
    this.#isRemoving = true;
    this.ask({ kind: 'remove', names, freed }, (result) => {
      this.#isRemoving = false;
      if (result.ok) {
        this.#removalRetry.succeeded();
      } else {
        this.#removalRetry.failed(this.#nowMs);
        versions.removeFailed(names);
      }
    });
  }
}
