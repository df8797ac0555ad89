/**
 * The chunks of clean copies: records that tables hold, kept for reads. New ones go into the small
 * queue; the main queue takes what was asked for again (s3-fifo.ts): what is known from before, and
 * what the sweeper saves from a chunk that is given up (cache-sweeper.ts).
 *
 * data plane
 *
 * Where there are too few chunks for two queues, all go into the small one.
 *
 * Invariants:
 *   CC1 a copy has no sequence: it is of a table, and durable
 *   CC2 of the main queue's chunks the oldest goes only when the small queue has no more than its share
 *   CC3 once the last chunk of copies is begun, only what is read twice is worth a copy
 */
import { buggify } from '@clockwise/kernel/buggify';
import { copyWords } from '@clockwise/record/copy';
import { HEADER, PREFIX, PREFIX_FLAG, PREFIX_WORDS } from '@clockwise/record/layout';
import { CHUNK_HEADER_WORDS, CHUNK_KIND, CHUNK_STATE, type ChunkPool } from './chunk.ts';
import { Ghosts, QUEUE, SeenOnce, smallSegmentsMax } from './s3-fifo.ts';

/** One chunk of each queue being filled, and one to be given up. */
const CHUNKS_FOR_QUEUES_MIN = 3;
/** There are ghosts as for copies of this size, in all chunks together. */
const COPY_BYTES_EXPECTED = 1024;
const GHOSTS_MIN = 64;

export class CleanCopies {
  /** Where the last copy was put. */
  chunk = -1;
  offset = -1;
  readonly #pool: ChunkPool;
  readonly #chunksMax: number;
  readonly #ghosts: Ghosts;
  readonly #seen: SeenOnce;
  /** False: there are too few chunks for a main queue. */
  readonly #hasQueues: boolean;
  /** All the chunks that there may be were begun once. */
  #isFull = false;
  #smallChunk = -1;
  #mainChunk = -1;

  constructor(pool: ChunkPool, chunkBytes: number, chunksMax: number) {
    this.#pool = pool;
    this.#chunksMax = chunksMax;
    this.#hasQueues = chunksMax >= CHUNKS_FOR_QUEUES_MIN;
    const copies = Math.floor((chunkBytes * chunksMax) / COPY_BYTES_EXPECTED);
    this.#ghosts = new Ghosts(Math.max(GHOSTS_MIN, copies));
    this.#seen = new SeenOnce(Math.max(GHOSTS_MIN, copies));
  }

  /**
   * Whether what a read brought is worth a copy, where there is a choice: always until the last chunk of
   * copies is begun; from then on only if the key was read not long ago, too. [CC3]
   */
  admits(hash: number): boolean {
    return !this.#isFull || this.#seen.isSecond(hash);
  }

  /** Copies what a read brought. False: no room. */
  keepNew(source: Int32Array, record: number, hash: number): boolean {
    const wanted = PREFIX_WORDS + source[record + HEADER.wordCount]!;
    if (CHUNK_HEADER_WORDS + wanted > this.#pool.chunkWords) return false;
    if (buggify('memory: refuse room for a clean copy')) return false;
    const queue = this.#hasQueues && this.#ghosts.take(hash) ? QUEUE.main : QUEUE.small;
    const other = queue === QUEUE.main ? QUEUE.small : QUEUE.main;
    if (this.#hasRoom(queue, wanted) || this.#beginChunk(queue)) {
      this.#append(queue, source, record);
      return true;
    }
    if (!this.#hasRoom(other, wanted)) return false;
    this.#append(other, source, record);
    return true;
  }

  /**
   * Copies what was asked for again, out of a chunk that is given up. False: no room; so many free
   * chunks are left for writes.
   */
  keepAsked(source: Int32Array, record: number, chunksLeft: number): boolean {
    const wanted = PREFIX_WORDS + source[record + HEADER.wordCount]!;
    const queue = this.#hasQueues ? QUEUE.main : QUEUE.small;
    if (!this.#hasRoom(queue, wanted)) {
      if (this.#pool.freeCount() <= chunksLeft || !this.#beginChunk(queue)) return false;
    }
    this.#append(queue, source, record);
    return true;
  }

  /** There are more chunks of copies than there may be by now. */
  get isAboveMax(): boolean {
    return this.#pool.cacheCount() > this.#pool.cacheChunksMax();
  }

  /** Chunks that copies can do without, and are copies still. */
  get sparedMax(): number {
    return Math.max(0, this.#chunksMax - (this.#hasQueues ? CHUNKS_FOR_QUEUES_MIN : 1));
  }

  /** The chunk that new copies go to is half full, or there is none. */
  get isHalfFull(): boolean {
    const active = this.#smallChunk;
    return active === -1 || this.#pool.used[active]! * 2 > this.#pool.chunkWords;
  }

  /** What nobody asked for again goes, and is remembered. */
  forget(hash: number): void {
    this.#ghosts.add(hash);
  }

  /** [CC2] The chunk to give up first, or -1. */
  oldestResident(): number {
    const pool = this.#pool;
    const smallMax = smallSegmentsMax(this.#chunksMax);
    const first = this.#countOf(QUEUE.small) > smallMax ? QUEUE.small : QUEUE.main;
    const found = pool.oldest(CHUNK_STATE.resident, CHUNK_KIND.cache, first);
    return found === -1 ? pool.oldest(CHUNK_STATE.resident, CHUNK_KIND.cache) : found;
  }

  #countOf(queue: number): number {
    const { states, kinds, queues } = this.#pool;
    let count = 0;
    for (let chunk = 0; chunk < states.length; chunk += 1) {
      if (states[chunk] === CHUNK_STATE.free || kinds[chunk] !== CHUNK_KIND.cache) continue;
      if (queues[chunk] === queue) count += 1;
    }
    return count;
  }

  #hasRoom(queue: number, wantedWords: number): boolean {
    const active = queue === QUEUE.main ? this.#mainChunk : this.#smallChunk;
    return active !== -1 && this.#pool.used[active]! + wantedWords <= this.#pool.chunkWords;
  }

  /** Ends the active chunk of the queue and begins another, if there is one to begin. */
  #beginChunk(queue: number): boolean {
    const pool = this.#pool;
    const active = queue === QUEUE.main ? this.#mainChunk : this.#smallChunk;
    if (active !== -1) {
      pool.writeHeader(active);
      pool.move(active, CHUNK_STATE.active, CHUNK_STATE.resident);
    }
    const next = pool.take(CHUNK_KIND.cache, queue);
    if (pool.cacheIsFull()) this.#isFull = true;
    if (queue === QUEUE.main) this.#mainChunk = next;
    else this.#smallChunk = next;
    return next !== -1;
  }

  /** [CC1] REQUIRES: there is room. */
  #append(queue: number, source: Int32Array, record: number): void {
    const pool = this.#pool;
    const chunk = queue === QUEUE.main ? this.#mainChunk : this.#smallChunk;
    const words = pool.words[chunk]!;
    const wordCount = source[record + HEADER.wordCount]!;
    const prefix = pool.used[chunk]!;
    words.fill(0, prefix, prefix + PREFIX_WORDS);
    words[prefix + PREFIX.flags] = PREFIX_FLAG.cached;
    copyWords(source, record, words, prefix + PREFIX_WORDS, wordCount);
    pool.used[chunk] = prefix + PREFIX_WORDS + wordCount;
    pool.recordCounts[chunk]! += 1;
    this.chunk = chunk;
    this.offset = prefix + PREFIX_WORDS;
  }
}
