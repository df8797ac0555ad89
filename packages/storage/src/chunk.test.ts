/** The pool of chunks: what it counts. */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CHUNK_KIND, CHUNK_STATE, ChunkPool } from './chunk.ts';

const CHUNKS = 12;
const CACHE_CHUNKS = 4;
const NEXT_STATE: Readonly<Record<number, readonly number[]>> = {
  [CHUNK_STATE.active]: [CHUNK_STATE.frozen, CHUNK_STATE.resident],
  [CHUNK_STATE.frozen]: [CHUNK_STATE.flushing],
  [CHUNK_STATE.flushing]: [CHUNK_STATE.resident, CHUNK_STATE.frozen],
  [CHUNK_STATE.resident]: [CHUNK_STATE.retired],
  [CHUNK_STATE.retired]: [CHUNK_STATE.free],
};

function recount(pool: ChunkPool, isCounted: (chunk: number) => boolean): number {
  return [...pool.states.keys()].filter(isCounted).length;
}

test('[CH4] counts are what counting would give, whatever chunks go through', () => {
  const prng = new Prng('chunk counts');
  const pool = new ChunkPool({
    chunkBytes: 1024,
    chunksMax: CHUNKS,
    cacheChunksMax: CACHE_CHUNKS,
    partitionCount: 1,
    allocate: (byteCount) => new SharedArrayBuffer(byteCount),
  });
  let fullCount = 0;
  for (let step = 0; step < 5000; step += 1) {
    const chunk = prng.below(CHUNKS);
    const state = pool.states[chunk]!;
    if (state === CHUNK_STATE.free) pool.take(prng.pick([CHUNK_KIND.log, CHUNK_KIND.cache]));
    else pool.move(chunk, state, prng.pick(NEXT_STATE[state]!));
    for (const counted of Object.values(CHUNK_STATE)) {
      const expected = recount(pool, (one) => pool.states[one] === counted);
      assert.is(pool.countState(counted), expected);
    }
    const cacheCount = recount(
      pool,
      (one) => pool.states[one] !== CHUNK_STATE.free && pool.kinds[one] === CHUNK_KIND.cache,
    );
    assert.is(pool.cacheCount(), cacheCount);
    assert.is(pool.cacheIsFull(), cacheCount >= CACHE_CHUNKS);
    if (pool.cacheIsFull()) fullCount += 1;
  }
  assert.ok(fullCount > 100, `full ${fullCount} times`);
});

test('[CH5] a chunk that is withheld has no memory, is given to nobody, and comes back with new memory', () => {
  let allocated = 0;
  const pool = new ChunkPool({
    chunkBytes: 1024,
    chunksMax: 4,
    cacheChunksMax: 2,
    partitionCount: 1,
    allocate: (byteCount) => {
      allocated += 1;
      return new SharedArrayBuffer(byteCount);
    },
  });
  const [first, second] = [pool.take(CHUNK_KIND.cache), pool.take(CHUNK_KIND.log)];
  assert.ok(pool.withhold());
  assert.is(allocated, 2, 'one that had no memory yet goes first');
  for (const state of [CHUNK_STATE.active, CHUNK_STATE.resident, CHUNK_STATE.retired]) {
    pool.move(first, state, NEXT_STATE[state]!.at(-1)!);
  }
  assert.is(pool.freeCount(), 2);
  assert.ok(pool.withhold() && pool.withhold());
  assert.is(pool.withhold(), false);
  assert.is(pool.freeCount(), 0);
  assert.is(pool.take(CHUNK_KIND.log), -1);
  const memory = pool.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.is(memory, 1024);
  assert.is(pool.buffers[second]!.byteLength, 1024);
  pool.giveBack();
  const again = pool.take(CHUNK_KIND.log);
  assert.is(pool.words[again]!.length, 256);
  assert.is(allocated, 3);
  assert.is(pool.cacheChunksMax(), 0);
});

test.run();
