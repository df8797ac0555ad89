/**
 * A shard's store as the simulator opens it: the real recovery on the simulated disk, memory that the
 * simulator can poison, and the log's sink.
 */
import { crc32 } from 'node:zlib';
import { assert } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import { LeafTable, leafTableWords } from '@clockwise/merkle/leaf-table';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import type { AppendedRange, LogSink } from '@clockwise/simulator/durable-lane';
import type { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { applyLeafChange } from '@clockwise/storage/flush-job';
import { CommitLogWriter, type LogStart } from '@clockwise/storage/log-writer';
import { Memtable } from '@clockwise/storage/memtable';
import { type OpenedStore, openStore } from '@clockwise/storage/open-store';

export function checksum(bytes: Uint8Array, seed: number): number {
  return crc32(bytes, seed);
}

export interface ShardStoreOptions {
  readonly disk: SimulatedDisk;
  readonly limits: Limits;
  readonly shard: number;
  readonly shardCount: number;
  readonly storeId: number;
  readonly partitionBits: number;
  readonly prng: Prng;
}

export interface ShardStore {
  readonly memtable: Memtable;
  readonly leaves: LeafTable;
  readonly floorLeaves: Int32Array;
  readonly opened: OpenedStore;
}

export type ShardOpening =
  | { readonly ok: true; readonly store: ShardStore }
  | { readonly ok: false; readonly reason: string };

export function openShardStore(options: ShardStoreOptions): ShardOpening {
  const { disk, limits, shard, shardCount, storeId, partitionBits, prng } = options;
  const memtable = new Memtable({
    chunkBytes: limits.memtableChunkBytes,
    chunksMax: limits.memtableChunksMax,
    cacheChunksMax: 2,
    frozenMax: limits.memtableFrozenMax,
    partitionCountLog2: partitionBits,
    indexSlots: 64,
    secretLow: prng.word(),
    secretHigh: prng.word(),
    firstSequence: 1,
    allocate: (byteCount) => new SharedArrayBuffer(byteCount),
  });
  const changes: Int32Array[] = [];
  const outcome = openStore({
    disk,
    checksum,
    storeIdLow: storeId,
    storeIdHigh: 0,
    shardIndex: shard,
    shardCount,
    segmentBytesMax: limits.logSegmentBytes * 4,
    mustExist: false,
    replay: (words, prefix) => {
      const record = prefix + PREFIX_WORDS;
      const wordCount = words[record + HEADER.wordCount]!;
      changes.push(words.slice(prefix, record + wordCount));
      const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
      const key = record + HEADER_WORDS;
      const hash = memtable.hash(words[record + HEADER.bucketId]!, words, key, keyByteCount);
      return memtable.restore(words, prefix, hash);
    },
  });
  if (outcome.kind !== 'ready') return { ok: false, reason: JSON.stringify(outcome) };
  const { store: opened } = outcome;
  const floorLeaves = opened.leaves?.leaves ?? new Int32Array(leafTableWords(partitionBits));
  assert(
    opened.leaves !== undefined || opened.manifest.leavesFileNumber === 0,
    'the simulated disk damages no leaves yet',
  );
  const leaves = new LeafTable(partitionBits, floorLeaves.slice());
  for (const change of changes) applyLeafChange(leaves.words, change, 0);
  return { ok: true, store: { memtable, leaves, floorLeaves, opened } };
}

/** The log's files on the simulated disk, fed with ranges of the shard's chunks. */
export class SimulatedLogSink implements LogSink {
  readonly #writer: CommitLogWriter;
  readonly #memtable: Memtable;

  constructor(disk: SimulatedDisk, limits: Limits, start: LogStart, memtable: Memtable) {
    this.#memtable = memtable;
    this.#writer = new CommitLogWriter({
      disk,
      checksum,
      start,
      segmentBytes: limits.logSegmentBytes,
      groupBytesMax: limits.logGroupBytesMax,
      sparesMax: 2,
    });
    const opened = this.#writer.open();
    assert(opened.ok, 'the first segment of the log was made by the opening');
  }

  write(ranges: readonly AppendedRange[], lastSequence: number): ReturnType<LogSink['write']> {
    const parts = ranges.map(({ chunk, fromWord, toWord }) => ({
      buffer: this.#memtable.pool.buffers[chunk]!,
      fromWord,
      toWord,
    }));
    const written = this.#writer.write(parts, this.#writer.writtenSequence + 1, lastSequence);
    return written.ok ? undefined : written.code;
  }

  sync(): ReturnType<LogSink['sync']> {
    const synced = this.#writer.sync();
    return synced.ok ? undefined : synced.code;
  }

  floor(sequence: number): ReturnType<LogSink['floor']> {
    const released = this.#writer.release(sequence);
    return released.ok ? undefined : released.code;
  }
}

const POISON = 0x5a5a5a5a;

/** Fills chunks that were given back since the last look: whoever still reads them shows. */
export class ChunkPoison {
  readonly #memtable: Memtable;
  readonly #states: Int32Array;
  poisonedCount = 0;

  constructor(memtable: Memtable) {
    this.#memtable = memtable;
    this.#states = memtable.pool.states.slice();
  }

  look(): void {
    const { states, words } = this.#memtable.pool;
    for (let chunk = 0; chunk < states.length; chunk += 1) {
      if (states[chunk] === CHUNK_STATE.free && this.#states[chunk] !== CHUNK_STATE.free) {
        words[chunk]!.fill(POISON);
        this.poisonedCount += 1;
      }
      this.#states[chunk] = states[chunk]!;
    }
  }
}
