/** The memtable against a map, and the life of its chunks. Also what the other parts lean on. */
import { HEADER, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { Prng } from '@clockwise/kernel/prng';
import * as assert from 'uvu/assert';
import { test } from 'uvu';
import { keyedHash, keysEqual } from './keyed-hash.ts';
import { collectPartition } from './memtable-scan.ts';
import { Memtable, type MemtableOptions } from './memtable.ts';
import { sortRecords } from './record-sort.ts';

const SEED = 'memtable-1';

function table(options: Partial<MemtableOptions> = {}): Memtable {
  return new Memtable({
    chunkBytes: 16 * 1024,
    chunksMax: 6,
    cacheChunksMax: 2,
    frozenMax: 3,
    partitionCountLog2: 2,
    indexSlots: 64,
    secretLow: 1,
    secretHigh: 2,
    firstSequence: 1,
    allocate: (bytes) => new SharedArrayBuffer(bytes),
    ...options,
  });
}

/** A record of 16 words (header 8, key 2, rest payload 6) whose key is one number and whose payload is another. */
const RECORD_WORDS = 16;
function writeRecord(words: Int32Array, at: number, key: number, payload: number): void {
  words.fill(0, at, at + RECORD_WORDS);
  words[at + HEADER.wordCount] = RECORD_WORDS;
  words[at + HEADER.kind] = 1;
  words[at + HEADER.bucketId] = 1;
  words[at + HEADER.tokenHigh] = Math.imul(key, 0x9e3779b1);
  words[at + HEADER.tokenLow] = key;
  words[at + HEADER.keyAndContext] = 6;
  words[at + 8] = key;
  words[at + 15] = payload;
}
function keyOf(key: number): Int32Array {
  return Int32Array.of(key, 0);
}
function hashOf(memtable: Memtable, key: number): number {
  return memtable.hash(1, keyOf(key), 0, 6);
}
function put(memtable: Memtable, key: number, payload: number): boolean {
  const at = memtable.reserve(RECORD_WORDS);
  if (at === -1) return false;
  writeRecord(memtable.words, at, key, payload);
  memtable.commit(at, hashOf(memtable, key), 1, 2, 3, 4);
  return true;
}
function get(memtable: Memtable, key: number): number | undefined {
  const found = memtable.lookup(1, keyOf(key), 0, 6, hashOf(memtable, key));
  return found === -1 ? undefined : memtable.pool.words[memtable.chunk]![found + 15];
}
function flushAll(memtable: Memtable): void {
  for (let next = memtable.beginFlush(); next !== undefined; next = memtable.beginFlush()) {
    memtable.flushed(next.chunk);
  }
}

test('[KH1] [KI1] equal keys hash alike whatever their padding; different ones are told apart', () => {
  const left = Int32Array.of(0x64636261, 0x00006665);
  const right = Int32Array.of(0x64636261, 0x77776665);
  assert.is(keyedHash(1, 2, 7, left, 0, 6), keyedHash(1, 2, 7, right, 0, 6));
  assert.ok(keysEqual(left, 0, right, 0, 6));
  assert.not.ok(keysEqual(left, 0, right, 0, 7));
  assert.is.not(keyedHash(1, 2, 7, left, 0, 6), keyedHash(1, 2, 8, left, 0, 6));
  assert.is.not(keyedHash(1, 2, 7, left, 0, 6), keyedHash(1, 3, 7, left, 0, 6));
  assert.is.not(keyedHash(1, 2, 7, left, 0, 6), keyedHash(1, 2, 7, left, 0, 5));
});

test(`[MT1] [MT2] [KI2] lookups equal a map over random writes, flushes and recycling (seed ${SEED})`, () => {
  const prng = new Prng(SEED);
  const memtable = table();
  const model = new Map<number, { payload: number; sequence: number }>();
  let floor = 0;
  for (let step = 0; step < 20_000; step += 1) {
    const key = prng.below(500);
    if (!put(memtable, key, step)) {
      // All frozen or resident: flush, then give up every resident chunk.
      flushAll(memtable);
      for (let old = memtable.oldestResident(); old !== -1; old = memtable.oldestResident()) {
        floor = Math.max(floor, memtable.describe(old).lastSequence);
        memtable.retire(old);
        memtable.recycle(old);
      }
      assert.ok(put(memtable, key, step));
    }
    model.set(key, { payload: step, sequence: memtable.nextSequence - 1 });
    // In place, now with few dead entries and now with many.
    if (prng.chance(0.02)) memtable.index.rebuild();
    const asked = prng.below(500);
    const wanted = model.get(asked);
    const found = get(memtable, asked);
    if (wanted !== undefined && wanted.sequence > floor) assert.is(found, wanted.payload);
    else assert.is(found, undefined);
  }
  assert.is(memtable.nextSequence, 20_001);
});

test(`[KI1] [MT1] a key's entry is taken over from its version before, whoever was asked for since (seed ${SEED})`, () => {
  const prng = new Prng(`${SEED} replaced`);
  const memtable = table({ frozenMax: 6 });
  const model = new Map<number, number>();
  for (let payload = 1; payload < 5000; payload += 1) {
    const key = prng.below(40);
    const previous = memtable.lookup(1, keyOf(key), 0, 6, hashOf(memtable, key));
    const previousChunk = memtable.chunk;
    assert.is(previous === -1, !model.has(key));
    // Then the entry that was found last is another key's, or lies elsewhere.
    if (prng.chance(0.3)) get(memtable, prng.below(40));
    if (prng.chance(0.01)) memtable.index.rebuild();
    const at = memtable.reserve(RECORD_WORDS);
    if (at === -1) {
      flushAll(memtable);
      const oldest = memtable.oldestResident();
      memtable.retire(oldest);
      memtable.recycle(oldest);
      for (const old of model.keys()) if (get(memtable, old) === undefined) model.delete(old);
      continue;
    }
    writeRecord(memtable.words, at, key, payload);
    memtable.commit(at, hashOf(memtable, key), 1, 2, 3, 4, previousChunk, previous);
    model.set(key, payload);
    for (const known of [key, prng.below(40)]) {
      assert.is(get(memtable, known), model.get(known));
    }
  }
});

test('[MT5] [CH2] without a free chunk or with too many frozen ones a write is refused', () => {
  const memtable = table({ frozenMax: 1 });
  let count = 0;
  while (put(memtable, count, count)) count += 1;
  assert.ok(count > 100);
  assert.is(memtable.reserve(RECORD_WORDS), -1);
  const frozen = memtable.beginFlush();
  assert.is(memtable.reserve(RECORD_WORDS), -1);
  memtable.flushFailed(frozen!.chunk);
  assert.is(memtable.beginFlush()!.chunk, frozen!.chunk);
  memtable.flushed(frozen!.chunk);
  assert.ok(put(memtable, 1, 1));
  assert.throws(() => memtable.recycle(frozen!.chunk), /CH2/);
});

test('[CH3] a retired chunk serves no lookup, and its words stay until it is recycled', () => {
  const memtable = table();
  put(memtable, 1, 11);
  memtable.freeze();
  flushAll(memtable);
  const old = memtable.oldestResident();
  const before = memtable.pool.words[old]!.slice();
  assert.is(get(memtable, 1), 11);
  memtable.retire(old);
  assert.is(get(memtable, 1), undefined);
  for (let key = 2; key < 200; key += 1) put(memtable, key, key);
  assert.equal(memtable.pool.words[old], before);
  assert.is(memtable.retiredCount, 1);
});

test('[CH3] entries of a chunk do not come back when its generations begin anew', () => {
  const memtable = table();
  for (let round = 0; round < 0x10000 + 2; round += 1) {
    if (round === 0) put(memtable, 77, 1);
    else put(memtable, 1, round);
    memtable.freeze();
    flushAll(memtable);
    for (let old = memtable.oldestResident(); old !== -1; old = memtable.oldestResident()) {
      memtable.retire(old);
      memtable.recycle(old);
    }
    if (round > 0) assert.is(get(memtable, 77), undefined);
  }
});

test('[CH1] [MT2] append ranges name exactly what was committed, over chunk borders', () => {
  const memtable = table();
  const wanted: number[] = [];
  for (let key = 0; key < 300; key += 1) {
    put(memtable, key, key);
    wanted.push(key);
  }
  assert.ok(memtable.appendCount >= 2);
  const found: number[] = [];
  let sequence = 1;
  for (let range = 0; range < memtable.appendCount; range += 1) {
    const words = memtable.pool.words[memtable.appendChunks[range]!]!;
    let at = memtable.appendFroms[range]!;
    while (at < memtable.appendTos[range]!) {
      assert.is(words[at + PREFIX.sequenceLow], sequence);
      sequence += 1;
      found.push(words[at + PREFIX_WORDS + 15]!);
      at += PREFIX_WORDS + words[at + PREFIX_WORDS]!;
    }
  }
  assert.equal(found, wanted);
  memtable.clearAppends();
  assert.is(memtable.appendCount, 0);
});

test('[MT4] a clean copy serves reads, is never appended, and never hides a newer version', () => {
  const memtable = table();
  const source = new Int32Array(RECORD_WORDS);
  writeRecord(source, 0, 5, 50);
  assert.ok(memtable.insertCached(source, 0, hashOf(memtable, 5)) > 0);
  assert.is(get(memtable, 5), 50);
  assert.is(memtable.appendCount, 0);
  put(memtable, 5, 51);
  memtable.insertCached(source, 0, hashOf(memtable, 5));
  assert.is(get(memtable, 5), 51);
  let refused = false;
  for (let key = 1000; key < 3000 && !refused; key += 1) {
    writeRecord(source, 0, key, key);
    refused = memtable.insertCached(source, 0, hashOf(memtable, key)) === -1;
  }
  assert.ok(refused, 'clean copies are bounded');
});

test('[CC3] what is read once is worth a copy until the last chunk of copies is begun', () => {
  const memtable = table();
  const source = new Int32Array(RECORD_WORDS);
  const keptOf = (from: number, to: number): number => {
    let kept = 0;
    for (let key = from; key < to; key += 1) {
      writeRecord(source, 0, key, key);
      if (!memtable.copies.admits(hashOf(memtable, key))) continue;
      if (memtable.insertCached(source, 0, hashOf(memtable, key)) > 0) kept += 1;
    }
    return kept;
  };
  let begun = 0;
  while (!memtable.pool.cacheIsFull()) {
    assert.is(keptOf(begun, begun + 1), 1);
    begun += 1;
  }
  assert.ok(begun * RECORD_WORDS * 4 < 16 * 1024);
  assert.is(keptOf(1000, 1020), 0);
  // Two keys of one place in what was seen take turns.
  assert.ok(keptOf(1000, 1020) >= 12);
});

test('[MT3] [MS1] [MS2] a partition is listed newest first of each key, in table order', () => {
  const memtable = table();
  for (let round = 0; round < 3; round += 1) {
    for (let key = 0; key < 100; key += 1) put(memtable, key, round * 1000 + key);
  }
  let seen = 0;
  for (let partition = 0; partition < 4; partition += 1) {
    const range = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 };
    const places = collectPartition(memtable, partition, range);
    let last = -1;
    for (let index = 0; index < places.count; index += 1) {
      const words = memtable.pool.words[places.chunks[index]!]!;
      const record = places.offsets[index]!;
      const high = words[record + HEADER.tokenHigh]! >>> 0;
      assert.is(high >>> 30, partition);
      assert.ok(high > last);
      assert.is(words[record + 15], 2000 + words[record + 8]!);
      last = high;
      seen += 1;
    }
  }
  assert.is(seen, 100);
});

test('[MT2] restored records keep their sequences, and the next commit goes on from there', () => {
  const source = table({ firstSequence: 2 ** 32 - 2 });
  for (let key = 0; key < 5; key += 1) put(source, key, key);
  const target = table();
  let at = source.appendFroms[0]!;
  while (at < source.appendTos[0]!) {
    assert.ok(target.restore(source.words, at, hashOf(target, source.words[at + 16]!)));
    at += PREFIX_WORDS + RECORD_WORDS;
  }
  assert.is(target.nextSequence, 2 ** 32 + 3);
  assert.is(target.appendCount, 0);
  assert.is(target.floorSequence(), 2 ** 32 - 3);
  put(target, 9, 9);
  const prefix = target.appendFroms[0]!;
  assert.is(target.words[prefix + PREFIX.sequenceLow], 3);
  assert.is(target.words[prefix + PREFIX.sequenceHigh], 1);
});

test('[RS1] [RS2] sorting equals a plain stable sort, with many equal tokens', () => {
  const prng = new Prng(`${SEED}/sort`);
  for (let round = 0; round < 50; round += 1) {
    const count = prng.below(400);
    const draw = (bound: number): Int32Array =>
      Int32Array.from({ length: count }, () =>
        prng.chance(0.5) ? -prng.below(bound) : prng.below(bound),
      );
    const bucketIds = Int32Array.from({ length: count }, () => 1 + prng.below(3));
    const [tokenHighs, tokenLows, keys] = [draw(8), draw(3), draw(3)];
    const compareKeys = (left: number, right: number): number => keys[left]! - keys[right]!;
    const wanted = Array.from({ length: count }, (_, index) => index).toSorted(
      (left, right) =>
        bucketIds[left]! - bucketIds[right]! ||
        (tokenHighs[left]! >>> 0) - (tokenHighs[right]! >>> 0) ||
        (tokenLows[left]! >>> 0) - (tokenLows[right]! >>> 0) ||
        compareKeys(left, right),
    );
    const found = sortRecords({ count, bucketIds, tokenHighs, tokenLows, compareKeys });
    assert.equal([...found], wanted);
  }
});

test('[RS1] [RS2] many records are sorted the same way, whether their tokens are even or crowded', () => {
  const prng = new Prng(`${SEED}/sort many`);
  const even = (): number => prng.below(2 ** 32) | 0;
  // One value, few values, the upper half of a cell, the ends of the range, and all of it.
  const shapes = [
    () => 7,
    () => prng.below(5) - 2,
    () => (prng.chance(0.9) ? 0x4000_0000 + prng.below(64) : even()),
    () => (prng.chance(0.5) ? -1 : 0),
    even,
  ];
  for (const high of shapes) {
    for (const low of shapes) {
      const count = 33 + prng.below(3000);
      const fill = (draw: () => number): Int32Array => Int32Array.from({ length: count }, draw);
      const bucketIds = fill(() => (prng.chance(0.8) ? 1 : -1));
      const [tokenHighs, tokenLows, keys] = [fill(high), fill(low), fill(() => prng.below(3))];
      const compareKeys = (left: number, right: number): number => keys[left]! - keys[right]!;
      const wanted = Array.from({ length: count }, (_, index) => index).toSorted(
        (left, right) =>
          (bucketIds[left]! >>> 0) - (bucketIds[right]! >>> 0) ||
          (tokenHighs[left]! >>> 0) - (tokenHighs[right]! >>> 0) ||
          (tokenLows[left]! >>> 0) - (tokenLows[right]! >>> 0) ||
          compareKeys(left, right),
      );
      const found = sortRecords({ count, bucketIds, tokenHighs, tokenLows, compareKeys });
      assert.equal([...found], wanted);
    }
  }
});

test.run();
