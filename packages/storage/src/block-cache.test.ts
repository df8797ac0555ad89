import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockCache } from './block-cache.ts';

const SEED = 'block-cache-1';

/** The words of a block say which it is, and are as many as it says. */
function blockWords(fileNumber: number, block: number, wordCount: number): Int32Array {
  return Int32Array.from({ length: wordCount }, (_, index) =>
    index === 0 ? fileNumber : index === 1 ? block : Math.imul(fileNumber * 31 + block, index),
  );
}

function insert(cache: BlockCache, fileNumber: number, block: number, wordCount: number): void {
  // Somewhere in a larger array, as a read from disk brings it.
  const source = new Int32Array(wordCount + 10);
  source.set(blockWords(fileNumber, block, wordCount), 5);
  cache.insert(fileNumber, block, source, 5, 5 + wordCount);
}

function assertFound(
  cache: BlockCache,
  fileNumber: number,
  block: number,
  wordCount: number,
): void {
  assert.is(cache.to - cache.from, wordCount);
  const wanted = blockWords(fileNumber, block, wordCount);
  const isWhole = wanted.every((word, index) => cache.words[cache.from + index] === word);
  assert.ok(isWhole, `block ${block} of file ${fileNumber}`);
}

test(`[BC1] [BC2] what is found is what was inserted, within the bytes given, whatever is asked (seed ${SEED})`, () => {
  for (const byteCount of [16 * 1024, 64 * 1024, 300_000]) {
    const prng = new Prng(`${SEED}/${byteCount}`);
    const cache = new BlockCache(byteCount);
    const fixedBytes = cache.byteCount;
    const sizes = new Map<string, number>();
    let found = 0;
    let partsBytes = 0;
    for (let step = 0; step < 10_000; step += 1) {
      const fileNumber = prng.chance(0.01) ? 0xffff_fff0 + prng.below(4) : 1 + prng.below(6);
      const block = prng.below(40);
      const name = `${fileNumber}/${block}`;
      const wordCount = sizes.get(name) ?? 10 + prng.below(300);
      sizes.set(name, wordCount);
      if (cache.find(fileNumber, block)) {
        found += 1;
        assertFound(cache, fileNumber, block, wordCount);
      } else {
        insert(cache, fileNumber, block, wordCount);
      }
      if (prng.chance(0.002)) {
        partsBytes = prng.below(byteCount);
        cache.setPartsBytes(partsBytes);
      }
      // What does not shrink are index and ghosts.
      const limit = Math.max(byteCount - partsBytes, fixedBytes);
      assert.ok(cache.byteCount <= limit, `${cache.byteCount} of ${limit}`);
    }
    assert.is(cache.hitCount, found);
    assert.is(cache.hitCount + cache.missCount, 10_000);
    assert.ok(found > 100, `${found} hits`);
  }
});

test('[BC1] a block of a table is not taken for the same block of another', () => {
  const cache = new BlockCache(64 * 1024);
  insert(cache, 3, 7, 100);
  assert.not.ok(cache.find(4, 7));
  assert.not.ok(cache.find(3, 8));
  assert.ok(cache.find(3, 7));
  insert(cache, 4, 7, 50);
  assert.ok(cache.find(4, 7));
  assertFound(cache, 4, 7, 50);
  assert.ok(cache.find(3, 7));
  assertFound(cache, 3, 7, 100);
});

test('[BC2] a cache of nothing keeps nothing, and a block larger than a segment is not kept', () => {
  const none = new BlockCache(0);
  insert(none, 1, 1, 20);
  assert.not.ok(none.find(1, 1));
  const cache = new BlockCache(64 * 1024);
  insert(cache, 1, 1, 3000);
  assert.not.ok(cache.find(1, 1));
  insert(cache, 1, 2, 20);
  cache.setPartsBytes(64 * 1024);
  assert.not.ok(cache.find(1, 2));
  insert(cache, 1, 2, 20);
  assert.not.ok(cache.find(1, 2), 'tables take all there is');
  cache.setPartsBytes(0);
  insert(cache, 1, 2, 20);
  assert.ok(cache.find(1, 2));
});

test('[BC3] blocks so small that the index is full before the segments are are given up too', () => {
  const cache = new BlockCache(64 * 1024);
  for (let block = 0; block < 3000; block += 1) {
    insert(cache, 1, block, 8);
    assert.ok(cache.find(1, block));
    assert.ok(cache.blockCount <= 64);
  }
});

test('[BC4] segments are used again: however long it is used, there are not more of them', () => {
  const cache = new BlockCache(64 * 1024);
  const seen = new Set<Int32Array>();
  for (let block = 0; block < 5000; block += 1) {
    insert(cache, 1, block, 400);
    assert.ok(cache.find(1, block));
    seen.add(cache.words);
  }
  assert.ok(seen.size < 8, `${seen.size} segments`);
});

/** S3-FIFO by the book, block by block: the dumb version to compare with. */
class Model {
  readonly #held: Map<number, number> = new Map();
  readonly #small: number[] = [];
  readonly #main: number[] = [];
  readonly #ghosts: number[] = [];
  readonly #sizeMax: number;
  hitCount = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  ask(block: number): void {
    const counter = this.#held.get(block);
    if (counter !== undefined) {
      this.hitCount += 1;
      this.#held.set(block, Math.min(counter + 1, 3));
      return;
    }
    while (this.#small.length + this.#main.length >= this.#sizeMax) this.#evict();
    const ghost = this.#ghosts.indexOf(block);
    if (ghost >= 0) this.#ghosts.splice(ghost, 1);
    (ghost >= 0 ? this.#main : this.#small).push(block);
    this.#held.set(block, 0);
  }

  #evict(): void {
    const isSmall = this.#small.length >= this.#sizeMax / 10 || this.#main.length === 0;
    const block = (isSmall ? this.#small : this.#main).shift()!;
    const counter = this.#held.get(block)!;
    if (counter > 0) {
      this.#main.push(block);
      this.#held.set(block, isSmall ? 0 : counter - 1);
      return;
    }
    this.#held.delete(block);
    if (!isSmall) return;
    this.#ghosts.push(block);
    if (this.#ghosts.length > this.#sizeMax) this.#ghosts.shift();
  }
}

/** Ranks by Zipf's law: rank r with a probability proportional to 1 / r^skew. */
function zipf(prng: Prng, count: number, skew: number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** skew;
    sums[rank] = sum;
  }
  return () => {
    const wanted = prng.below(2 ** 30) * (sum / 2 ** 30);
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

const BLOCK_WORDS = 508;
const CACHE_BYTES = 512 * 1024;

function ask(cache: BlockCache, block: number): void {
  if (!cache.find(1, block)) insert(cache, 1, block, BLOCK_WORDS);
}

test(`hits of Zipf's loads are those of S3-FIFO by the book, within three in a hundred (seed ${SEED})`, () => {
  for (const skew of [0.7, 0.9, 1.1]) {
    const seed = `${SEED}/${skew}`;
    const count = 30_000;
    const cache = new BlockCache(CACHE_BYTES);
    let blocksHeld = 0;
    for (let next = zipf(new Prng(seed), 4000, skew), asked = 0; asked < count; asked += 1) {
      ask(cache, next());
      blocksHeld = Math.max(blocksHeld, cache.blockCount);
    }
    assert.ok(blocksHeld * BLOCK_WORDS * 4 > CACHE_BYTES * 0.85, `${blocksHeld} blocks held`);
    const model = new Model(blocksHeld);
    for (let next = zipf(new Prng(seed), 4000, skew), asked = 0; asked < count; asked += 1) {
      model.ask(next());
    }
    const [found, wanted] = [cache.hitCount / count, model.hitCount / count];
    assert.ok(Math.abs(found - wanted) < 0.03, `skew ${skew}: ${found}, by the book ${wanted}`);
  }
});

test(`[BC5] blocks asked for once are copied only until the cache is full, and hits stay (seed ${SEED})`, () => {
  for (const skew of [0.7, 0.9, 1.1]) {
    const count = 30_000;
    const ratioOf = (isChosen: boolean): number => {
      const next = zipf(new Prng(`${SEED}/chosen/${skew}`), 4000, skew);
      const cache = new BlockCache(CACHE_BYTES);
      for (let asked = 0; asked < count; asked += 1) {
        const block = next();
        if (cache.find(1, block)) continue;
        if (!isChosen || cache.admits(1, block)) insert(cache, 1, block, BLOCK_WORDS);
      }
      return cache.hitCount / count;
    };
    const [chosen, all] = [ratioOf(true), ratioOf(false)];
    assert.ok(chosen > all - 0.02, `skew ${skew}: ${chosen}, where all are kept ${all}`);
  }
  const cache = new BlockCache(CACHE_BYTES);
  let admitted = 0;
  for (let block = 0; block < 4000; block += 1) {
    if (!cache.admits(1, block)) continue;
    insert(cache, 1, block, BLOCK_WORDS);
    admitted += 1;
  }
  assert.ok(admitted < 300, `${admitted} of 4,000 blocks asked for once`);
  assert.ok(cache.admits(1, 3999));
  assert.not.ok(cache.find(1, 3999));
});

test(`one pass over ten times the cache costs a Zipf's load less than a tenth of its hits (seed ${SEED})`, () => {
  const ratioOf = (isScanned: boolean): number => {
    const next = zipf(new Prng(`${SEED}/scan`), 4000, 0.9);
    const cache = new BlockCache(CACHE_BYTES);
    for (let asked = 0; asked < 20_000; asked += 1) ask(cache, next());
    const scanned = (CACHE_BYTES / (BLOCK_WORDS * 4)) * 10;
    let hits = 0;
    for (let asked = 0; asked < scanned; asked += 1) {
      if (isScanned) ask(cache, 1_000_000 + asked);
      const before = cache.hitCount;
      ask(cache, next());
      hits += cache.hitCount - before;
    }
    return hits / scanned;
  };
  const [alone, beside] = [ratioOf(false), ratioOf(true)];
  assert.ok(beside > alone * 0.9, `alone ${alone}, beside a scan ${beside}`);
});

test.run();
