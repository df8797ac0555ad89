/**
 * Takes a range of tokens out of a shard's memory: no lookup and no scan finds what it held. The words
 * stay where they are, so what was handed out stays readable. data plane
 *
 * Invariants:
 *   MD1 what is newer than the drop stays, and every key outside of the range
 *   MD2 a key whose newest version is dropped has none: no older one comes back
 */
import { HEADER, HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { CHUNK_HEADER_WORDS, CHUNK_KIND, CHUNK_STATE, type ChunkPool } from './chunk.ts';
import type { KeyIndex } from './key-index.ts';
import { isRecordInRange, type TokenRange } from './token-range.ts';

/** The memtable, as far as a drop needs it. */
export interface DroppableMemory {
  readonly pool: ChunkPool;
  readonly index: KeyIndex;
  /** Where the last `peek` found a record. */
  readonly chunk: number;
  hash(bucketId: number, keyWords: Int32Array, keyOffset: number, keyByteCount: number): number;
  /** The offset of a key's newest record in `chunk`, or -1. */
  peek(
    bucketId: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): number;
}

/** Returns the number of keys whose newest version was dropped. */
export function dropFromMemory(
  memtable: DroppableMemory,
  partitionCountLog2: number,
  range: TokenRange,
  lastSequence: number,
): number {
  const { pool } = memtable;
  const first = (range.fromHigh >>> 1) >>> (31 - partitionCountLog2);
  const last = (range.toHigh >>> 1) >>> (31 - partitionCountLog2);
  let count = 0;
  for (let chunk = 0; chunk < pool.words.length; chunk += 1) {
    const state = pool.states[chunk]!;
    if (state === CHUNK_STATE.free || state === CHUNK_STATE.retired) continue;
    if (pool.kinds[chunk] === CHUNK_KIND.cache) {
      count += dropCopies(memtable, chunk, range);
      continue;
    }
    for (let partition = first; partition <= last; partition += 1) {
      count += dropChain(memtable, chunk, partition, range, lastSequence);
    }
  }
  return count;
}

/** Clean copies stand one behind the other, in no chain; tables say whether they count. */
function dropCopies(memtable: DroppableMemory, chunk: number, range: TokenRange): number {
  const words = memtable.pool.words[chunk]!;
  const end = memtable.pool.used[chunk]!;
  let count = 0;
  for (let prefix = CHUNK_HEADER_WORDS; prefix < end;) {
    const record = prefix + PREFIX_WORDS;
    if (isRecordInRange(words, record, range) && dropRecord(memtable, chunk, words, record)) {
      count += 1;
    }
    prefix = record + words[record + HEADER.wordCount]!;
  }
  return count;
}

function dropChain(
  memtable: DroppableMemory,
  chunk: number,
  partition: number,
  range: TokenRange,
  lastSequence: number,
): number {
  const words = memtable.pool.words[chunk]!;
  let count = 0;
  let prefix = memtable.pool.heads[chunk]![partition]!;
  while (prefix !== 0) {
    const record = prefix + PREFIX_WORDS;
    const sequence =
      (words[prefix + PREFIX.sequenceLow]! >>> 0) +
      words[prefix + PREFIX.sequenceHigh]! * 0x1_0000_0000;
    // [MD1]
    const isDropped = sequence <= lastSequence && isRecordInRange(words, record, range);
    if (isDropped && dropRecord(memtable, chunk, words, record)) count += 1;
    prefix = words[prefix + PREFIX.previousInPartition]!;
  }
  return count;
}

/** [MD2] Only the record that the index names has a key to take out. */
function dropRecord(
  memtable: DroppableMemory,
  chunk: number,
  words: Int32Array,
  record: number,
): boolean {
  const bucketId = words[record + HEADER.bucketId]!;
  const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
  const key = record + HEADER_WORDS;
  const hash = memtable.hash(bucketId, words, key, keyByteCount);
  const found = memtable.peek(bucketId, words, key, keyByteCount, hash);
  if (found !== record || memtable.chunk !== chunk) return false;
  memtable.index.removeFound();
  return true;
}
