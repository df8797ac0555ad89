/**
 * Opens the store of one shard and makes what its replica's core is constructed from: records of the
 * log in memory, tables open for reads, hash-tree leaves as of the last record.
 *
 * Invariants:
 *   OP1 the leaves are those of the floor, with every replayed record's change applied
 */
import type { OwnedPartitions } from '@clockwise/replica/held-partitions';
import type { Incarnation, ReplicaOptions } from '@clockwise/replica/replica-context';
import { unreachable } from '@clockwise/kernel/assert';
import type { Limits } from '@clockwise/kernel/limits';
import { LeafTable, leafTableWords } from '@clockwise/merkle/leaf-table';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import type { BlockCodecs } from '@clockwise/storage/block-codec';
import type { Checksum } from '@clockwise/storage/checksum';
import { NO_COMBINES } from '@clockwise/storage/compaction/merge-job';
import type { Disk } from '@clockwise/storage/disk';
import { applyLeafChange } from '@clockwise/storage/flush-job';
import { heldSnapshots } from '@clockwise/storage/held-snapshot';
import { SEGMENT_BYTES_MAX } from '@clockwise/storage/log-format';
import type { LogStart } from '@clockwise/storage/log-writer';
import { Memtable } from '@clockwise/storage/memtable';
import { openStore, type OpenOutcome, type OpenedStore } from '@clockwise/storage/open-store';

export interface OpenShardOptions {
  readonly shard: number;
  readonly shardCount: number;
  readonly coordinatorCount: number;
  readonly partitionBits: number;
  readonly owned: OwnedPartitions;
  readonly limits: Limits;
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  readonly storeId: Incarnation;
  readonly mustExist: boolean;
  /** Random, new for each opening: dots of two openings never meet. */
  readonly incarnation: Incarnation;
  /** By the wall clock: it dates the incarnation. */
  readonly openedSeconds: number;
  /** Random: keys of the index in memory. */
  readonly secret: Incarnation;
  /** The shard's memory, allocated by whoever shares it. */
  readonly chunks: readonly SharedArrayBuffer[];
}

export type OpenedShard =
  | { readonly ok: true; readonly options: ReplicaOptions; readonly logStart: LogStart }
  | { readonly ok: false; readonly reason: string };

const INDEX_SLOTS_MIN = 64 * 1024;
/** Slots are there for records of this size from the start: growing rebuilds the index in one go. */
const RECORD_BYTES_EXPECTED = 512;

export function openShard(options: OpenShardOptions): OpenedShard {
  const { shard, limits, disk, checksum, codecs, partitionBits, chunks } = options;
  const memtable = makeMemtable(options);
  const leafWords = new Int32Array(leafTableWords(partitionBits));
  const segmentBytesMax = SEGMENT_BYTES_MAX;
  const opened = openStore({
    disk,
    checksum,
    codecs,
    storeIdLow: options.storeId.low,
    storeIdHigh: options.storeId.high,
    shardIndex: shard,
    shardCount: options.shardCount,
    segmentBytesMax,
    mustExist: options.mustExist,
    replay: (words, prefix) => {
      if (!restore(memtable, words, prefix)) return false;
      applyLeafChange(leafWords, words, prefix);
      return true;
    },
  });
  if (opened.kind !== 'ready') return { ok: false, reason: reasonOf(opened, chunks.length) };
  const names = disk.list();
  if (!names.ok) return { ok: false, reason: `the folder cannot be listed: ${names.code}` };
  const { store } = opened;
  memtable.beginAt(store.nextSequence);
  const floorLeaves = floorLeavesOf(store, leafWords.length);
  if (floorLeaves === undefined) {
    return { ok: false, reason: 'the snapshot of hash-tree leaves is missing or damaged' };
  }
  addLeaves(leafWords, floorLeaves);
  return {
    ok: true,
    logStart: store.log,
    options: {
      shard,
      limits,
      incarnation: options.incarnation,
      openedSeconds: options.openedSeconds,
      coordinatorCount: options.coordinatorCount,
      partitionBits,
      checksum,
      codecs,
      combine: NO_COMBINES['none']!,
      memtable,
      leaves: new LeafTable(partitionBits, leafWords),
      owned: options.owned,
      floorLeaves,
      tables: store.tables,
      manifest: store.manifest,
      highestEdition: store.manifest.edition,
      snapshots: { held: heldSnapshots(disk, names.value, checksum), segmentBytesMax },
    },
  };
}

function makeMemtable({ limits, partitionBits, secret, chunks }: OpenShardOptions): Memtable {
  let taken = 0;
  return new Memtable({
    chunkBytes: limits.memtableChunkBytes,
    chunksMax: chunks.length,
    cacheChunksMax: Math.max(2, chunks.length >> 2),
    frozenMax: limits.memtableFrozenMax,
    partitionCountLog2: partitionBits,
    indexSlots: indexSlotsFor(chunks.length * limits.memtableChunkBytes),
    secretLow: secret.low,
    secretHigh: secret.high,
    firstSequence: 1,
    // Chunks are asked for in the order of their numbers.
    allocate: () => {
      taken += 1;
      return chunks[taken - 1]!;
    },
  });
}

/** A power of two. */
function indexSlotsFor(memoryBytes: number): number {
  const records = memoryBytes / RECORD_BYTES_EXPECTED;
  return Math.max(INDEX_SLOTS_MIN, 2 ** Math.ceil(Math.log2(records)));
}

function restore(memtable: Memtable, words: Int32Array, prefix: number): boolean {
  const record = prefix + PREFIX_WORDS;
  const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
  const bucketId = words[record + HEADER.bucketId]!;
  const hash = memtable.hash(bucketId, words, record + HEADER_WORDS, keyByteCount);
  return memtable.restore(words, prefix, hash);
}

/** Undefined: there are tables, and nothing says what their leaves are. */
function floorLeavesOf(store: OpenedStore, wordCount: number): Int32Array | undefined {
  if (store.leaves !== undefined) {
    return store.leaves.leaves.length === wordCount ? store.leaves.leaves : undefined;
  }
  return store.tables.length === 0 ? new Int32Array(wordCount) : undefined;
}

/** [OP1] Adds 64-bit sums, two words each. */
function addLeaves(leaves: Int32Array, added: Int32Array): void {
  for (let at = 0; at < leaves.length; at += 2) {
    const low = (leaves[at]! >>> 0) + (added[at]! >>> 0);
    leaves[at] = low | 0;
    leaves[at + 1] = (leaves[at + 1]! + added[at + 1]! + (low > 0xffff_ffff ? 1 : 0)) | 0;
  }
}

function reasonOf(
  outcome: Exclude<OpenOutcome, { readonly kind: 'ready' }>,
  chunkCount: number,
): string {
  switch (outcome.kind) {
    case 'needs-repair':
      return `the store is damaged: ${outcome.reasons.join('; ')}`;
    case 'foreign':
      return outcome.reason;
    case 'no-room':
      return `the log does not fit in ${chunkCount} chunks of memory; raise memtableChunksMax`;
    case 'failed':
      return `${outcome.name}: ${outcome.error.code}, ${outcome.error.detail}`;
    default:
      return unreachable(outcome);
  }
}
