/** What tables take in memory comes out of the caches, whatever they come to take. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockCache } from './block-cache.ts';
import { CHUNK_STATE } from './chunk.ts';
import { MemoryShare } from './memory-share.ts';
import { Memtable } from './memtable.ts';
import type { StoreVersions } from './store-versions.ts';

const KIB = 1024;
const LIMITS = { memtableChunkBytes: 64 * KIB, blockCacheBytes: 128 * KIB };
const CHUNKS = 8;

class World {
  readonly memtable: Memtable;
  readonly cache: BlockCache = new BlockCache(LIMITS.blockCacheBytes);
  readonly #versions = { version: 0, levels: { partsBytes: 0 } };
  readonly #share: MemoryShare;

  constructor(cacheChunksMax: number) {
    this.memtable = new Memtable({
      chunkBytes: LIMITS.memtableChunkBytes,
      chunksMax: CHUNKS,
      cacheChunksMax,
      frozenMax: 2,
      partitionCountLog2: 0,
      indexSlots: 64,
      secretLow: 1,
      secretHigh: 2,
      firstSequence: 1,
      allocate: (byteCount) => new SharedArrayBuffer(byteCount),
    });
    const versions = this.#versions as unknown as StoreVersions;
    const copies = { giveUpCopies: () => false };
    this.#share = new MemoryShare(
      { memtable: this.memtable, versions },
      this.cache,
      copies,
      LIMITS,
    );
  }

  /** How many chunks are withheld then. */
  withParts(partsBytes: number): number {
    this.#versions.version += 1;
    this.#versions.levels = { partsBytes };
    this.#share.share();
    return this.memtable.withheldCount;
  }

  /** Of chunks that were taken, and the cache of blocks. */
  bytes(): number {
    const chunks = this.memtable.pool.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return chunks + this.cache.byteCount;
  }

  fill(): void {
    const { pool } = this.memtable;
    const taken: number[] = [];
    for (let chunk = pool.take(1); chunk !== -1; chunk = pool.take(1)) taken.push(chunk);
    const states = [CHUNK_STATE.active, CHUNK_STATE.resident, CHUNK_STATE.retired];
    for (const chunk of taken) {
      for (const [index, state] of states.entries()) {
        pool.move(chunk, state, states[index + 1] ?? CHUNK_STATE.free);
      }
    }
    const words = new Int32Array(400);
    for (let block = 0; block < 200; block += 1) this.cache.insert(1, block, words, 0, 400);
  }
}

test('[MSH1] whatever tables take, with caches and chunks it is no more than the budget', () => {
  const prng = new Prng('share');
  const world = new World(6);
  const budgetBytes = CHUNKS * LIMITS.memtableChunkBytes + LIMITS.blockCacheBytes;
  let withheldMax = 0;
  for (let round = 0; round < 300; round += 1) {
    const partsBytes = prng.below(LIMITS.blockCacheBytes + 3 * LIMITS.memtableChunkBytes);
    withheldMax = Math.max(withheldMax, world.withParts(partsBytes));
    world.fill();
    const bytes = world.bytes() + partsBytes;
    // The index of the cache of blocks stays, whatever is left of it.
    assert.ok(bytes <= budgetBytes + 16 * KIB, `${bytes} bytes with ${partsBytes} of tables`);
  }
  assert.is(withheldMax, 3);
});

test('[MSH1] chunks go one by one, and come back when there is a quarter of one to spare', () => {
  const world = new World(6);
  const { blockCacheBytes, memtableChunkBytes } = LIMITS;
  const withheld = (chunks: number): number =>
    world.withParts(blockCacheBytes + chunks * memtableChunkBytes);
  assert.equal([-1, 0, 0.01, 1, 1.01, 2.5].map(withheld), [0, 0, 1, 1, 2, 3]);
  assert.equal([1.9, 1.7, 0.9, 0.7, -0.1, -0.3].map(withheld), [3, 2, 2, 1, 1, 0]);
});

test('[MSH2] reads keep chunks of copies: one, or where there are queues three', () => {
  for (const [cacheChunksMax, kept] of [
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 3],
    [5, 3],
  ] as const) {
    const world = new World(cacheChunksMax);
    assert.is(world.withParts(100 * LIMITS.memtableChunkBytes), cacheChunksMax - kept);
    assert.is(world.memtable.pool.cacheChunksMax(), kept);
  }
});

test.run();
