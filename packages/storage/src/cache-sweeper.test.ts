/** Memory whose chunks are swept before they are given up, against a map; and what is worth keeping. */
import { Prng } from '@clockwise/kernel/prng';
import { HEADER, HEADER_WORDS, PREFIX, PREFIX_FLAG, PREFIX_WORDS } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CacheSweeper } from './cache-sweeper.ts';
import { collectPartition } from './memtable-scan.ts';
import { Memtable, type MemtableOptions } from './memtable.ts';
import { QUEUE } from './s3-fifo.ts';

const SEED = 'cache-sweeper-1';
const RECORD_WORDS = 16;
const EVERYTHING = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 };

/** A memtable, and the tables below it as a map. */
class Store {
  readonly memtable: Memtable;
  readonly sweeper: CacheSweeper;
  readonly tables: Map<number, number> = new Map();
  readonly newest: Map<number, number> = new Map();
  hitCount = 0;

  constructor(options: Partial<MemtableOptions> = {}) {
    this.memtable = new Memtable({
      chunkBytes: 4 * 1024,
      chunksMax: 10,
      cacheChunksMax: 4,
      frozenMax: 3,
      partitionCountLog2: 2,
      indexSlots: 64,
      secretLow: 1,
      secretHigh: 2,
      firstSequence: 1,
      allocate: (bytes) => new SharedArrayBuffer(bytes),
      ...options,
    });
    this.sweeper = new CacheSweeper(this.memtable);
  }

  hash(key: number): number {
    return this.memtable.hash(1, Int32Array.of(key, 0), 0, 6);
  }

  put(key: number, payload: number): boolean {
    const at = this.memtable.reserve(RECORD_WORDS);
    if (at === -1) return false;
    writeRecord(this.memtable.words, at, key, payload);
    this.memtable.commit(at, this.hash(key), 0, 0, 0, 0);
    this.newest.set(key, payload);
    return true;
  }

  inMemory(key: number): number | undefined {
    const { memtable } = this;
    const found = memtable.lookup(1, Int32Array.of(key, 0), 0, 6, this.hash(key));
    return found === -1 ? undefined : memtable.pool.words[memtable.chunk]![found + 15];
  }

  /** As a replica reads: what memory does not hold comes from a table, and stays as a clean copy. */
  get(key: number): number | undefined {
    const found = this.inMemory(key);
    if (found !== undefined) {
      this.hitCount += 1;
      return found;
    }
    const payload = this.tables.get(key);
    if (payload === undefined) return undefined;
    const words = new Int32Array(RECORD_WORDS);
    writeRecord(words, 0, key, payload);
    this.memtable.insertCached(words, 0, this.hash(key));
    return payload;
  }

  flush(): void {
    const { memtable } = this;
    memtable.freeze();
    for (let next = memtable.beginFlush(); next !== undefined; next = memtable.beginFlush()) {
      const words = memtable.pool.words[next.chunk]!;
      for (let at = 16; at < next.usedWords; at += PREFIX_WORDS + RECORD_WORDS) {
        const record = at + PREFIX_WORDS;
        this.tables.set(words[record + HEADER_WORDS]!, words[record + 15]!);
      }
      memtable.flushed(next.chunk);
    }
  }

  /** What a replica does after each step: chunks are swept before they are wanted. */
  makeRoom(recordsMax: number, isSwept: boolean = true): void {
    const { memtable, sweeper } = this;
    if (sweeper.chunk === -1) {
      let oldest = -1;
      if (memtable.pool.cacheIsFull()) oldest = memtable.oldestResidentCache();
      else if (memtable.pool.freeCount() < 3) oldest = memtable.oldestResident();
      if (oldest !== -1 && isSwept) sweeper.begin(oldest);
      else if (oldest !== -1) this.giveUp(oldest);
    }
    const swept = sweeper.step(recordsMax);
    if (swept !== -1) this.giveUp(swept);
  }

  giveUp(chunk: number): void {
    this.memtable.retire(chunk);
    this.memtable.recycle(chunk);
  }
}

function writeRecord(words: Int32Array, at: number, key: number, payload: number): void {
  words.fill(0, at, at + RECORD_WORDS);
  words[at + HEADER.wordCount] = RECORD_WORDS;
  words[at + HEADER.kind] = 1;
  words[at + HEADER.bucketId] = 1;
  words[at + HEADER.tokenHigh] = Math.imul(key, 0x9e3779b1);
  words[at + HEADER.tokenLow] = key;
  words[at + HEADER.keyAndContext] = 6;
  words[at + HEADER_WORDS] = key;
  words[at + 15] = payload;
}

test(`[MT1] [MT4] [CS2] [CS3] lookups equal a map while chunks are swept, given up and used again (seed ${SEED})`, () => {
  for (const cacheChunksMax of [2, 3, 5]) {
    const prng = new Prng(`${SEED}/${cacheChunksMax}`);
    const store = new Store({ cacheChunksMax });
    for (let step = 0; step < 30_000; step += 1) {
      // Half of all are asked for keys that are few.
      const key = prng.chance(0.5) ? prng.below(20) : prng.below(400);
      if (prng.chance(0.3)) {
        if (!store.put(key, step)) store.flush();
      } else {
        const asked = store.get(key);
        assert.is(asked, store.newest.get(key), `step ${step}, key ${key}`);
      }
      if (prng.chance(0.02)) store.flush();
      store.makeRoom(1 + prng.below(20));
      // A chunk may be wanted before it is swept.
      if (prng.chance(0.002) && store.sweeper.chunk !== -1) store.giveUp(store.sweeper.chunk);
      if (step % 500 === 0) {
        for (const [held, payload] of store.newest) {
          const found = store.inMemory(held);
          if (found === undefined) assert.is(store.tables.get(held), payload);
          else assert.is(found, payload);
        }
      }
    }
    assert.ok(store.sweeper.promotedCount > 100, `${store.sweeper.promotedCount} promoted`);
  }
});

test('[MT4] an older version in a swept chunk does not hide the newer one', () => {
  const store = new Store();
  store.put(1, 10);
  store.put(2, 20);
  store.flush();
  const old = store.memtable.oldestResident();
  assert.is(store.get(1), 10);
  assert.is(store.get(2), 20);
  store.put(1, 11);
  store.sweeper.begin(old);
  assert.is(store.sweeper.step(256), old);
  assert.is(store.inMemory(1), 11);
  store.giveUp(old);
  assert.is(store.inMemory(1), 11);
  assert.is(store.inMemory(2), 20, 'what was asked for is kept');
});

test('[CC1] [CS1] what is kept is a clean copy, and only of a chunk whose table counts', () => {
  const store = new Store();
  store.put(1, 10);
  assert.throws(() => store.sweeper.begin(store.memtable.activeChunk), /CS1/);
  store.flush();
  store.get(1);
  const old = store.memtable.oldestResident();
  store.sweeper.begin(old);
  store.sweeper.step(256);
  store.giveUp(old);
  assert.is(store.inMemory(1), 10);
  const words = store.memtable.pool.words[store.memtable.chunk]!;
  const prefix = store.memtable.offset - PREFIX_WORDS;
  assert.is(words[prefix + PREFIX.sequenceLow], 0);
  assert.is(words[prefix + PREFIX.flags], PREFIX_FLAG.cached);
});

test('[CS3] a step looks at so many records, and no more', () => {
  const store = new Store();
  for (let key = 0; key < 20; key += 1) store.put(key, key);
  store.flush();
  const old = store.memtable.oldestResident();
  store.get(7);
  store.sweeper.begin(old);
  for (let step = 1; step < 4; step += 1) assert.is(store.sweeper.step(5), -1);
  assert.is(store.sweeper.step(5), old);
  assert.is(store.sweeper.step(5), -1);
});

test('[CS4] a chunk that was only written is given up at once', () => {
  const store = new Store();
  for (let key = 0; key < 20; key += 1) store.put(key, key);
  store.flush();
  const old = store.memtable.oldestResident();
  store.sweeper.begin(old);
  assert.is(store.sweeper.step(1), old);
  assert.is(store.sweeper.promotedCount, 0);
});

test('[KI3] what was asked for stays so when it is written again, and is kept', () => {
  const store = new Store();
  store.put(7, 1);
  store.flush();
  store.get(7);
  store.put(7, 2);
  store.flush();
  for (let old = store.memtable.oldestResident(); old !== -1;) {
    store.sweeper.begin(old);
    store.giveUp(store.sweeper.step(1000));
    old = store.memtable.oldestResident();
  }
  assert.is(store.sweeper.promotedCount, 1);
  assert.is(store.inMemory(7), 2);
});

test('[CC2] the main queue keeps its chunks until the small queue has no more than its share', () => {
  const store = new Store({ cacheChunksMax: 4 });
  const { pool } = store.memtable;
  for (let key = 0; key < 80; key += 1) assert.ok(store.put(key, key));
  store.flush();
  for (let key = 0; key < 80; key += 1) store.get(key);
  while (store.memtable.oldestResident() !== -1 && pool.cacheCount() < 2) {
    store.sweeper.begin(store.memtable.oldestResident());
    store.giveUp(store.sweeper.step(1000));
  }
  const main = store.memtable.oldestResidentCache();
  assert.is(pool.queues[main], QUEUE.main);
  for (let key = 1000; !pool.cacheIsFull(); key += 1) {
    store.tables.set(key, key);
    store.get(key);
  }
  const small = store.memtable.oldestResidentCache();
  assert.is(pool.queues[small], QUEUE.small);
  assert.ok(pool.takenAt[small]! > pool.takenAt[main]!, 'though it is the newer one');
  store.giveUp(small);
  assert.is(store.memtable.oldestResidentCache(), main);
});

test('a listing of records is no reason to keep them, a lookup is', () => {
  const store = new Store();
  store.put(1, 10);
  store.put(2, 20);
  store.flush();
  for (let partition = 0; partition < 4; partition += 1) {
    collectPartition(store.memtable, partition, EVERYTHING, 0);
  }
  store.get(2);
  const old = store.memtable.oldestResident();
  store.sweeper.begin(old);
  store.giveUp(store.sweeper.step(256));
  assert.is(store.inMemory(1), undefined);
  assert.is(store.inMemory(2), 20);
});

test('[MS1] what is flushed is listed for whoever reads older tables only', () => {
  const store = new Store();
  store.put(1, 10);
  store.put(2, 20);
  store.flush();
  store.put(2, 21);
  store.flush();
  store.put(3, 30);
  const listed = (since?: number): number[] => {
    const payloads: number[] = [];
    for (let partition = 0; partition < 4; partition += 1) {
      const places = collectPartition(store.memtable, partition, EVERYTHING, since);
      for (let index = 0; index < places.count; index += 1) {
        const words = store.memtable.pool.words[places.chunks[index]!]!;
        payloads.push(words[places.offsets[index]! + 15]!);
      }
    }
    return payloads.toSorted((left, right) => left - right);
  };
  assert.equal(listed(), [30]);
  assert.equal(listed(3), [30]);
  assert.equal(listed(2), [21, 30]);
  assert.equal(listed(0), [10, 21, 30]);
});

test(`[MD1] [MD2] a dropped range is found no more, and nothing else is missed (seed ${SEED})`, () => {
  const prng = new Prng(`${SEED}/drop`);
  for (let round = 0; round < 20; round += 1) {
    const store = new Store();
    const sequences = new Map<number, number>();
    for (let step = 0; step < 300; step += 1) {
      const key = prng.below(60);
      if (prng.chance(0.3)) store.get(key);
      else if (store.put(key, step)) sequences.set(key, store.memtable.nextSequence - 1);
      if (prng.chance(0.03)) store.flush();
      store.makeRoom(4);
    }
    const fromHigh = prng.below(2 ** 31) * 2;
    const toHigh = fromHigh + prng.below(2 ** 32 - fromHigh);
    const range = {
      bucketId: 1,
      fromHigh: fromHigh | 0,
      fromLow: 0,
      toHigh: toHigh | 0,
      toLow: -1,
    };
    const lastSequence = prng.chance(0.5) ? Infinity : prng.below(store.memtable.nextSequence);
    const before = new Map([...sequences.keys()].map((key) => [key, store.inMemory(key)]));
    const sequenceInMemory = (key: number): number => {
      if (store.inMemory(key) === undefined) return 0;
      const words = store.memtable.pool.words[store.memtable.chunk]!;
      return words[store.memtable.offset - PREFIX_WORDS + PREFIX.sequenceLow]!;
    };
    const dropped = [...before].filter(([key, payload]) => {
      const high = Math.imul(key, 0x9e3779b1) >>> 0;
      if (payload === undefined || high < fromHigh || high > toHigh) return false;
      return sequenceInMemory(key) <= lastSequence;
    });
    assert.is(store.memtable.dropRange(range, lastSequence), dropped.length);
    const gone = new Set(dropped.map(([key]) => key));
    for (const [key, payload] of before) {
      assert.is(store.inMemory(key), gone.has(key) ? undefined : payload, `key ${key}`);
    }
    assert.is(store.memtable.dropRange(range, lastSequence), 0);
    // The entries are used again.
    for (const key of gone) assert.ok(store.put(key, 7) && store.inMemory(key) === 7);
  }
});

test(`sweeping keeps more of what is asked for than giving up the oldest does (seed ${SEED})`, () => {
  const hitsOf = (isSwept: boolean): number => {
    const prng = new Prng(`${SEED}/hits`);
    const store = new Store({ cacheChunksMax: 6 });
    for (let key = 0; key < 5000; key += 1) store.tables.set(key, key);
    for (let step = 0; step < 20_000; step += 1) {
      // Few keys are asked for often, the others once.
      store.get(prng.chance(0.3) ? prng.below(60) : prng.below(5000));
      store.makeRoom(8, isSwept);
    }
    return store.hitCount;
  };
  const [swept, oldest] = [hitsOf(true), hitsOf(false)];
  assert.ok(swept > oldest * 1.1, `swept ${swept}, oldest first ${oldest}`);
});

test.run();
