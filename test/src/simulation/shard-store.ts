/**
 * A shard's store as the simulator opens it: the real recovery on the simulated disk, memory that the
 * simulator can poison, and the log's sink.
 */
import type { Word64 } from '@clockwise/protocol/control-messages';
import { crc32 } from 'node:zlib';
import type { Limits } from '@clockwise/kernel/limits';
import type { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { ownerOfAll, type OwnedPartitions } from '@clockwise/replica/held-partitions';
import { openShard, type OpenedShard } from '@clockwise/server/open-shard';
import type { AppendedRange, LogSink } from '@clockwise/simulator/durable-lane';
import type { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { CommitLogWriter, type LogStart } from '@clockwise/storage/log-writer';
import type { Memtable } from '@clockwise/storage/memtable';

export function checksum(bytes: Uint8Array, seed: number): number {
  return crc32(bytes, seed);
}

export interface ShardStoreOptions {
  readonly disk: SimulatedDisk;
  readonly limits: Limits;
  readonly shard: number;
  readonly shardCount: number;
  readonly storeId: Word64;
  readonly partitionBits: number;
  /** Left out: all of them. */
  readonly owned?: OwnedPartitions;
  /** All shards of this disk's node have been open before: an empty folder is damage (F16). */
  readonly mustExist?: boolean;
  /** By the wall clock of who opens it. */
  readonly openedSeconds?: number;
  /** Of this opening alone: incarnation and secret are drawn from it. */
  readonly prng: Prng;
}

export type OpenedSimulatedShard =
  | (Extract<OpenedShard, { readonly ok: true }> & { readonly sink: SimulatedLogSink })
  | { readonly ok: false; readonly reason: string };

/** The server's own way to open a shard, with memory of the simulator's, and then its log. */
export function openSimulatedShard(options: ShardStoreOptions): OpenedSimulatedShard {
  const { disk, limits, shard, shardCount, storeId, partitionBits, prng } = options;
  const opened = openShard({
    shard,
    shardCount,
    coordinatorCount: 1,
    partitionBits,
    owned: options.owned ?? ownerOfAll(partitionBits, [1, 2, 3]),
    limits,
    disk,
    checksum,
    codecs: NODE_BLOCK_CODECS,
    storeId,
    mustExist: options.mustExist ?? false,
    incarnation: { low: prng.word(), high: prng.word() },
    openedSeconds: options.openedSeconds ?? 0,
    secret: { low: prng.word(), high: prng.word() },
    chunks: Array.from(
      { length: limits.memtableChunksMax },
      () => new SharedArrayBuffer(limits.memtableChunkBytes),
    ),
  });
  if (!opened.ok) return opened;
  const sink = new SimulatedLogSink(disk, limits, opened.logStart, opened.options.memtable);
  const reason = sink.open();
  return reason === undefined ? { ...opened, sink } : { ok: false, reason };
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
  }

  /** Why it does not open; undefined where it does. */
  open(): string | undefined {
    const opened = this.#writer.open();
    return opened.ok ? undefined : `the log does not open: ${opened.code}, ${opened.detail}`;
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

  reserveUsed(): number {
    return this.#writer.reserveUsed;
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
