/**
 * One shard's store put together as a replica does it, in one thread and without a cluster: memtable,
 * log, flush, manifest. Keys and values are numbers; what was acknowledged is kept beside it.
 */
import * as zlib from 'node:zlib';
import { Prng } from '@clockwise/kernel/prng';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { BLOCK_CODEC, BlockScratch } from '@clockwise/storage/block-codec';
import type { Disk } from '@clockwise/storage/disk';
import { flushChunk } from '@clockwise/storage/flush-job';
import { CommitLogWriter, type LogRange } from '@clockwise/storage/log-writer';
import type { Manifest } from '@clockwise/storage/manifest';
import { Memtable } from '@clockwise/storage/memtable';
import { type OpenedStore, openStore, type OpenOutcome } from '@clockwise/storage/open-store';
import { publishFlush } from '@clockwise/storage/publish-flush';
import { NEXT_BLOCK, openTable, type TableReader } from '@clockwise/storage/sstable-reader';
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

export class DamagedRead extends Error {
  override readonly name = 'DamagedRead';
}

export class TestStore {
  readonly disk: Disk;
  readonly memtable: Memtable;
  readonly log: CommitLogWriter;
  readonly opened: OpenedStore;
  manifest: Manifest;
  tables: TableReader[];
  leaves: Int32Array;
  #edition: number;
  #nextFileNumber: number;

  private constructor(disk: Disk, opened: OpenedStore, memtable: Memtable) {
    this.disk = disk;
    this.opened = opened;
    this.memtable = memtable;
    this.manifest = opened.manifest;
    this.tables = [...opened.tables];
    this.leaves = opened.leaves?.leaves.slice() ?? new Int32Array(LEAF_COUNT * 2);
    this.#edition = opened.manifest.edition;
    this.#nextFileNumber = opened.manifest.nextFileNumber;
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

  /** Flushes what is frozen, publishes it, releases the log, gives up the memory. */
  flush(): boolean {
    this.memtable.freeze();
    for (
      let next = this.memtable.beginFlush();
      next !== undefined;
      next = this.memtable.beginFlush()
    ) {
      const fileNumber = this.#nextFileNumber;
      this.#nextFileNumber += 2;
      const flushed = flushChunk(this.disk, checksum, {
        ...next,
        words: new Int32Array(next.buffer),
        fileNumber,
        ...STORE_ID,
        blockBytes: 512,
        codec: BLOCK_CODEC.none,
        bloomBitsPerKey: 10,
        rangeDrops: [],
        leaves: { fileNumber: fileNumber + 1, words: this.leaves },
      });
      if (!flushed.ok || !this.#publish(flushed.value.table!, fileNumber + 1)) {
        this.memtable.flushFailed(next.chunk);
        return false;
      }
      this.leaves = flushed.value.leaves!;
      this.memtable.flushed(next.chunk);
      if (!this.log.release(this.manifest.floorSequence).ok) return false;
      this.memtable.retire(next.chunk);
      this.memtable.recycle(next.chunk);
    }
    return true;
  }

  #publish(table: TableReader['table'], leavesFileNumber: number): boolean {
    this.#edition += 1;
    const published = publishFlush(this.disk, checksum, this.manifest, {
      table,
      leavesFileNumber,
      nextFileNumber: this.#nextFileNumber,
      edition: this.#edition,
    });
    if (!published.ok) return false;
    this.manifest = published.value;
    const opening = openTable(this.disk, table, checksum);
    if (opening.kind !== 'open') return false;
    this.tables.push(opening.reader);
    return true;
  }

  /** Undefined: not found. Throws DamagedRead where a block is not what was written. */
  get(key: number): number | undefined {
    const { memtable } = this;
    const words = Int32Array.of(key, 0);
    const found = memtable.lookup(1, words, 0, 6, hashOf(memtable, key));
    if (found !== -1) return memtable.pool.words[memtable.chunk]![found + RECORD_WORDS - 1]!;
    for (const reader of this.tables.toReversed()) {
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
