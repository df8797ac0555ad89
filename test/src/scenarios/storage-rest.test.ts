/**
 * An embedded store while nobody writes: what it holds more than once is merged until little of it is
 * left, and then it is quiet.
 */
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { OUTDATED_SHARE_MAX } from '@clockwise/storage/compaction/pick-at-rest';
import type { LocalStore } from '@clockwise/storage/local-store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawConfiguration } from './local-configurations.ts';
import {
  get,
  type LocalConfiguration,
  mustOpenLocal,
  put,
  remove,
  scanAll,
  SMALL,
} from './local-fixture.ts';

/** What is estimated from some hundred tokens, in hundredths of what is not outdated. */
const ESTIMATE_ERROR = 0.05;
const REST_MS = 5000;
const TICKS = 400;

/** A store, what it must hold, and what time it is. */
class Rested {
  readonly disk: SimulatedDisk;
  readonly store: LocalStore;
  /** Stamps; 0: deleted. */
  readonly stamps: Map<number, number> = new Map();
  nowMs = 1_000_000;

  constructor(seed: string, configuration: LocalConfiguration) {
    this.disk = new SimulatedDisk({ prng: new Prng(`${seed}-disk`) });
    this.store = mustOpenLocal(this.disk, { configuration, prng: new Prng(`${seed}-jobs`) });
  }

  write(key: number, stamp: number, byteCount: number): void {
    const { store } = this;
    const write = (): string =>
      stamp === 0 ? remove(store, key) : put(store, key, stamp, byteCount);
    while (write() !== 'ok') this.commit();
    this.stamps.set(key, stamp);
  }

  commit(): void {
    assert.ok(this.store.commit(true), this.store.failure?.detail);
    this.tick(10);
  }

  tick(count: number): void {
    for (let tick = 0; tick < count; tick += 1) this.store.tick((this.nowMs += 1));
  }

  /** Until nothing is left to do, all in tables. */
  rest(): void {
    this.commit();
    this.store.freeze();
    this.nowMs += REST_MS;
    this.tick(TICKS);
    // One more edition lets the files of the one before go.
    this.nowMs += REST_MS;
    this.tick(TICKS);
  }

  figure(name: string): number {
    return this.store.figures()[name]!;
  }

  /** Records in tables that are not the newest of their key, for each one that is. */
  outdatedShare(): number {
    const { tables } = this.store.versions.manifest;
    const records = tables.reduce((sum, { recordCount }) => sum + recordCount, 0);
    return (records - this.stamps.size) / this.stamps.size;
  }

  check(): void {
    const live = new Map([...this.stamps].filter(([, stamp]) => stamp > 0));
    const found = scanAll(this.store, 100);
    assert.is(found.size, live.size);
    for (const [key, stamp] of live) {
      assert.is(found.get(key), stamp);
      assert.is(get(this.store, key), stamp);
    }
  }
}

test('[PA1] random writes and rests: little is outdated at each rest, and a rested store is quiet', () => {
  let mostBefore = 0;
  for (let seed = 0; seed < 8; seed += 1) {
    const prng = new Prng(`rest-${seed}`);
    const configuration = { ...drawConfiguration(prng), bloomBitsPerKey: 10, forgets: false };
    const rested = new Rested(`rest-${seed}`, configuration);
    const keys = prng.between(300, 800);
    for (let round = 1; round <= 4; round += 1) {
      const writes = prng.between(20, keys);
      for (let count = 0; count < writes; count += 1) {
        const key = prng.chance(0.5) ? prng.below(keys) : prng.below(keys / 8);
        rested.write(key, prng.chance(0.1) ? 0 : round * 1000 + count, 60);
        if (count % 8 === 0) rested.commit();
      }
      mostBefore = Math.max(mostBefore, rested.outdatedShare());
      rested.rest();
      const share = rested.outdatedShare();
      assert.ok(share <= OUTDATED_SHARE_MAX + ESTIMATE_ERROR, `seed ${seed}: ${share} at rest`);
      const [merged, editions] = [rested.figure('bytesMergedOut'), rested.figure('editions')];
      const files = rested.disk.names();
      for (let hour = 0; hour < 3; hour += 1) {
        rested.nowMs += 3_600_000;
        rested.tick(20);
      }
      assert.is(rested.figure('bytesMergedOut'), merged, `seed ${seed}: it goes on at rest`);
      assert.is(rested.figure('editions'), editions);
      assert.equal(rested.disk.names(), files);
      rested.check();
    }
  }
  assert.ok(mostBefore > 0.3, `${mostBefore} at the most before a rest: nothing was to be done`);
});

const LEVELS = { ...SMALL, levelBytes1: 24 * 1024, runsMin: 6 };

test('[OD2] what was written once, each key once, is not merged again by a rest', () => {
  const rested = new Rested('filled', { ...LEVELS, runsMin: 12 });
  // With what is flushed at rest fewer runs than it makes one run of, over two levels.
  const isMade = (): boolean => rested.figure('levels') === 3 && rested.figure('runs') === 1;
  const keys = new Prng('order').shuffle(Array.from({ length: 8000 }, (_, key) => key));
  while (!isMade()) {
    for (const key of keys.splice(0, 8)) rested.write(key, key + 1, 60);
    assert.ok(keys.length > 0, 'levels and runs come about');
    rested.commit();
    rested.tick(20);
  }
  const places = (): readonly string[] =>
    rested.store.versions.manifest.tables.map((table) => `${table.fileNumber} of ${table.level}`);
  const before = places();
  rested.rest();
  assert.equal(
    before.filter((place) => !places().includes(place)),
    [],
  );
  assert.is(rested.outdatedShare(), 0);
  rested.check();
});

test('[LUP3] who writes again ends the rest: what is under way is merged, and no more', () => {
  const rested = new Rested('again', LEVELS);
  for (let count = 0; count < 4000; count += 1) {
    rested.write(count % 1300, count + 1, 60);
    if (count % 8 === 0) rested.commit();
  }
  rested.store.freeze();
  rested.commit();
  rested.tick(TICKS);
  const ended = rested.figure('mergesEnded');
  rested.nowMs += REST_MS;
  while (rested.figure('mergesEnded') === ended) rested.tick(1);
  rested.write(1, 9999, 60);
  rested.commit();
  rested.tick(TICKS);
  assert.ok(rested.figure('mergesEnded') <= ended + 2);
  const share = rested.outdatedShare();
  assert.ok(share > OUTDATED_SHARE_MAX, `${share}: there was more to merge`);
  rested.rest();
  assert.ok(rested.outdatedShare() < share);
  rested.check();
});

test.run();
