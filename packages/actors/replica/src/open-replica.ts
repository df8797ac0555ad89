/**
 * A replica's store on a disk in memory, opened as a node opens it, with limits so small that chunks,
 * blocks and segments end after a few records. For tests; nothing in a running node imports it.
 */
import { assert } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { LeafTable, leafTableWords } from '@clockwise/merkle/leaf-table';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { PURE_CODECS } from '@clockwise/storage/block-codec';
import type { Checksum } from '@clockwise/storage/checksum';
import { NO_COMBINES } from '@clockwise/storage/compaction/merge-job';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { applyLeafChange } from '@clockwise/storage/flush-job';
import { heldSnapshots } from '@clockwise/storage/held-snapshot';
import { CommitLogWriter } from '@clockwise/storage/log-writer';
import { Memtable } from '@clockwise/storage/memtable';
import { openStore } from '@clockwise/storage/open-store';
import { ownerOfAll, type OwnedPartitions } from './held-partitions.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { ReplicaOptions } from './replica-context.ts';

export const PARTITION_BITS = 2;
export const COORDINATORS = 2;
export const SMALL_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  siblingsMax: 4,
  parkedOperationsMax: 8,
  memtableChunkBytes: 8 * 1024,
  memtableChunksMax: 7,
  memtableFrozenMax: 2,
  logSegmentBytes: 8 * 1024,
  logGroupBytesMax: 4 * 1024,
  tableBlockBytes: 512,
  // Whoever wants merges, or writes that are slowed by runs, says so.
  runsMin: 1000,
  runsSlow: 2000,
  runsMax: 4000,
  blockCacheBytes: 0,
  // No job at the beginning of each test; disk-space.test.ts has one.
  diskReserveBytes: 0,
};

/** Not CRC-32, but it tells changed bytes as well, and goes on from a result as that does. */
export const checksum: Checksum = (bytes, seed) => {
  let hash = seed | 0;
  for (const byte of bytes) hash = (Math.imul(hash ^ byte, 0x01000193) + 0x9e3779b9) | 0;
  return hash >>> 0;
};

/** Opens the store as the server does. */
export function openReplica(
  disk: MemoryDisk,
  incarnation: number,
  limits: Limits,
  combine: Combine = NO_COMBINES['none']!,
  owned: OwnedPartitions = ownerOfAll(PARTITION_BITS, [1, 2, 3]),
): { readonly options: ReplicaOptions; readonly log: CommitLogWriter } {
  const memtable = makeMemtable(limits);
  const leafWords = new Int32Array(leafTableWords(PARTITION_BITS));
  const changes: Int32Array[] = [];
  const outcome = openStore({
    disk,
    checksum,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    segmentBytesMax: 1024 * 1024,
    mustExist: false,
    replay: (words, prefix) => {
      const record = prefix + PREFIX_WORDS;
      changes.push(words.slice(prefix, record + words[record + HEADER.wordCount]!));
      const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
      const bucketId = words[record + HEADER.bucketId]!;
      const hash = memtable.hash(bucketId, words, record + HEADER_WORDS, keyByteCount);
      return memtable.restore(words, prefix, hash);
    },
  });
  assert(outcome.kind === 'ready', `the store opens: ${JSON.stringify(outcome)}`);
  const { store } = outcome;
  memtable.beginAt(store.nextSequence);
  if (store.leaves !== undefined) leafWords.set(store.leaves.leaves);
  const floorLeaves = leafWords.slice();
  for (const change of changes) applyLeafChange(leafWords, change, 0);
  const log = new CommitLogWriter({
    disk,
    checksum,
    start: store.log,
    segmentBytes: limits.logSegmentBytes,
    groupBytesMax: limits.logGroupBytesMax,
    sparesMax: 2,
  });
  assert(log.open().ok, 'the first segment of the log was made by the opening');
  const options: ReplicaOptions = {
    shard: 0,
    limits,
    incarnation: { low: incarnation, high: 0 },
    openedSeconds: 0,
    coordinatorCount: COORDINATORS,
    partitionBits: PARTITION_BITS,
    checksum,
    codecs: PURE_CODECS,
    combine,
    memtable,
    leaves: new LeafTable(PARTITION_BITS, leafWords),
    owned,
    floorLeaves,
    tables: store.tables,
    manifest: store.manifest,
    highestEdition: store.manifest.edition,
    snapshots: {
      held: heldSnapshots(disk, disk.names(), checksum),
      segmentBytesMax: 1024 * 1024,
    },
  };
  return { options, log };
}

function makeMemtable(limits: Limits): Memtable {
  return new Memtable({
    chunkBytes: limits.memtableChunkBytes,
    chunksMax: limits.memtableChunksMax,
    cacheChunksMax: Math.max(2, limits.memtableChunksMax >> 2),
    frozenMax: limits.memtableFrozenMax,
    partitionCountLog2: PARTITION_BITS,
    indexSlots: 64,
    secretLow: 3,
    secretHigh: 4,
    firstSequence: 1,
    // One thread: nothing is shared.
    allocate: (byteCount) => new ArrayBuffer(byteCount) as never,
  });
}
