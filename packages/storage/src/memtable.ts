/**
 * A shard's records in memory: what was written and not flushed yet, what was flushed and is still
 * here, and clean copies of what reads brought from tables. One owner (the replica's core) writes;
 * coordinators, the log writer and flush jobs read what is appended, by (chunk, offset).
 *
 * data plane
 *
 * The way of a write: `lookup` the old version, `reserve` room, write the new record there, `commit`.
 * At the end of a step the owner takes the append ranges and clears them.
 *
 * Invariants:
 *   MT1 `lookup` finds the newest version committed or restored, as long as its chunk is not retired
 *   MT2 sequences are given in order of commit, without a gap
 *   MT3 a chunk's records link to the one before them in their partition, in the same chunk
 *   MT4 a clean copy never hides a version that is at least as new
 *   MT5 chunks are bounded: without a free one, or with too many frozen, `reserve` refuses
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable } from '@clockwise/kernel/probe';
import { copyWords } from '@clockwise/record/copy';
import { HEADER, HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import {
  type AllocateChunk,
  CHUNK_HEADER_WORDS,
  CHUNK_KIND,
  CHUNK_STATE,
  ChunkPool,
  GENERATION_MASK,
} from './chunk.ts';
import { CleanCopies } from './clean-copies.ts';
import { KeyIndex } from './key-index.ts';
import { keyedHash } from './keyed-hash.ts';
import { dropFromMemory } from './memtable-drop.ts';
import type { TokenRange } from './token-range.ts';

export interface MemtableOptions {
  readonly chunkBytes: number;
  /** All chunks together, and how many of them may hold clean copies. */
  readonly chunksMax: number;
  readonly cacheChunksMax: number;
  /** Frozen and flushing chunks beyond which `reserve` refuses. */
  readonly frozenMax: number;
  readonly partitionCountLog2: number;
  /** Slots that the index begins with, a power of two. It grows by itself, in one go. */
  readonly indexSlots: number;
  /** Per process, from a source that nobody outside can guess. */
  readonly secretLow: number;
  readonly secretHigh: number;
  /** The sequence of the first commit, from 1. */
  readonly firstSequence: number;
  readonly allocate: AllocateChunk;
}

/** What a flush job, or a reader in another thread, needs of a chunk. */
export interface ChunkDescription {
  readonly chunk: number;
  readonly generation: number;
  readonly buffer: SharedArrayBuffer;
  readonly usedWords: number;
  readonly recordCount: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export class Memtable {
  readonly pool: ChunkPool;
  readonly index: KeyIndex;
  readonly copies: CleanCopies;
  /** Where the last `lookup` or `insertCached` found or put a record. */
  chunk = -1;
  offset = -1;
  /** The active chunk's number and words: where `reserve` gave room. Read anew after `reserve`. */
  activeChunk = -1;
  words: Int32Array = new Int32Array(0);
  /** The sequence that the next commit gets. */
  nextSequence: number;
  /** What was appended since `clearAppends`: word ranges [from, to) of chunks, in order. */
  appendCount = 0;
  readonly appendChunks: number[] = [];
  readonly appendFroms: number[] = [];
  readonly appendTos: number[] = [];
  /** Chunks retired and ranges dropped: a read from disk that began before the last must look again. */
  retiredCount = 0;
  /** Ranges dropped so far: what was read from tables before the last one may hold what it took away. */
  dropCount = 0;
  readonly #options: MemtableOptions;
  #sequenceLow = 0;
  #sequenceHigh = 0;

  constructor(options: MemtableOptions) {
    assert(options.firstSequence >= 1, 'sequences begin at 1');
    assert(options.partitionCountLog2 <= 16, 'at most 65,536 partitions');
    this.#options = options;
    this.pool = new ChunkPool({
      chunkBytes: options.chunkBytes,
      chunksMax: options.chunksMax,
      cacheChunksMax: options.cacheChunksMax,
      partitionCount: 1 << options.partitionCountLog2,
      allocate: options.allocate,
    });
    this.index = new KeyIndex(this.pool, options.indexSlots);
    this.copies = new CleanCopies(this.pool, options.chunkBytes, options.cacheChunksMax);
    this.nextSequence = options.firstSequence;
    this.#setSequence(options.firstSequence);
  }

  hash(bucketId: number, keyWords: Int32Array, keyOffset: number, keyByteCount: number): number {
    const { secretLow, secretHigh } = this.#options;
    return keyedHash(secretLow, secretHigh, bucketId, keyWords, keyOffset, keyByteCount);
  }

  /** The record's word offset in chunk `this.chunk`, or -1: not in memory. The key is asked for. */
  lookup(
    bucketId: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): number {
    const { index, pool } = this;
    if (!index.find(bucketId, keyWords, keyOffset, keyByteCount, hash)) return -1;
    const chunk = index.chunk;
    if (pool.states[chunk] === CHUNK_STATE.resident || pool.kinds[chunk] === CHUNK_KIND.cache) {
      index.countFound();
    }
    this.chunk = chunk;
    this.offset = index.offset;
    return this.offset;
  }

  /** As `lookup`, but nobody asks for the key: it is no reason to keep it. */
  peek(
    bucketId: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): number {
    if (!this.index.find(bucketId, keyWords, keyOffset, keyByteCount, hash)) return -1;
    this.chunk = this.index.chunk;
    this.offset = this.index.offset;
    return this.offset;
  }

  /**
   * Room for a record of at most `wordCount` words in `this.words`; returns the offset to write it
   * at, or -1: refuse as OVERLOADED. Nothing is taken until `commit`.
   */
  reserve(wordCount: number): number {
    const wanted = PREFIX_WORDS + wordCount;
    if (
      this.activeChunk === -1 ||
      this.pool.used[this.activeChunk]! + wanted > this.pool.chunkWords
    ) {
      if (!this.#rotate(wanted)) return -1;
    }
    return this.pool.used[this.activeChunk]! + PREFIX_WORDS;
  }

  /**
   * The key's version until now is at `previous` in `previousChunk`, if that is known; -1: it is looked for.
   * REQUIRES: a whole record stands where `reserve` last said; `hash` is its key's.
   */
  commit(
    record: number,
    hash: number,
    leafReplacedLow: number,
    leafReplacedHigh: number,
    leafInstalledLow: number,
    leafInstalledHigh: number,
    previousChunk = -1,
    previous = -1,
  ): void {
    const words = this.words;
    const prefix = record - PREFIX_WORDS;
    words[prefix + PREFIX.sequenceLow] = this.#sequenceLow;
    words[prefix + PREFIX.sequenceHigh] = this.#sequenceHigh;
    words[prefix + PREFIX.leafReplacedLow] = leafReplacedLow;
    words[prefix + PREFIX.leafReplacedHigh] = leafReplacedHigh;
    words[prefix + PREFIX.leafInstalledLow] = leafInstalledLow;
    words[prefix + PREFIX.leafInstalledHigh] = leafInstalledHigh;
    words[prefix + PREFIX.flags] = 0;
    const end = this.#append(record, hash, previousChunk, previous);
    this.#extendAppends(prefix, end);
  }

  /** The sequence of the next commit, once the log is replayed. REQUIRES: not below what was restored. */
  beginAt(sequence: number): void {
    assert(sequence >= this.nextSequence, 'MT2 sequences only grow');
    this.nextSequence = sequence;
    this.#setSequence(sequence);
  }

  /** Takes a record as the log held it, with its sequence and leaf hashes. False: no room. */
  restore(source: Int32Array, sourcePrefix: number, hash: number): boolean {
    const wordCount = source[sourcePrefix + PREFIX_WORDS + HEADER.wordCount]!;
    const record = this.reserve(wordCount);
    if (record === -1) return false;
    const prefix = record - PREFIX_WORDS;
    copyWords(source, sourcePrefix, this.words, prefix, PREFIX_WORDS + wordCount);
    const sequence =
      (this.words[prefix + PREFIX.sequenceLow]! >>> 0) +
      this.words[prefix + PREFIX.sequenceHigh]! * 0x1_0000_0000;
    this.beginAt(sequence);
    this.#append(record, hash, -1, -1);
    return true;
  }

  /**
   * Keeps a clean copy of what a table holds, unless memory holds the key. `chunk` and `offset` say
   * where the newest version is; the result is that offset, or -1: no room for clean copies.
   * REQUIRES: no chunk was retired since the tables were asked (`retiredCount`).
   */
  insertCached(source: Int32Array, sourceRecord: number, hash: number): number {
    const bucketId = source[sourceRecord + HEADER.bucketId]!;
    const keyByteCount = source[sourceRecord + HEADER.keyAndContext]! & 0xffff;
    const key = sourceRecord + HEADER_WORDS;
    if (this.peek(bucketId, source, key, keyByteCount, hash) !== -1) return this.offset;
    const { copies } = this;
    if (!copies.keepNew(source, sourceRecord, hash)) return -1;
    this.index.put(hash, copies.chunk, copies.offset);
    this.chunk = copies.chunk;
    this.offset = copies.offset;
    return this.offset;
  }

  /** The owner has handed the append ranges on. */
  clearAppends(): void {
    this.appendCount = 0;
  }

  /** Ends the active chunk, so that it can be flushed. False: it is empty, or none is free. */
  freeze(): boolean {
    if (this.activeChunk === -1 || this.pool.recordCounts[this.activeChunk] === 0) return false;
    return this.#rotate(0);
  }

  /** The frozen chunk to flush next, now `flushing`; undefined: none. Flush in this order. */
  beginFlush(): ChunkDescription | undefined {
    const chunk = this.pool.oldest(CHUNK_STATE.frozen);
    if (chunk === -1) return undefined;
    this.pool.move(chunk, CHUNK_STATE.frozen, CHUNK_STATE.flushing);
    return this.describe(chunk);
  }

  flushFailed(chunk: number): void {
    this.pool.move(chunk, CHUNK_STATE.flushing, CHUNK_STATE.frozen);
  }

  /** The chunk's table is durable, in the manifest, and open for reads. */
  flushed(chunk: number): void {
    this.pool.move(chunk, CHUNK_STATE.flushing, CHUNK_STATE.resident);
  }

  /** All sequences up to this one are in tables once the flushes that ended are in the manifest. */
  floorSequence(): number {
    let floor = this.nextSequence - 1;
    for (let chunk = 0; chunk < this.pool.states.length; chunk += 1) {
      const state = this.pool.states[chunk]!;
      const holdsUnflushed = state >= CHUNK_STATE.active && state <= CHUNK_STATE.flushing;
      const first = this.pool.firstSequences[chunk]!;
      if (holdsUnflushed && first > 0 && first - 1 < floor) floor = first - 1;
    }
    return floor;
  }

  /** The resident chunk to give up first, without a sequence above `sequenceMax`, or -1. */
  oldestResident(sequenceMax: number = Infinity): number {
    return this.pool.oldest(CHUNK_STATE.resident, 0, 0, sequenceMax);
  }

  /** The same among chunks of clean copies. */
  oldestResidentCache(): number {
    return this.copies.oldestResident();
  }

  get withheldCount(): number {
    return this.pool.countState(CHUNK_STATE.withheld);
  }

  /** So many chunks are nobody's, as far as chunks are free. [CH5] */
  withhold(count: number): void {
    while (this.withheldCount > count) this.pool.giveBack();
    while (this.withheldCount < count && this.pool.withhold());
  }

  /**
   * From now on no lookup finds a key of the range whose newest version has a sequence up to this one;
   * returns how many there were. REQUIRES: no table holds them any more.
   */
  dropRange(range: TokenRange, lastSequence: number = Infinity): number {
    this.retiredCount += 1;
    this.dropCount += 1;
    return dropFromMemory(this, this.#options.partitionCountLog2, range, lastSequence);
  }

  /** From now on no lookup finds a record of this chunk; what was handed out stays readable. */
  retire(chunk: number): void {
    this.pool.move(chunk, CHUNK_STATE.resident, CHUNK_STATE.retired);
    const generation = (this.pool.generations[chunk]! + 1) & GENERATION_MASK;
    this.pool.generations[chunk] = generation;
    this.retiredCount += 1;
    // Generations begin anew: entries of the last round must not come back to life.
    if (generation === 0) this.index.rebuild();
  }

  /** REQUIRES: every reader has let go of what was handed out of the retired chunk. */
  recycle(chunk: number): void {
    this.pool.move(chunk, CHUNK_STATE.retired, CHUNK_STATE.free);
  }

  describe(chunk: number): ChunkDescription {
    const pool = this.pool;
    return {
      chunk,
      generation: pool.generations[chunk]!,
      buffer: pool.buffers[chunk]!,
      usedWords: pool.used[chunk]!,
      recordCount: pool.recordCounts[chunk]!,
      firstSequence: pool.firstSequences[chunk]!,
      lastSequence: pool.lastSequences[chunk]!,
    };
  }

  /** Links and indexes the record at the end of the active chunk; returns the words now used. */
  #append(record: number, hash: number, previousChunk: number, previous: number): number {
    const words = this.words;
    const chunk = this.activeChunk;
    const pool = this.pool;
    const prefix = record - PREFIX_WORDS;
    const end = record + words[record + HEADER.wordCount]!;
    const tokenHigh = words[record + HEADER.tokenHigh]!;
    const partition = (tokenHigh >>> 1) >>> (31 - this.#options.partitionCountLog2);
    const heads = pool.heads[chunk]!;
    words[prefix + PREFIX.previousInPartition] = heads[partition]!;
    heads[partition] = prefix;
    pool.used[chunk] = end;
    if (pool.recordCounts[chunk] === 0) pool.firstSequences[chunk] = this.nextSequence;
    pool.recordCounts[chunk]! += 1;
    pool.lastSequences[chunk] = this.nextSequence;
    this.nextSequence += 1;
    this.#sequenceLow = (this.#sequenceLow + 1) | 0;
    if (this.#sequenceLow === 0) this.#sequenceHigh += 1;
    const { index } = this;
    const isReplaced = previous >= 0 && index.replaceFound(chunk, record, previousChunk, previous);
    if (!isReplaced) index.put(hash, chunk, record);
    return end;
  }

  #extendAppends(from: number, to: number): void {
    const last = this.appendCount - 1;
    if (
      last >= 0 &&
      this.appendTos[last] === from &&
      this.appendChunks[last] === this.activeChunk
    ) {
      this.appendTos[last] = to;
      return;
    }
    this.appendChunks[last + 1] = this.activeChunk;
    this.appendFroms[last + 1] = from;
    this.appendTos[last + 1] = to;
    this.appendCount = last + 2;
  }

  /** Freezes the active chunk and begins another with room for `wantedWords`. */
  #rotate(wantedWords: number): boolean {
    const pool = this.pool;
    assert(
      CHUNK_HEADER_WORDS + wantedWords <= pool.chunkWords,
      'a chunk holds the largest record that limits allow',
    );
    const pending = pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing);
    if (this.activeChunk !== -1 && pending >= this.#options.frozenMax) {
      reachable('memory: as many chunks are frozen as may be');
      return false;
    }
    const next = pool.take(CHUNK_KIND.log);
    if (next === -1) {
      reachable('memory: no chunk is free for writes');
      return false;
    }
    if (this.activeChunk !== -1) {
      pool.writeHeader(this.activeChunk);
      pool.move(this.activeChunk, CHUNK_STATE.active, CHUNK_STATE.frozen);
    }
    this.activeChunk = next;
    this.words = pool.words[next]!;
    return true;
  }

  #setSequence(sequence: number): void {
    this.#sequenceLow = sequence | 0;
    this.#sequenceHigh = Math.floor(sequence / 0x1_0000_0000);
  }
}
