/**
 * An embedded store on any disk, with keys that are numbers, and what it must hold beside it.
 *
 * A value says who wrote it: its first 8 bytes are the key and a stamp, the rest repeats the stamp, so
 * that no record can stand for another one unnoticed.
 */
import { Prng } from '@clockwise/kernel/prng';
import { computeToken } from '@clockwise/placement/token';
import { HEADER, HEADER_WORDS, SIBLING, SIBLING_HEADER_WORDS } from '@clockwise/record/layout';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import type { Disk } from '@clockwise/storage/disk';
import type { JobRunner } from '@clockwise/storage/job-runner';
import { localSibling } from '@clockwise/storage/local-record';
import type { ScanPosition } from '@clockwise/storage/local-scan';
import type { LocalStoreLimits } from '@clockwise/storage/local-options';
import { LocalStore, type WriteResult } from '@clockwise/storage/local-store';
import type { OpenOutcome } from '@clockwise/storage/open-store';
import type { TokenRange } from '@clockwise/storage/token-range';
import { CRC, InlineJobs, JOB_SCHEDULES } from './inline-jobs.ts';

export const BUCKET = 7;
const KEY_BYTES = 6;

export const WHOLE_RANGE: TokenRange = {
  bucketId: BUCKET,
  fromHigh: 0,
  fromLow: 0,
  toHigh: -1,
  toLow: -1,
};

/** What may differ from store to store without anybody noticing. */
export interface LocalConfiguration extends LocalStoreLimits {
  readonly partitionCountLog2: number;
  readonly cacheChunksMax: number;
  readonly openFilesMax: number;
  readonly forgets: boolean;
}

export const SMALL: LocalConfiguration = {
  memtableChunkBytes: 8 * 1024,
  memtableChunksMax: 6,
  memtableFrozenMax: 3,
  logSegmentBytes: 8 * 1024,
  logGroupBytesMax: 4 * 1024,
  tableBlockBytes: 512,
  tableCodec: 0,
  bloomBitsPerKey: 10,
  tableBytes: 8 * 1024,
  levelBytes1: 32 * 1024,
  levelFanout: 4,
  runsMin: 3,
  runsMax: 6,
  blockCacheBytes: 0,
  diskReserveBytes: 0,
  reserveFilesMin: 1,
  partitionCountLog2: 3,
  cacheChunksMax: 1,
  openFilesMax: 8,
  forgets: false,
};

export interface Opening {
  readonly configuration: LocalConfiguration;
  readonly nowMs?: number;
  readonly mustExist?: boolean;
  readonly jobs?: JobRunner;
  readonly prng?: Prng;
  readonly storeIdLow?: number;
  readonly storeIdHigh?: number;
}

function jobsOf(disk: Disk, prng: Prng): InlineJobs {
  return new InlineJobs(disk, prng, prng.pick(JOB_SCHEDULES));
}

export function openLocal(disk: Disk, opening: Opening): LocalStore | OpenOutcome {
  const { configuration, nowMs = 1_000_000, mustExist = false } = opening;
  const jobs = opening.jobs ?? jobsOf(disk, opening.prng ?? new Prng('jobs'));
  return LocalStore.open({
    disk,
    tools: { checksum: CRC, codecs: NODE_BLOCK_CODECS },
    limits: configuration,
    allocate: (byteCount) => new SharedArrayBuffer(byteCount),
    jobs,
    secretLow: 5,
    secretHigh: 6,
    storeIdLow: opening.storeIdLow ?? 0x1234,
    storeIdHigh: opening.storeIdHigh ?? 0x5678,
    bucketId: BUCKET,
    tokenOf: computeToken,
    partitionCountLog2: configuration.partitionCountLog2,
    indexSlots: 64,
    openFilesMax: configuration.openFilesMax,
    cacheChunksMax: configuration.cacheChunksMax,
    mustExist,
    forgets: configuration.forgets,
    nowMs,
  });
}

export function mustOpenLocal(disk: Disk, opening: Opening): LocalStore {
  const store = openLocal(disk, opening);
  if (store instanceof LocalStore) return store;
  throw new Error(`the store does not open: ${JSON.stringify(store)}`);
}

const keyWords = new Int32Array(2);

export function keyOf(key: number): Int32Array {
  keyWords[0] = Math.imul(key, 0x9e3779b1);
  // Of the second word two bytes are key: what stands behind them must not matter.
  keyWords[1] = (key & 0xffff) | (0x5a5a << 16);
  return keyWords;
}

export function valueOf(key: number, stamp: number, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(8, byteCount)).fill(stamp & 0xff);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, key, true);
  view.setInt32(4, stamp, true);
  return bytes;
}

export function put(
  store: LocalStore,
  key: number,
  stamp: number,
  byteCount = 16,
  expirySeconds = 0,
): WriteResult {
  return store.put(keyOf(key), 0, KEY_BYTES, valueOf(key, stamp, byteCount), expirySeconds);
}

export function remove(store: LocalStore, key: number): WriteResult {
  return store.delete(keyOf(key), 0, KEY_BYTES);
}

export class FailedRead extends Error {
  override readonly name = 'FailedRead';
}

/** The stamp; undefined: absent. Throws FailedRead. */
export function get(store: LocalStore, key: number): number | undefined {
  const result = store.get(keyOf(key), 0, KEY_BYTES);
  if (result === 'READ_FAILED') throw new FailedRead(store.readFailure?.detail);
  if (result === 'absent') return undefined;
  const read = recordOf(store.foundWords, store.foundAt);
  if (read.key !== key) throw new Error(`key ${read.key} was found for ${key}`);
  return read.stamp;
}

/** A record's key and stamp, after all of it was looked at. */
export function recordOf(words: Int32Array, record: number): { key: number; stamp: number } {
  const value = localSibling(words, record) + SIBLING_HEADER_WORDS;
  const byteCount = words[value - SIBLING_HEADER_WORDS + SIBLING.valueBytes]!;
  const key = words[value]!;
  const stamp = words[value + 1]!;
  const bytes = new Uint8Array(words.buffer, words.byteOffset + value * 4, byteCount);
  for (let index = 8; index < byteCount; index += 1) {
    if (bytes[index] !== (stamp & 0xff)) throw new Error(`the value of key ${key} is mixed up`);
  }
  const isKey =
    (words[record + HEADER.keyAndContext]! & 0xffff) === KEY_BYTES &&
    words[record + HEADER_WORDS] === Math.imul(key, 0x9e3779b1) &&
    (words[record + HEADER_WORDS + 1]! & 0xffff) === (key & 0xffff);
  if (!isKey) throw new Error(`the value of key ${key} stands under another key`);
  return { key, stamp };
}

/** All live keys with their stamps, by pages of `recordsMax`. Throws FailedRead. */
export function scanAll(
  store: LocalStore,
  recordsMax: number,
  range: TokenRange = WHOLE_RANGE,
  between: () => void = () => {},
): Map<number, number> {
  const found = new Map<number, number>();
  let after: ScanPosition | undefined = undefined;
  for (;;) {
    const page = store.scan(range, after, recordsMax, (words, record) => {
      const { key, stamp } = recordOf(words, record);
      if (found.has(key)) throw new Error(`key ${key} was listed twice`);
      found.set(key, stamp);
    });
    if (page.kind === 'failed') throw new FailedRead(page.error.detail);
    if (page.kind === 'end') return found;
    after = page.position;
    between();
  }
}

export function tokenOf(key: number): { high: number; low: number } {
  const token = { high: 0, low: 0 };
  computeToken(token, BUCKET, keyOf(key), 0, KEY_BYTES);
  return token;
}
