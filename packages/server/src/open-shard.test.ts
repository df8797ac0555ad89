import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { encodeRecord } from '@clockwise/record/build';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { leafHash } from '@clockwise/record/leaf-hash';
import type { ReplicaOptions } from '@clockwise/replica/replica-context';
import { CommitLogSink } from '@clockwise/runtime/disk/commit-log-sink';
import { LogRanges } from '@clockwise/runtime/disk/group-commit';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { type JobInput, type JobOutput, runJob } from '@clockwise/storage/jobs';
import type { LogStart } from '@clockwise/storage/log-writer';
import { ownerOfAll } from '@clockwise/replica/held-partitions';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openShard } from './open-shard.ts';

const limits: Limits = {
  ...DEFAULT_LIMITS,
  memtableChunkBytes: 64 * 1024,
  memtableChunksMax: 8,
  logSegmentBytes: 64 * 1024,
};
const PARTITION_BITS = 4;
const STORE_ID = { low: 1, high: 2 };

interface Shard {
  readonly options: ReplicaOptions;
  readonly logStart: LogStart;
  readonly chunks: readonly SharedArrayBuffer[];
}

const openSuite = suite<{ folder: string }>('open shard');
openSuite.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-shard-'));
});
openSuite.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function open(folder: string, incarnationLow: number, shardCount = 1): Shard | string {
  const chunks = Array.from(
    { length: limits.memtableChunksMax },
    () => new SharedArrayBuffer(limits.memtableChunkBytes),
  );
  const opened = openShard({
    shard: 0,
    shardCount,
    coordinatorCount: 1,
    partitionBits: PARTITION_BITS,
    owned: ownerOfAll(PARTITION_BITS, [1]),
    limits,
    disk: new NodeDisk(folder),
    checksum: crc32,
    codecs: NODE_BLOCK_CODECS,
    storeId: STORE_ID,
    mustExist: false,
    incarnation: { low: incarnationLow, high: 0 },
    openedSeconds: 0,
    secret: { low: 3, high: 4 },
    chunks,
  });
  return opened.ok ? { options: opened.options, logStart: opened.logStart, chunks } : opened.reason;
}

function mustOpen(folder: string, incarnationLow: number): Shard {
  const shard = open(folder, incarnationLow);
  if (typeof shard === 'string') throw new Error(shard);
  return shard;
}

function makeRecord(index: number): Int32Array {
  const dot = { incarnation: 7n, counter: BigInt(index + 1) };
  return encodeRecord({
    bucketId: 1,
    token: (BigInt(index) * 0x9e37_79b9_7f4a_7c15n) & 0xffff_ffff_ffff_ffffn,
    key: new TextEncoder().encode(`key-${index}`),
    replicationClass: 0,
    context: [dot],
    siblings: [
      {
        dot,
        operation: { session: 1n, sequence: index + 1 },
        tombstone: false,
        codec: 0,
        expirySeconds: 0,
        hybrid: 0n,
        value: new Uint8Array(100),
      },
    ],
    recents: [],
  });
}

/** Writes records [from, to) as a replica would: memory, leaves, log. */
function write(folder: string, shard: Shard, from: number, to: number): void {
  const { memtable, leaves } = shard.options;
  const hash = new Int32Array(2);
  const ranges = new LogRanges();
  for (let index = from; index < to; index += 1) {
    const record = makeRecord(index);
    const offset = memtable.reserve(record.length);
    memtable.words.set(record, offset);
    leafHash(record, 0, hash);
    const keyBytes = record[HEADER.keyAndContext]! & 0xffff;
    const keyHash = memtable.hash(1, record, HEADER_WORDS, keyBytes);
    memtable.commit(offset, keyHash, 0, 0, hash[0]!, hash[1]!);
    leaves.replace(record[HEADER.tokenHigh]!, 0, 0, hash[0]!, hash[1]!);
  }
  for (let index = 0; index < memtable.appendCount; index += 1) {
    const [chunk, start] = [memtable.appendChunks[index]!, memtable.appendFroms[index]!];
    ranges.push(chunk, start, memtable.appendTos[index]!);
  }
  memtable.clearAppends();
  const { logStart: start, chunks } = shard;
  const sink = new CommitLogSink({ directory: folder, checksum: crc32, start, limits, chunks });
  assert.is(sink.write(ranges, memtable.nextSequence - 1), undefined);
  assert.is(sink.close(), undefined);
}

/** Flushes all that is in memory, as flush control would. */
function flush(folder: string, shard: Shard): void {
  const { memtable, manifest, floorLeaves } = shard.options;
  const run = (input: JobInput): JobOutput => {
    const result = runJob(new NodeDisk(folder), crc32, input);
    if (!result.ok) throw new Error(result.detail);
    return result.value;
  };
  memtable.freeze();
  const chunk = memtable.beginFlush()!;
  const { nextFileNumber: fileNumber } = manifest;
  const output = run({
    kind: 'flush',
    input: {
      ...chunk,
      words: new Int32Array(chunk.buffer),
      fileNumber,
      storeIdLow: STORE_ID.low,
      storeIdHigh: STORE_ID.high,
      blockBytes: limits.tableBlockBytes,
      codec: limits.tableCodec,
      bloomBitsPerKey: limits.bloomBitsPerKey,
      rangeDrops: [],
      leaves: { fileNumber: fileNumber + 1, words: floorLeaves },
    },
  });
  if (output.kind !== 'flush') throw new Error('a flush has a table');
  run({
    kind: 'manifest',
    previousEdition: manifest.edition,
    manifest: {
      ...manifest,
      edition: manifest.edition + 1,
      nextFileNumber: fileNumber + 2,
      floorSequence: chunk.lastSequence,
      leavesFileNumber: fileNumber + 1,
      tables: [...manifest.tables, output.parts!.footer.table],
    },
  });
}

openSuite('[OP1] leaves are those of the tables and of the replayed log together', ({ folder }) => {
  const first = mustOpen(folder, 1);
  write(folder, first, 0, 60);
  const second = mustOpen(folder, 2);
  assert.equal(second.options.leaves.words, first.options.leaves.words);
  assert.is(second.options.memtable.nextSequence, 61);
  flush(folder, second);
  const third = mustOpen(folder, 3);
  assert.is(third.options.tables.length, 1);
  assert.equal(third.options.leaves.words, first.options.leaves.words);
  write(folder, third, 60, 120);
  const fourth = mustOpen(folder, 4);
  assert.is(fourth.options.memtable.nextSequence, 121);
  assert.equal(fourth.options.leaves.words, third.options.leaves.words);
  assert.not.equal(fourth.options.leaves.words, first.options.leaves.words);
  assert.equal(fourth.options.floorLeaves, first.options.leaves.words);
});

openSuite('a folder that belongs to another number of shards is refused', ({ folder }) => {
  mustOpen(folder, 1);
  const refused = open(folder, 2, 3);
  assert.match(typeof refused === 'string' ? refused : 'open', 'another store or shard');
});

openSuite.run();
