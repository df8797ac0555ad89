/** A table that no merge can read, while flushes go on and the store is opened anew (F12). */
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { tableName } from '@clockwise/storage/file-names';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Version } from './merge-fixture.ts';
import { MergeStore, type MergeStoreOptions } from './merge-store.ts';

const OPTIONS: MergeStoreOptions = {
  runsMin: 3,
  tableBytes: 2000,
  levelBytes1: 30_000,
  levelFanout: 4,
  tableCodec: 0,
};
/** A day. */
const LATER_MS = 24 * 3600 * 1000;
const ROUNDS = 60;
const ROUNDS_OF_A_LIFE = 15;

/** A store, and what it must hold. */
class DamagedStore {
  store: MergeStore;
  readonly expected = new Map<number, number>();
  failedCount = 0;
  readonly #disk: SimulatedDisk;
  readonly #prng: Prng;
  #nowMs = 0;

  constructor(seed: string) {
    this.#prng = new Prng(seed);
    this.#disk = new SimulatedDisk({ prng: this.#prng });
    this.store = MergeStore.open(this.#disk, OPTIONS);
  }

  flush(): void {
    const versions: Version[] = [];
    for (let key = 0; key < 64; key += 1) {
      if (!this.#prng.chance(0.5)) continue;
      const value = this.#prng.below(1_000_000);
      const kind = this.#prng.chance(0.2) ? 'tombstone' : 'full';
      versions.push({ kind, key, value, expiries: [0], hybridSeconds: 1000 });
      if (kind === 'tombstone') this.expected.delete(key);
      else this.expected.set(key, value);
    }
    assert.is(this.store.flush(versions), 'published');
  }

  passes(milliseconds: number): void {
    this.#nowMs += milliseconds;
    this.store.nowMs = this.#nowMs;
  }

  /** Until nothing more is wanted, or all that is wanted is blocked. */
  mergeAll(): void {
    const before = this.store.control.figures.mergesFailed;
    for (let beat = 0; this.store.control.wanted() > 0; beat += 1) {
      assert.ok(beat < 300, 'merges come to an end');
      this.store.merge();
    }
    this.failedCount += this.store.control.figures.mergesFailed - before;
    this.store.remove();
  }

  openAnew(): void {
    this.store = MergeStore.open(this.#disk, OPTIONS);
    this.passes(0);
  }

  /** A byte of the table's first block, or back to what it was. */
  turn(fileNumber: number): void {
    const name = tableName(fileNumber);
    this.#disk.corrupt(name, 40, this.#disk.contents(name)[40]! ^ 0x21);
  }

  get runCount(): number {
    return this.store.versions.levels.runCount;
  }
}

function withLevel1(seed: string): DamagedStore {
  const damaged = new DamagedStore(seed);
  for (let run = 0; run < 3; run += 1) damaged.flush();
  damaged.mergeAll();
  assert.is(damaged.runCount, 0);
  return damaged;
}

const PLACES = {
  'of level 1': (damaged: DamagedStore): number => {
    const { tables } = damaged.store.versions.manifest;
    return tables.filter(({ level }) => level === 1).at(-1)!.fileNumber;
  },
  'the oldest run': (damaged: DamagedStore): number => {
    damaged.flush();
    return damaged.store.versions.manifest.tables.at(-1)!.fileNumber;
  },
  'a run between others': (damaged: DamagedStore): number => {
    damaged.flush();
    damaged.flush();
    return damaged.store.versions.manifest.tables.at(-1)!.fileNumber;
  },
};

for (const [place, choose] of Object.entries(PLACES)) {
  test(`[CG3] [JB2] [PR1] [PR2] F12 a damaged table, ${place}: runs stay few, no version is lost, and all heals`, () => {
    for (let seed = 0; seed < 5; seed += 1) {
      const damaged = withLevel1(`merge-damage-${place}-${seed}`);
      const fileNumber = choose(damaged);
      damaged.turn(fileNumber);
      for (let round = 1; round <= ROUNDS; round += 1) {
        damaged.flush();
        damaged.mergeAll();
        damaged.passes(1000);
        assert.ok(damaged.runCount <= 6, `${damaged.runCount} runs after ${round} flushes`);
        if (round % ROUNDS_OF_A_LIFE === 0) damaged.openAnew();
      }
      const { tables } = damaged.store.versions.manifest;
      assert.ok(
        tables.some((table) => table.fileNumber === fileNumber),
        'it stays',
      );
      assert.ok(damaged.failedCount > 0);
      assert.ok(
        damaged.failedCount <= ROUNDS / ROUNDS_OF_A_LIFE + 1,
        `${damaged.failedCount} merges failed: one in each life, not one for each flush`,
      );
      damaged.turn(fileNumber);
      assert.equal(sorted(damaged.store.readAll()), sorted(damaged.expected), `seed ${seed}`);
      damaged.passes(LATER_MS);
      damaged.flush();
      damaged.flush();
      damaged.mergeAll();
      const names = damaged.store.versions.manifest.tables.map((table) => table.fileNumber);
      assert.not(names.includes(fileNumber), 'it is merged when it can be read again');
      assert.is(damaged.store.control.figures.mergesBlocked, 0);
      assert.equal(sorted(damaged.store.readAll()), sorted(damaged.expected), `seed ${seed}`);
    }
  });
}

function sorted(model: ReadonlyMap<number, number>): [number, number][] {
  return [...model].toSorted(([left], [right]) => left - right);
}

test.run();
