/**
 * Our store: LocalStore on a folder, its jobs in two worker threads. A batch or a put is one group of the
 * log. Where memory is full, a write waits for a flush, as the others do.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { computeToken } from '@clockwise/placement/token';
import { SIBLING, SIBLING_HEADER_WORDS } from '@clockwise/record/layout';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { SyncAheadDisk } from '@clockwise/runtime/disk/sync-ahead-disk';
import { SyncThread } from '@clockwise/runtime/disk/sync-thread';
import { memoryAhead } from '@clockwise/runtime/embedded/memory-ahead';
import {
  type JobThreads,
  newJobThreads,
  WorkerJobs,
} from '@clockwise/runtime/embedded/worker-jobs';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import type { JobInput } from '@clockwise/storage/jobs';
import { localSibling } from '@clockwise/storage/local-record';
import type { ScanPosition } from '@clockwise/storage/local-scan';
import { LocalStore } from '@clockwise/storage/local-store';
import { ValueCopies } from '@clockwise/storage/value-copies';
import {
  type EngineKey,
  type EnginePeer,
  KEY_BYTES,
  type PeerModule,
  type PeerOptions,
} from './engine-peer.ts';

const MIB = 1024 * 1024;
const BUCKET_ID = 1;
const PARTITION_BITS = 6;
const SCAN_PAGE = 4096;
/**
 * Of sixteen parts of the budget: six are four chunks of records, two of which may be copies of what
 * reads brought; one is cache of blocks, indexes and filters, which take one of the chunks of copies as well
 * where they grow beyond it; nine are left to what stands beside them: the index of the chunks, the threads
 * of the jobs, the heap and the buffers of each.
 */
const CHUNK_SHARE = 3 / 32;
const CACHE_SHARES = 16;
const PAGE_BYTES = 4096;
const CHUNKS = 4;
const CACHE_CHUNKS = 2;
/** Of a record beside its value: prefix, header, key and what its sibling says. */
const RECORD_BYTES = 128;
/** Chunks that the room for a full disk is a share of: some seconds of log. */
const RESERVE_SHARE = 4;
/** Reads ask a filter for each run: that many more make them little slower, and writes are merged less. */
const RUNS_MIN = 16;
/** At so many a writer waits for merges: a fill of five million keys has them behind itself, for the most part. */
const RUNS_MAX = 3 * RUNS_MIN;
const SYNC_AHEAD_BYTES = MIB;
const WHOLE_RANGE = { bucketId: BUCKET_ID, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 };

/** Of all stores of the process, which are open one after the other: what runs there is compiled once. */
let threads: { readonly jobs: JobThreads; readonly sync: SyncThread } | undefined;

export const clockwisePeer: PeerModule = { name: 'clockwise', settings: ['its own'], open };

/** Knows how many jobs are under way: whoever waits must wait for one. */
class CountedJobs implements JobRunner {
  readonly #jobs: WorkerJobs;
  openCount = 0;

  constructor(jobs: WorkerJobs) {
    this.#jobs = jobs;
  }

  submit(job: JobInput): number {
    this.openCount += 1;
    return this.#jobs.submit(job);
  }

  poll(): readonly JobResult[] {
    const results = this.#jobs.poll();
    this.openCount -= results.length;
    return results;
  }

  wait(): void {
    this.#jobs.wait();
  }

  close(): Promise<void> {
    return this.#jobs.close();
  }
}

function open(folder: string, options: PeerOptions): Promise<EnginePeer> {
  const { memoryBytes, isSynced } = options;
  const memtableChunkBytes = Math.floor((memoryBytes * CHUNK_SHARE) / PAGE_BYTES) * PAGE_BYTES;
  const recordBytes = RECORD_BYTES + options.valueBytes;
  const limits = {
    ...DEFAULT_LIMITS,
    tableCodec: options.codec,
    memtableChunkBytes,
    memtableChunksMax: CHUNKS,
    blockCacheBytes: Math.floor(memoryBytes / CACHE_SHARES),
    runsMin: RUNS_MIN,
    runsMax: RUNS_MAX,
    // As of LevelDB, whose log is as long as its write buffer: a writer waits at each end of one.
    logSegmentBytes: Math.min(DEFAULT_LIMITS.logSegmentBytes, memtableChunkBytes),
    // A flush waits for the beat of a merge that is under way.
    tableBytes: Math.min(DEFAULT_LIMITS.tableBytes, memtableChunkBytes),
    diskReserveBytes: Math.min(DEFAULT_LIMITS.diskReserveBytes, memtableChunkBytes / RESERVE_SHARE),
  };
  threads ??= { jobs: newJobThreads(), sync: new SyncThread() };
  const jobs = new CountedJobs(new WorkerJobs(folder, threads.jobs));
  const secret = randomBytes(8);
  const store = LocalStore.open({
    // As a node's log: what its segments end with is on the disk by then, for the most part.
    disk: new SyncAheadDisk(new NodeDisk(folder), threads.sync, SYNC_AHEAD_BYTES),
    tools: { checksum: crc32, codecs: NODE_BLOCK_CODECS },
    limits,
    allocate: memoryAhead(memtableChunkBytes, CHUNKS),
    jobs,
    secretLow: secret.readInt32LE(0),
    secretHigh: secret.readInt32LE(4),
    storeIdLow: 1,
    storeIdHigh: 2,
    bucketId: BUCKET_ID,
    tokenOf: computeToken,
    partitionCountLog2: PARTITION_BITS,
    // It doubles in one go, in which a writer waits.
    indexSlots: 2 ** Math.ceil(Math.log2((1.5 * CHUNKS * memtableChunkBytes) / recordBytes)),
    openFilesMax: 512,
    cacheChunksMax: CACHE_CHUNKS,
    forgets: true,
    mustExist: false,
    nowMs: Date.now(),
  });
  if (!(store instanceof LocalStore)) throw new Error(JSON.stringify(store));
  const notes = [
    `${limits.memtableChunksMax} chunks of ${memtableChunkBytes / MIB} MiB, block cache ${(limits.blockCacheBytes / MIB).toFixed(1)} MiB`,
    `codec ${limits.tableCodec}, merges from ${RUNS_MIN} runs on, filter of ${limits.bloomBitsPerKey} bits a key`,
    isSynced ? 'each batch synced' : 'batches not synced, ends of log segments and tables are',
  ];
  return Promise.resolve(new ClockwisePeer(store, jobs, isSynced, notes));
}

class ClockwisePeer implements EnginePeer {
  readonly notes: readonly string[];
  readonly #store: LocalStore;
  readonly #jobs: CountedJobs;
  readonly #isSynced: boolean;
  readonly #copies: ValueCopies = new ValueCopies();

  constructor(store: LocalStore, jobs: CountedJobs, isSynced: boolean, notes: readonly string[]) {
    this.#store = store;
    this.#jobs = jobs;
    this.#isSynced = isSynced;
    this.notes = notes;
  }

  putBatch(keys: readonly EngineKey[], values: readonly Uint8Array[], count: number): void {
    for (let index = 0; index < count; index += 1) this.#write(keys[index]!, values[index]!);
    this.#commit();
  }

  put(key: EngineKey, value: Uint8Array): void {
    this.#write(key, value);
    this.#commit();
  }

  get(key: EngineKey): Uint8Array | undefined {
    if (!this.#find(key)) return undefined;
    const { foundWords: words, foundAt } = this.#store;
    const sibling = localSibling(words, foundAt);
    const valueBytes = words[sibling + SIBLING.valueBytes]!;
    return this.#copies.of(words, sibling + SIBLING_HEADER_WORDS, valueBytes);
  }

  getInPlace(key: EngineKey): number {
    if (!this.#find(key)) return -1;
    const { foundWords: words, foundAt } = this.#store;
    return words[localSibling(words, foundAt) + SIBLING.valueBytes]!;
  }

  scanAll(): number {
    let count = 0;
    let after: ScanPosition | undefined;
    for (;;) {
      const page = this.#store.scan(WHOLE_RANGE, after, SCAN_PAGE, (words, record) => {
        if (words[record]! > 0) count += 1;
      });
      if (page.kind === 'failed') throw new Error(page.error.detail);
      if (page.kind === 'end') return count;
      after = page.position;
    }
  }

  settle(): void {
    this.#store.settle();
    const { jobFailure } = this.#store;
    if (jobFailure !== undefined) throw new Error(`a job failed: ${jobFailure.detail}`);
  }

  recordBytes(): number {
    return this.#store.figures()['bytesWritten']!;
  }

  isBusy(): boolean {
    return this.#jobs.openCount > 0;
  }

  close(): Promise<void> {
    if (!this.#store.close()) throw new Error('the log did not close');
    return this.#jobs.close();
  }

  #find(key: EngineKey): boolean {
    const found = this.#store.get(key.words, 0, KEY_BYTES);
    if (found === 'READ_FAILED')
      throw new Error(this.#store.readFailure?.detail ?? 'a read failed');
    return found === 'found';
  }

  #write(key: EngineKey, value: Uint8Array): void {
    for (;;) {
      const written = this.#store.put(key.words, 0, KEY_BYTES, value);
      if (written === 'ok') return;
      if (written !== 'OVERLOADED') throw new Error(written);
      this.#commit();
      if (this.#jobs.openCount > 0) this.#jobs.wait();
      this.#store.tick(Date.now());
    }
  }

  #commit(): void {
    if (!this.#store.commit(this.#isSynced))
      throw new Error(this.#store.failure?.detail ?? 'fenced');
    this.#store.tick(Date.now());
  }
}
