/**
 * Which chunk is given up, and when: before memory is wanted, so that what was asked for can be copied
 * out of it a little in each step (cache-sweeper.ts); at once where writes or clean copies would find no
 * room soon.
 *
 * Invariants:
 *   MR1 a chunk that scans look into, behind the tables that they hold, is neither swept nor given up;
 *       where memory runs short by that, the scans let go
 *   MR2 sweeping keeps no write and no read waiting: a chunk that is wanted goes as it is
 */
import { buggify } from '@clockwise/kernel/buggify';
import type { ReplicaPublished } from '@clockwise/kernel/effects';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { CacheSweeper } from '@clockwise/storage/cache-sweeper';
import type { ReplicaContext } from './replica-context.ts';
import { RetiredChunks } from './retired-chunks.ts';

/** Free chunks below which resident ones are given up: one to rotate to, one for clean copies. */
const FREE_CHUNKS_WANTED = 2;
/** Free chunks that what is kept may not take. */
const CHUNKS_FOR_WRITES = 1;
/** So many chunks that one more of them may be free. */
const CHUNKS_MANY = 6;
/** Records that are looked at in a step; where writes are many, so many for each of them. */
const SWEPT_RECORDS_MAX = 256;
const SWEPT_FOR_EACH_WRITTEN = 3;

export class MemoryRoom {
  readonly #context: ReplicaContext;
  readonly #retired: RetiredChunks;
  /** Scans let go of the tables and the memory that they hold. */
  readonly #letScansGo: () => void;
  readonly #sweeper: CacheSweeper;
  /** Records written in this step, and the sequence that the next one gets. */
  #writtenCount = 0;
  #nextSequence: number;

  constructor(context: ReplicaContext, coordinatorCount: number, letScansGo: () => void) {
    this.#context = context;
    this.#retired = new RetiredChunks(context, coordinatorCount);
    this.#letScansGo = letScansGo;
    this.#sweeper = new CacheSweeper(context.memtable, CHUNKS_FOR_WRITES);
    this.#nextSequence = context.memtable.nextSequence;
  }

  figures(): Record<string, number> {
    return { recordCachePromotions: this.#sweeper.promotedCount };
  }

  /** REQUIRES: the shard is not fenced. */
  afterStep(published: ReplicaPublished): void {
    const { nextSequence } = this.#context.memtable;
    this.#writtenCount = nextSequence - this.#nextSequence;
    this.#nextSequence = nextSequence;
    this.#retired.recycle(published);
    this.#sweep();
    // [MR2]
    while (this.#isRoomForWritesShort() && this.#retire(this.#oldestResident()));
    if (this.#isRoomForCopiesShort()) this.#retire(this.#oldestCopies());
    if (buggify('replica: give up a flushed chunk early')) this.#retire(this.#oldestUnheld());
    if (buggify('replica: give up clean copies early')) this.#retire(this.#oldestCopies());
  }

  /** Goes on with a sweep, or begins one where room will be wanted. */
  #sweep(): void {
    if (this.#sweeper.chunk === -1) {
      const chunk = this.#chunkToSweep();
      if (chunk === -1) return;
      this.#sweeper.begin(chunk);
    }
    const written = SWEPT_FOR_EACH_WRITTEN * this.#writtenCount;
    this.#retire(this.#sweeper.step(Math.max(SWEPT_RECORDS_MAX, written)));
  }

  #chunkToSweep(): number {
    const { pool } = this.#context.memtable;
    // What is kept may need a chunk of its own; where chunks are few, it goes where there is room.
    const wanted = FREE_CHUNKS_WANTED + (pool.states.length >= CHUNKS_MANY ? 1 : 0);
    if (this.#freeCount() < wanted) return this.#oldestUnheld();
    const isWanted = pool.cacheIsFull() && this.#retired.cacheCount === 0;
    return isWanted ? this.#oldestCopies() : -1;
  }

  /** Chunks that are free, or soon will be. */
  #freeCount(): number {
    return this.#context.memtable.pool.freeCount() + this.#retired.count;
  }

  /** The active chunk is half full and there is one other at the most. */
  #isRoomForWritesShort(): boolean {
    const { pool, activeChunk } = this.#context.memtable;
    const freeCount = this.#freeCount();
    if (freeCount === 0 || activeChunk === -1) return freeCount < FREE_CHUNKS_WANTED;
    return freeCount < FREE_CHUNKS_WANTED && pool.used[activeChunk]! * 2 > pool.chunkWords;
  }

  #isRoomForCopiesShort(): boolean {
    const { pool, copies } = this.#context.memtable;
    if (!pool.cacheIsFull() || this.#retired.cacheCount > 0) return false;
    return copies.isHalfFull;
  }

  /** [MR1] */
  #oldestUnheld(): number {
    const { memtable, versions } = this.#context;
    return memtable.oldestResident(versions.oldestPinnedFloor());
  }

  #oldestResident(): number {
    const { memtable } = this.#context;
    const unheld = this.#oldestUnheld();
    if (unheld !== -1 || memtable.oldestResident() === -1) return unheld;
    reachable('memory: scans let go of what they hold because memory is short');
    this.#letScansGo();
    return this.#oldestUnheld();
  }

  /** Clean copies are in tables: nobody holds them. */
  #oldestCopies(): number {
    return this.#context.memtable.oldestResidentCache();
  }

  #retire(chunk: number): boolean {
    if (chunk === -1) return false;
    sometimes(this.#sweeper.chunk === chunk, 'memory: a chunk is wanted before it is swept');
    this.#retired.retire(chunk);
    return true;
  }
}
