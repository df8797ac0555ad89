/**
 * Empties a chunk that is to be given up, some records at a time: what was asked for since it came is
 * copied to the main queue of clean copies, of the rest the hashes are remembered (s3-fifo.ts).
 * Whoever asked for it retires the chunk then. Until that, all it holds still answers.
 *
 * data plane
 *
 * Invariants:
 *   CS1 only what a table holds is copied: the chunk is resident
 *   CS2 only the record that the index names is copied, so that no older one comes back (MT4)
 *   CS3 a step looks at a bounded number of records and bytes
 *   CS4 a chunk that was written, and of which nobody asked for anything, is not looked at
 */
import { assert } from '@clockwise/kernel/assert';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { CHUNK_HEADER_WORDS, CHUNK_KIND, CHUNK_STATE } from './chunk.ts';
import type { Memtable } from './memtable.ts';
import { QUEUE, survivingCounter } from './s3-fifo.ts';

/** [CS3] */
const STEP_WORDS_MAX = (256 * 1024) / 4;

export class CacheSweeper {
  /** The chunk that is being emptied; -1: none. */
  chunk = -1;
  promotedCount = 0;
  readonly #memtable: Memtable;
  readonly #chunksLeft: number;
  #generation = 0;
  #position = 0;

  /** `chunksLeft`: so many free chunks are not taken for what is kept. */
  constructor(memtable: Memtable, chunksLeft: number = 0) {
    this.#memtable = memtable;
    this.#chunksLeft = chunksLeft;
  }

  /** REQUIRES: none is being emptied. */
  begin(chunk: number): void {
    const { pool } = this.#memtable;
    assert(this.chunk === -1, 'one chunk is emptied at a time');
    assert(pool.states[chunk] === CHUNK_STATE.resident, 'CS1 tables hold what is swept');
    this.chunk = chunk;
    this.#generation = pool.generations[chunk]!;
    // [CS4] What was never read leaves no ghost: ghosts are of what reads brought.
    const isUnread = pool.kinds[chunk] === CHUNK_KIND.log && pool.asked[chunk] === 0;
    sometimes(isUnread, 'memory: a chunk that nobody asked for anything is given up');
    this.#position = isUnread ? pool.used[chunk]! : CHUNK_HEADER_WORDS;
  }

  /** The chunk, once all that is to be kept of it is elsewhere; -1: not yet, or there is none. */
  step(recordsMax: number): number {
    const { pool } = this.#memtable;
    const chunk = this.chunk;
    if (chunk === -1) return -1;
    if (this.#isGone()) {
      reachable('memory: a chunk is given up while it is swept');
      this.chunk = -1;
      return -1;
    }
    const words = pool.words[chunk]!;
    const end = pool.used[chunk]!;
    const isMain = pool.kinds[chunk] === CHUNK_KIND.cache && pool.queues[chunk] === QUEUE.main;
    const queue = isMain ? QUEUE.main : QUEUE.small;
    const from = this.#position;
    let position = from;
    for (let count = 0; count < recordsMax && position < end; count += 1) {
      if (position - from > STEP_WORDS_MAX) break;
      const record = position + PREFIX_WORDS;
      this.#sweep(queue, words, record);
      position = record + words[record + HEADER.wordCount]!;
    }
    this.#position = position;
    if (position < end) return -1;
    this.chunk = -1;
    return chunk;
  }

  #isGone(): boolean {
    const { states, generations } = this.#memtable.pool;
    const chunk = this.chunk;
    return states[chunk] !== CHUNK_STATE.resident || generations[chunk] !== this.#generation;
  }

  #sweep(queue: number, words: Int32Array, record: number): void {
    const { index, copies } = this.#memtable;
    const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
    const bucketId = words[record + HEADER.bucketId]!;
    const key = record + HEADER_WORDS;
    const hash = this.#memtable.hash(bucketId, words, key, keyByteCount);
    // [CS2]
    if (!index.find(bucketId, words, key, keyByteCount, hash)) return;
    if (index.chunk !== this.chunk || index.offset !== record) return;
    const counter = survivingCounter(queue, index.foundCounter);
    if (counter >= 0 && copies.keepAsked(words, record, this.#chunksLeft)) {
      sometimes(queue === QUEUE.main, 'memory: a clean copy is kept once more');
      sometimes(queue === QUEUE.small, 'memory: a record that was asked for again is kept');
      index.moveFound(copies.chunk, copies.offset, counter);
      this.promotedCount += 1;
      return;
    }
    if (queue === QUEUE.small) copies.forget(hash);
  }
}
