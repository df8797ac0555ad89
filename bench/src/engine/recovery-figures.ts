/**
 * `npm run bench -- engine-recovery`: how fast a store is back. A log that no table has taken over is
 * replayed; a store whose memory is flushed is opened. What is not measured: a cold page cache (the files
 * were just written), and several shards that open at once.
 *
 *   --bytes MIB    256: of the log that is replayed
 *   --keys N       5,000,000: of the store that is opened
 *   --folder PATH  where the stores are made; must be on a disk, not in memory
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { computeToken } from '@clockwise/placement/token';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { WorkerJobs } from '@clockwise/runtime/embedded/worker-jobs';
import { LocalStore } from '@clockwise/storage/local-store';
import {
  type Benchmark,
  type BenchOutcome,
  type BenchResult,
  medianOf,
  resultOf,
} from '../report.ts';
import { KEY_BYTES, newKey } from './engine-peer.ts';
import { KeySpace } from './key-space.ts';

const MIB = 1024 * 1024;
const VALUE_SIZES = [100, 1024];
const BATCH = 100;
/** Records of one group of the log that is replayed. */
const REPLAY_BATCH = 1000;
const OPENINGS = 3;
const CHUNK_BYTES = 64 * MIB;
/** What a log's records take in memory, over what they take in the log, at the most. */
const UNPACKED_FACTOR = 2;
/** Of sequences and keys a record has more than its value: so many bytes at the least. */
const RECORD_BYTES_MIN = 128;
const BUCKET_ID = 1;
/** Two for each record of the log, as who expects so many gives it. */
const INDEX_SLOTS: number = 1 << 22;

export const engineRecoveryBenchmark: Benchmark = {
  name: 'engine-recovery',
  description: 'how fast a store replays its log, and opens with millions of keys',
  run: runRecovery,
};

interface Opened {
  readonly store: LocalStore;
  readonly jobs: WorkerJobs;
}

async function runRecovery(args: readonly string[]): Promise<BenchOutcome> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: 'string', default: '256' },
      keys: { type: 'string', default: '5000000' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const folder = mkdtempSync(path.join(values.folder, 'clockwise-recovery-'));
  const results: BenchResult[] = [];
  try {
    for (const valueBytes of VALUE_SIZES) {
      results.push(await replay(path.join(folder, `log-${valueBytes}`), valueBytes, values.bytes));
    }
    results.push(await openLarge(path.join(folder, 'large'), Number(values.keys)));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { results };
}

/**
 * All of the log fits the memory, and nothing is flushed before the store is opened again. The bytes are
 * those of its files, which hold records packed.
 */
async function replay(folder: string, valueBytes: number, mebibytes: string): Promise<BenchResult> {
  const wantedBytes = Number(mebibytes) * MIB;
  const chunks = Math.ceil((wantedBytes * UNPACKED_FACTOR) / CHUNK_BYTES) + 3;
  const first = open(folder, chunks);
  const keys = new KeySpace(Math.ceil(wantedBytes / RECORD_BYTES_MIN), valueBytes);
  const key = newKey();
  for (let number = 0; logBytes(folder) < wantedBytes;) {
    for (let index = 0; index < REPLAY_BATCH; index += 1, number += 1) {
      keys.writeKey(key, number);
      must(first.store.put(key.words, 0, KEY_BYTES, keys.valueOf(number)) === 'ok', 'a put');
    }
    must(first.store.commit(false), 'a group');
  }
  const recordBytes = first.store.figures()['bytesLogged']!;
  await close(first);
  const fileBytes = logBytes(folder);
  const seconds: number[] = [];
  for (let run = 0; run < OPENINGS; run += 1) {
    const startMs = performance.now();
    const opened = open(folder, chunks);
    seconds.push((performance.now() - startMs) / 1000);
    await close(opened);
  }
  return resultOf({
    name: `replay, values of ${valueBytes} B`,
    value: fileBytes / 1e6 / medianOf(seconds),
    unit: 'MB/s',
    better: 'higher',
    note: `${Math.round(fileBytes / MIB)} MiB of log, ${Math.round(recordBytes / MIB)} MiB of records; at least 100 wanted`,
  });
}

/** Of its segments' files, whole: none is longer than what was written to it. */
function logBytes(folder: string): number {
  const names = readdirSync(folder).filter((name) => name.startsWith('log-'));
  return names.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

async function openLarge(folder: string, keyCount: number): Promise<BenchResult> {
  const first = open(folder, 6);
  const keys = new KeySpace(keyCount, VALUE_SIZES[0]!);
  const key = newKey();
  for (let place = 0; place < keyCount; place += 1) {
    const number = keys.nth(place);
    keys.writeKey(key, number);
    const value = keys.valueOf(number);
    while (first.store.put(key.words, 0, KEY_BYTES, value) !== 'ok') {
      must(first.store.commit(false), 'a group');
      first.store.settle();
      must(first.store.jobFailure === undefined, 'the jobs');
    }
    if (place % BATCH !== 0) continue;
    must(first.store.commit(false), 'a group');
    first.store.tick(Date.now());
  }
  must(first.store.commit(true), 'the last group');
  first.store.freeze();
  first.store.settle();
  await close(first);
  const milliseconds: number[] = [];
  let tables = 0;
  for (let run = 0; run < OPENINGS; run += 1) {
    const startMs = performance.now();
    const opened = open(folder, 6);
    milliseconds.push(performance.now() - startMs);
    tables = opened.store.figures()['tables']!;
    await close(opened);
  }
  return resultOf({
    name: `open ${keyCount.toLocaleString('en')} keys`,
    value: medianOf(milliseconds),
    unit: 'ms',
    better: 'lower',
    note: `${tables} tables, all flushed; less than 1000 wanted`,
  });
}

function open(folder: string, chunks: number): Opened {
  mkdirSync(folder, { recursive: true });
  const jobs = new WorkerJobs(folder);
  const secret = randomBytes(8);
  const store = LocalStore.open({
    disk: new NodeDisk(folder),
    tools: { checksum: crc32, codecs: NODE_BLOCK_CODECS },
    limits: {
      ...DEFAULT_LIMITS,
      memtableChunkBytes: CHUNK_BYTES,
      memtableChunksMax: chunks,
      memtableFrozenMax: chunks,
    },
    allocate: (byteCount) => new SharedArrayBuffer(byteCount),
    jobs,
    secretLow: secret.readInt32LE(0),
    secretHigh: secret.readInt32LE(4),
    storeIdLow: 1,
    storeIdHigh: 2,
    bucketId: BUCKET_ID,
    tokenOf: computeToken,
    partitionCountLog2: 6,
    indexSlots: INDEX_SLOTS,
    openFilesMax: 512,
    cacheChunksMax: 0,
    forgets: true,
    mustExist: false,
    nowMs: Date.now(),
  });
  if (!(store instanceof LocalStore)) throw new Error(JSON.stringify(store));
  return { store, jobs };
}

async function close({ store, jobs }: Opened): Promise<void> {
  must(store.close(), 'the end of the log');
  await jobs.close();
}

function must(isOk: boolean, what: string): void {
  if (!isOk) throw new Error(`the store failed at ${what}`);
}
