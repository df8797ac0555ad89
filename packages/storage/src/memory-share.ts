/**
 * What the tables of an embedded store hold in memory, their indexes and filters, grows with its data; the
 * budget does not. So it comes out of the caches: out of the cache of blocks first, then, chunk by chunk,
 * out of the chunks of clean copies. Chunks that are taken hold no memory until the tables need less.
 *
 * (A replica has the first only: other threads hold its chunks, too, so that none could be freed.)
 *
 * Invariants:
 *   MSH1 chunks, cache of blocks, and indexes and filters together take no more than the chunks and the cache
 *        of blocks may, as long as there is a chunk of copies to take
 *   MSH2 reads keep the chunks of clean copies without which there would be no copies
 */
import type { Limits } from '@clockwise/kernel/limits';
import type { BlockCache } from './block-cache.ts';
import { CHUNK_STATE } from './chunk.ts';
import type { Memtable } from './memtable.ts';
import type { StoreVersions } from './store-versions.ts';

/** Of a chunk: so much less the tables must need for it to come back, lest it goes and comes with each merge. */
const SLACK = 0.25;

interface SharedStore {
  readonly memtable: Memtable;
  readonly versions: StoreVersions;
}

interface CopiesOwner {
  /** The oldest chunk of copies, with what is asked for saved; false: none can go. */
  giveUpCopies(): boolean;
}

type MemoryLimits = Pick<Limits, 'blockCacheBytes' | 'memtableChunkBytes'>;

export class MemoryShare {
  readonly #memtable: Memtable;
  readonly #versions: StoreVersions;
  readonly #cache: BlockCache;
  readonly #copies: CopiesOwner;
  readonly #limits: MemoryLimits;
  #version = -1;
  #takenCount = 0;

  constructor(store: SharedStore, cache: BlockCache, copies: CopiesOwner, limits: MemoryLimits) {
    this.#memtable = store.memtable;
    this.#versions = store.versions;
    this.#cache = cache;
    this.#copies = copies;
    this.#limits = limits;
  }

  get figures(): Readonly<Record<string, number>> {
    const { pool } = this.#memtable;
    const frozenCount = pool.countState(CHUNK_STATE.frozen);
    return {
      chunksFree: pool.freeCount(),
      chunksFrozen: frozenCount + pool.countState(CHUNK_STATE.flushing),
      chunksWithheld: pool.countState(CHUNK_STATE.withheld),
    };
  }

  /** As the version that counts has it. Cheap where nothing has changed. */
  share(): void {
    const memtable = this.#memtable;
    const versions = this.#versions;
    if (this.#version !== versions.version) {
      this.#version = versions.version;
      const { partsBytes } = versions.levels;
      this.#cache.setPartsBytes(partsBytes);
      this.#takenCount = this.#chunksFor(partsBytes);
    }
    if (memtable.withheldCount === this.#takenCount) return;
    memtable.withhold(this.#takenCount);
    while (memtable.copies.isAboveMax && this.#copies.giveUpCopies()) {
      memtable.withhold(this.#takenCount);
    }
  }

  #chunksFor(partsBytes: number): number {
    const { blockCacheBytes, memtableChunkBytes } = this.#limits;
    const above = (partsBytes - blockCacheBytes) / memtableChunkBytes;
    const wanted = Math.ceil(above);
    const kept = Math.min(this.#takenCount, Math.ceil(above + SLACK));
    // [MSH2]
    return Math.max(0, Math.min(Math.max(wanted, kept), this.#memtable.copies.sparedMax));
  }
}
