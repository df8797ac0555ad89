/**
 * One shard's store put together as a replica does it, in one thread and without a cluster: memtable,
 * log, flush, manifest. Keys and values are numbers; what was acknowledged is kept beside it.
 */
import * as zlib from 'node:zlib';
import { Prng } from '@clockwise/kernel/prng';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { BLOCK_CODEC, BlockScratch, PURE_CODECS } from '@clockwise/storage/block-codec';
import type { Disk } from '@clockwise/storage/disk';
import { leavesName, tableName } from '@clockwise/storage/file-names';
import type { FlushInput } from '@clockwise/storage/flush-job';
import { type JobOutput, runJob } from '@clockwise/storage/jobs';
import { CommitLogWriter, type LogRange } from '@clockwise/storage/log-writer';
import type { Manifest } from '@clockwise/storage/manifest';
import { type ChunkDescription, Memtable } from '@clockwise/storage/memtable';
import { type OpenedStore, openStore, type OpenOutcome } from '@clockwise/storage/open-store';
import { NEXT_BLOCK } from '@clockwise/storage/block-search';
import { TableReader } from '@clockwise/storage/sstable-reader';
import { StoreVersions } from '@clockwise/storage/store-versions';
import { readWhole } from '@clockwise/storage/whole-transfer';

export const checksum = (bytes: Uint8Array, seed: number): number => zlib.crc32(bytes, seed);

export const STORE_ID = { storeIdLow: 0x1234, storeIdHigh: 0x5678, shardIndex: 0, shardCount: 1 };
const RECORD_WORDS = 24;
const SEGMENT_BYTES = 4096;
const LEAF_COUNT = 256;

/** A record whose key is one number (6 bytes) and whose last word is the value. */
export function writeRecord(words: Int32Array, at: number, key: number, value: number): void {
  words.fill(0, at, at + RECORD_WORDS);
  words[at + HEADER.wordCount] = RECORD_WORDS;
  words[at + HEADER.kind] = value < 0 ? 3 : 1;
  words[at + HEADER.bucketId] = 1;
  words[at + HEADER.tokenHigh] = Math.imul(key, 0x9e3779b1);
  words[at + HEADER.tokenLow] = Math.imul(key, 0x85ebca6b);
  words[at + HEADER.keyAndContext] = 6;
  words[at + HEADER_WORDS] = key;
  words[at + RECORD_WORDS - 1] = value;
}

type FlushOutput = Extract<JobOutput, { readonly kind: 'flush' }>;

export class DamagedRead extends Error {
  override readonly name = 'DamagedRead';
}

export class TestStore {
  readonly disk: Disk;
  readonly memtable: Memtable;
  readonly log: CommitLogWriter;
  readonly opened: OpenedStore;
  readonly versions: StoreVersions;
  leaves: Int32Array;
  /** Flushed, and in no durable edition yet. */
  #unpublished: { readonly chunk: number; readonly leaves: Int32Array }[] = [];

  private constructor(disk: Disk, opened: OpenedStore, memtable: Memtable) {
    this.disk = disk;
    this.opened = opened;
    this.memtable = memtable;
    this.versions = new StoreVersions({
      manifest: opened.manifest,
      highestEdition: opened.manifest.edition,
      readers: opened.tables,
      makeReader: (parts, table) => new TableReader(parts, checksum, PURE_CODECS, table),
    });
    this.leaves = opened.leaves?.leaves.slice() ?? new Int32Array(LEAF_COUNT * 2);
    this.log = new CommitLogWriter({
      disk,
      checksum,
      start: opened.log,
      segmentBytes: SEGMENT_BYTES,
      groupBytesMax: 2048,
      sparesMax: 2,
    });
  }

  /** The outcome where the store cannot be opened. */
  static open(disk: Disk, options: { readonly mustExist?: boolean } = {}): TestStore | OpenOutcome {
    const memtable = newMemtable();
    const outcome = openStore({
      disk,
      checksum,
      ...STORE_ID,
      segmentBytesMax: 1024 * 1024,
      mustExist: options.mustExist ?? false,
      replay: (words, prefix) => {
        const key = words[prefix + PREFIX_WORDS + HEADER_WORDS]!;
        return memtable.restore(words, prefix, hashOf(memtable, key));
      },
    });
    if (outcome.kind !== 'ready') return outcome;
    memtable.beginAt(outcome.store.nextSequence);
    const store = new TestStore(disk, outcome.store, memtable);
    const opened = store.log.open();
    return opened.ok ? store : { kind: 'failed', name: 'DISK_FAILED', error: opened };
  }

  /** Writes to memory only; `group` writes to the log. False: refused. */
  put(key: number, value: number): boolean {
    const at = this.memtable.reserve(RECORD_WORDS);
    if (at === -1) return false;
    writeRecord(this.memtable.words, at, key, value);
    this.memtable.commit(at, hashOf(this.memtable, key), 0, 0, key, value);
    return true;
  }

  /** Hands what was appended to the log. */
  group(): boolean {
    const { memtable } = this;
    const ranges: LogRange[] = [];
    for (let index = 0; index < memtable.appendCount; index += 1) {
      ranges.push({
        buffer: memtable.pool.buffers[memtable.appendChunks[index]!]!,
        fromWord: memtable.appendFroms[index]!,
        toWord: memtable.appendTos[index]!,
      });
    }
    memtable.clearAppends();
    if (ranges.length === 0) return true;
    return this.log.write(ranges, this.log.writtenSequence + 1, memtable.nextSequence - 1).ok;
  }

  sync(): boolean {
    return this.log.sync().ok;
  }

  get manifest(): Manifest {
    return this.versions.manifest;
  }

  /** Newest first. */
  get tables(): readonly TableReader[] {
    return this.versions.levels.readers;
  }

  /** Flushes what is frozen, publishes it, releases the log, gives up the memory. */
  flush(): boolean {
    if (!this.#publish()) return false;
    this.memtable.freeze();
    for (
      let next = this.memtable.beginFlush();
      next !== undefined;
      next = this.memtable.beginFlush()
    ) {
      const fileNumber = this.versions.takeFileNumbers(2);
      const flushed = this.#write(next, fileNumber);
      if (flushed === undefined) {
        this.memtable.flushFailed(next.chunk);
        this.versions.discard([tableName(fileNumber), leavesName(fileNumber + 1)]);
        return false;
      }
      this.versions.planFlush(flushed.parts, next.lastSequence, fileNumber + 1);
      this.#unpublished.push({ chunk: next.chunk, leaves: flushed.leaves! });
      if (!this.#publish()) return false;
    }
    return true;
  }

  #write(chunk: ChunkDescription, fileNumber: number): FlushOutput | undefined {
    const input: FlushInput = {
      ...chunk,
      words: new Int32Array(chunk.buffer),
      fileNumber,
      ...STORE_ID,
      blockBytes: 512,
      codec: BLOCK_CODEC.none,
      bloomBitsPerKey: 10,
      rangeDrops: this.versions.rangeDrops,
      leaves: { fileNumber: fileNumber + 1, words: this.leaves },
    };
    const done = runJob(this.disk, checksum, { kind: 'flush', input });
    return done.ok && done.value.kind === 'flush' ? done.value : undefined;
  }

  /** What waits for an edition; false: it failed, and waits on. */
  #publish(): boolean {
    const edition = this.versions.beginPublish();
    if (edition === undefined) return true;
    if (!runJob(this.disk, checksum, { kind: 'manifest', ...edition }).ok) {
      this.versions.publishFailed();
      return false;
    }
    const { floorSequence } = this.versions.published();
    for (const { chunk, leaves } of this.#unpublished.splice(0)) {
      this.leaves = leaves;
      this.memtable.flushed(chunk);
      this.memtable.retire(chunk);
      this.memtable.recycle(chunk);
    }
    const names = this.versions.takeRemovable();
    const removed = runJob(this.disk, checksum, { kind: 'remove', names });
    if (!removed.ok) this.versions.removeFailed(names);
    return this.log.release(floorSequence).ok;
  }

  /** Undefined: not found. Throws DamagedRead where a block is not what was written. */
  get(key: number): number | undefined {
    const { memtable } = this;
    const words = Int32Array.of(key, 0);
    const found = memtable.lookup(1, words, 0, 6, hashOf(memtable, key));
    if (found !== -1) return memtable.pool.words[memtable.chunk]![found + RECORD_WORDS - 1]!;
    for (const reader of this.tables) {
      const value = getFromTable(this.disk, reader, key);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

export function getFromTable(disk: Disk, reader: TableReader, key: number): number | undefined {
  const tokenHigh = Math.imul(key, 0x9e3779b1);
  const tokenLow = Math.imul(key, 0x85ebca6b);
  if (!reader.mayContain(1, tokenHigh, tokenLow)) return undefined;
  const keyWords = Int32Array.of(key, 0);
  for (let block = reader.locate(1, tokenHigh, tokenLow); block !== -1; block += 1) {
    const { words, from, to } = openBlockOf(disk, reader, block);
    const at = reader.searchWords(words, from, to, block, 1, tokenHigh, tokenLow, keyWords, 0, 6);
    if (at === NEXT_BLOCK) continue;
    return at < 0 ? undefined : words[at + RECORD_WORDS - 1]!;
  }
  return undefined;
}

/** Throws DamagedRead where the block is not what was written. */
export function openBlockOf(disk: Disk, reader: TableReader, block: number): BlockScratch {
  const scratch = new BlockScratch();
  const words = readBlocks(disk, reader.blockRead(block));
  if (reader.openBlock(words, 0, block, scratch)) return scratch;
  throw new DamagedRead(`${reader.name} ${block}`);
}

export function readBlocks(
  disk: Disk,
  read: { readonly file: string; readonly offset: number; readonly byteCount: number },
): Int32Array {
  const file = disk.open(read.file, 'read');
  if (!file.ok) throw new Error(file.detail);
  const words = new Int32Array(read.byteCount / 4);
  const result = readWhole(disk, file.value, new Uint8Array(words.buffer), read.offset);
  disk.close(file.value);
  if (!result.ok) throw new Error(result.detail);
  return words;
}

function newMemtable(): Memtable {
  return new Memtable({
    chunkBytes: 4096,
    chunksMax: 8,
    cacheChunksMax: 1,
    frozenMax: 7,
    partitionCountLog2: 4,
    indexSlots: 64,
    secretLow: 5,
    secretHigh: 6,
    firstSequence: 1,
    allocate: (byteCount) => new SharedArrayBuffer(byteCount),
  });
}

function hashOf(memtable: Memtable, key: number): number {
  return memtable.hash(1, Int32Array.of(key, 0), 0, 6);
}

export function mustOpen(disk: Disk): TestStore {
  const store = TestStore.open(disk);
  if (store instanceof TestStore) return store;
  throw new Error(`the store does not open: ${JSON.stringify(store)}`);
}

/** Another disk with the same files. */
export function copyOf(disk: SimulatedDisk): SimulatedDisk {
  const copy = new SimulatedDisk({ prng: new Prng('copy') });
  const names = disk.list();
  for (const name of names.ok ? names.value : []) {
    const file = copy.open(name, 'create');
    if (!file.ok) throw new Error(file.detail);
    copy.write(file.value, [disk.contents(name)], 0);
    copy.datasync(file.value);
    copy.close(file.value);
  }
  copy.syncDirectory();
  return copy;
}
