/** Merges, editions and removals against crashes, failed syncs and readers that hold on (F7, F8, F11). */
import { Prng } from '@clockwise/kernel/prng';
import {
  CRASH_MODELS,
  type CrashModel,
  SimulatedCrash,
  SimulatedDisk,
} from '@clockwise/simulator/simulated-disk';
import { parseFileName } from '@clockwise/storage/file-names';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rangeHolds } from '@clockwise/storage/table-extent';
import { tokenOf, type Version } from './merge-fixture.ts';
import { MergeStore, type MergeStoreOptions } from './merge-store.ts';
import { copyOf } from './store-fixture.ts';

const OPTIONS: MergeStoreOptions = {
  runsMin: 2,
  tableBytes: 600,
  levelBytes1: 1500,
  levelFanout: 2,
  tableCodec: 2,
};

type Model = ReadonlyMap<number, number>;

/** What a store may hold: after a crash also what was planned since the last edition that counts. */
class Ledger {
  #durable: Model = new Map();
  /** As of each flush whose edition is under way, or failed and waits. */
  #planned: Model[] = [];

  get durable(): Model {
    return this.#durable;
  }

  flush(store: MergeStore, versions: readonly Version[]): void {
    const next = this.#plan(store);
    for (const { key, value, kind } of versions) {
      if (kind === 'tombstone') next.delete(key);
      else next.set(key, value);
    }
    if (store.flush(versions) === 'failed') this.#planned.pop();
  }

  dropRange(store: MergeStore, prng: Prng): void {
    const next = this.#plan(store);
    const from = tokenOf(prng.below(48)).high;
    const to = (from + tokenOf(prng.below(8)).high) | 0;
    const range = { bucketId: 1, fromHigh: from, fromLow: 0, toHigh: to, toLow: -1 };
    for (const key of next.keys()) {
      if (rangeHolds(range, 1, tokenOf(key).high, tokenOf(key).low)) next.delete(key);
    }
    store.dropRange(range);
  }

  #plan(store: MergeStore): Map<number, number> {
    const next = new Map(this.#planned.at(-1) ?? this.#durable);
    this.#planned.push(next);
    store.onPublished = () => {
      this.#durable = this.#planned.at(-1) ?? this.#durable;
      this.#planned = [];
    };
    return next;
  }

  checkLive(store: MergeStore, context: string): void {
    const found = store.readAll();
    assert.ok(isEqual(found, this.#durable), `${context}: ${describe(found, this.#durable)}`);
  }

  checkReopened(store: MergeStore, context: string): void {
    const found = store.readAll();
    const possible = [this.#durable, ...this.#planned].find((model) => isEqual(found, model));
    assert.ok(possible !== undefined, `${context}: ${describe(found, this.#durable)}`);
    // Whoever reads it may never see it vanish.
    this.#durable = possible;
    this.#planned = [];
  }
}

function isEqual(left: Model, right: Model): boolean {
  return left.size === right.size && [...left].every(([key, value]) => right.get(key) === value);
}

function describe(found: Model, expected: Model): string {
  const keys = new Set([...found.keys(), ...expected.keys()]);
  const differing = [...keys].filter((key) => found.get(key) !== expected.get(key));
  return differing.map((key) => `${key}: ${found.get(key)}, not ${expected.get(key)}`).join('; ');
}

function randomFlush(prng: Prng, round: number): Version[] {
  const keys = new Set(Array.from({ length: prng.between(1, 16) }, () => prng.below(48)));
  return [...keys].map((key) => ({
    kind: prng.chance(0.2) ? ('tombstone' as const) : ('full' as const),
    key,
    value: round * 100 + key,
    expiries: [0],
    hybridSeconds: 1,
  }));
}

/** Flushes, and after each some beats; in between whatever may be removed is. */
function load(disk: SimulatedDisk, ledger: Ledger, prng: Prng, rounds: number): MergeStore {
  let store = MergeStore.open(disk, OPTIONS);
  ledger.checkReopened(store, 'after opening');
  for (let round = 1; round <= rounds; round += 1) {
    const versions = randomFlush(prng, round);
    ledger.flush(store, versions);
    if (prng.chance(0.15)) ledger.dropRange(store, prng);
    for (let beat = prng.below(8); beat > 0; beat -= 1) {
      store.merge();
      if (prng.chance(0.3)) store.remove();
    }
    if (prng.chance(0.1)) {
      store = MergeStore.open(disk, OPTIONS);
      ledger.checkReopened(store, 'after a clean reopening');
    }
  }
  return store;
}

const ROUNDS = 14;

/** False: the run came to its end before the crash. */
function crashRun(seed: string, model: CrashModel, crashAt: number): boolean {
  const prng = new Prng(seed);
  const disk = new SimulatedDisk({ prng: prng.stream(`disk ${crashAt}`) });
  const ledger = new Ledger();
  disk.crashAt = crashAt;
  try {
    load(disk, ledger, prng.stream('load'), ROUNDS);
    return false;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  const context = `seed ${seed}, ${model}, call ${crashAt}`;
  disk.crash(model);
  // The second life crashes too, early: in its opening or in the first merge.
  disk.crashAt = disk.operationCount + 1 + prng.below(120);
  try {
    const store = MergeStore.open(disk, OPTIONS);
    ledger.checkReopened(store, context);
    for (let beat = 0; beat < 4; beat += 1) store.merge();
    store.remove();
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  disk.crash(model);
  const store = MergeStore.open(disk, OPTIONS);
  ledger.checkReopened(store, `${context}, second life`);
  store.settle();
  ledger.checkLive(store, `${context}, settled`);
  return true;
}

for (const model of CRASH_MODELS) {
  test(`[CG2] [SV2] F7 F11 crash at sampled calls of merges, editions and removals, twice, ${model}`, () => {
    const seed = `merge-crash-${model}`;
    const sample = new Prng(seed);
    let count = 0;
    for (let crashAt = 20; crashRun(seed, model, crashAt); crashAt += sample.between(1, 19)) {
      count += 1;
    }
    assert.ok(count > 50, `${count} crashes`);
  });
}

test('[SE1] [SE3] [SV4] merges keep every value, reach deep levels and leave no file behind', () => {
  for (let seed = 0; seed < 12; seed += 1) {
    const prng = new Prng(`merge-load-${seed}`);
    const disk = new SimulatedDisk({ prng: prng.stream('disk'), shortTransferProbability: 0.02 });
    const ledger = new Ledger();
    const store = load(disk, ledger, prng.stream('load'), 40);
    store.settle();
    ledger.checkLive(store, `seed ${seed}`);
    assert.is(store.control.wanted(), 0);
    const { tables } = store.versions.manifest;
    assert.ok(Math.max(...tables.map(({ level }) => level)) >= 2);
    assert.equal(
      store.versions.manifest.rangeDrops,
      [],
      'SE2 drops end when nothing is left of them',
    );
    assert.equal(tableNumbers(disk), tables.map(({ fileNumber }) => fileNumber).toSorted(byNumber));
    assert.is(disk.openFileCount, 0);
  }
});

const byNumber = (left: number, right: number): number => left - right;

function tableNumbers(disk: SimulatedDisk): number[] {
  const files = disk.names().map(parseFileName);
  return files
    .flatMap((file) => (file?.kind === 'table' ? [file.fileNumber] : []))
    .toSorted(byNumber);
}

test('[SV3] F11 readers hold versions over merges and removals: what they pinned stays readable', () => {
  for (let seed = 0; seed < 12; seed += 1) {
    const prng = new Prng(`merge-pins-${seed}`);
    const disk = new SimulatedDisk({ prng: prng.stream('disk') });
    const ledger = new Ledger();
    const store = MergeStore.open(disk, OPTIONS);
    const pins: { readonly pin: number; readonly expected: Model }[] = [];
    for (let round = 1; round <= 40; round += 1) {
      const versions = randomFlush(prng, round);
      ledger.flush(store, versions);
      if (prng.chance(0.3)) pins.push({ pin: store.versions.pin(true), expected: ledger.durable });
      for (let beat = prng.below(8); beat > 0; beat -= 1) store.merge();
      store.remove();
      if (pins.length > 0 && prng.chance(0.2)) {
        const [{ pin, expected }] = pins.splice(prng.below(pins.length), 1) as [(typeof pins)[0]];
        assert.ok(isEqual(store.readAll(store.versions.readersOf(pin)), expected), `seed ${seed}`);
        store.versions.unpin(pin);
      }
    }
    for (const { pin, expected } of pins) {
      assert.ok(isEqual(store.readAll(store.versions.readersOf(pin)), expected));
      store.versions.unpin(pin);
    }
    store.settle();
    const { tables } = store.versions.manifest;
    assert.is(tableNumbers(disk).length, tables.length, 'what nobody reads any more is gone');
  }
});

test('[SV2] F9 the newest edition rots at any time: the one before it opens, with all its files', () => {
  let openedCount = 0;
  for (let seed = 0; seed < 6; seed += 1) {
    const prng = new Prng(`merge-rot-${seed}`);
    const disk = new SimulatedDisk({ prng: prng.stream('disk') });
    const ledger = new Ledger();
    const store = MergeStore.open(disk, OPTIONS);
    /** What the editions on the disk lead to, the newest last. */
    let models: Model[] = [ledger.durable, ledger.durable];
    let { edition } = store.versions.manifest;
    const look = (): void => {
      if (store.versions.manifest.edition === edition) return;
      edition = store.versions.manifest.edition;
      models = [models.at(-1)!, ledger.durable];
    };
    for (let round = 1; round <= 15; round += 1) {
      ledger.flush(store, randomFlush(prng, round));
      look();
      if (prng.chance(0.2)) ledger.dropRange(store, prng);
      look();
      for (let beat = prng.below(6); beat > 0; beat -= 1) {
        store.merge();
        look();
        if (prng.chance(0.5)) store.remove();
        const copy = copyOf(disk);
        const newest = copy.names('manifest-').at(-1)!;
        copy.corrupt(newest, 50, copy.contents(newest)[50]! ^ 4);
        const found = MergeStore.open(copy, OPTIONS).readAll();
        assert.ok(isEqual(found, models[0]!), `seed ${seed}: ${describe(found, models[0]!)}`);
        openedCount += 1;
      }
    }
  }
  assert.ok(openedCount > 100, `${openedCount} opened`);
});

const FAILING = ['open', 'write', 'read', 'datasync', 'syncDirectory', 'remove', 'list'] as const;

/**
 * One call fails, the `nth` of its kind; what it was to make durable may or may not be. The store goes
 * on, and crashes after `rounds` flushes; false: there were fewer such calls.
 */
function failedCallRun(
  operation: (typeof FAILING)[number],
  nth: number,
  model: CrashModel,
  rounds: number,
): boolean {
  const prng = new Prng('merge-failure');
  const disk = new SimulatedDisk({ prng: prng.stream(`disk ${nth}`) });
  const ledger = new Ledger();
  const store = MergeStore.open(disk, OPTIONS);
  const pages = prng.stream(`pages ${nth}`).pick(['new', 'old'] as const);
  const medium = prng.stream(`medium ${nth}`).pick(['none', 'some', 'all'] as const);
  disk.inject({ operation, nth, code: 'EIO', pages, medium });
  let wasReached = false;
  const callOf = disk.faults.callOf.bind(disk.faults);
  disk.faults.callOf = (call) => {
    const failure = callOf(call);
    wasReached ||= failure !== undefined;
    return failure;
  };
  const context = `${operation} ${nth}, ${model}, ${rounds} rounds`;
  const draws = prng.stream('load');
  for (let round = 1; round <= rounds; round += 1) {
    ledger.flush(store, randomFlush(draws, round));
    if (round === 3) ledger.dropRange(store, draws);
    for (let beat = 0; beat < 4; beat += 1) {
      store.merge();
      store.remove();
    }
  }
  disk.clearFaults();
  ledger.checkLive(store, context);
  disk.crash(model);
  for (let opening = 0; opening < 2; opening += 1) {
    ledger.checkReopened(MergeStore.open(disk, OPTIONS), `${context}, opening ${opening}`);
  }
  return wasReached;
}

for (const operation of FAILING) {
  test(`[CG2] [CG3] [SV1] [SV2] F8 F12 ${operation} fails at each call, then a crash: no value is lost`, () => {
    let nth = 1;
    // Of the many reads and writes, after the first ones each third.
    for (; ; nth += nth < 40 ? 1 : 3) {
      const model = CRASH_MODELS[nth % CRASH_MODELS.length]!;
      // Soon after the failure, or when merges have gone on over it.
      if (!failedCallRun(operation, nth, model, nth % 2 === 0 ? 7 : 4) && nth % 2 === 0) break;
    }
    assert.ok(nth > 4, `${nth} calls`);
  });
}

test.run();
