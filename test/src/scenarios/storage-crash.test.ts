/** The store against crashes at every call to the disk, under every crash model (O8, F7, F20). */
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
import { mustOpen, type TestStore } from './store-fixture.ts';

/** What a client knows: the last value acknowledged per key, and the last one sent. */
class Ledger {
  readonly acked = new Map<number, number>();
  readonly sent = new Map<number, number>();
  next = 1;

  ackAll(): void {
    for (const [key, value] of this.sent) this.acked.set(key, value);
  }

  /** Every acknowledged value is there, or a later one that was sent. */
  check(store: TestStore, context: string): void {
    for (const [key, value] of this.sent) {
      const found = store.get(key) ?? 0;
      const acked = this.acked.get(key) ?? 0;
      assert.ok(found >= acked, `O8 ${context}: key ${key} has ${found}, acknowledged ${acked}`);
      assert.ok(found <= value, `${context}: key ${key} has ${found}, sent ${value}`);
      // Whoever reads it may never see it vanish: from here on it counts.
      this.acked.set(key, found);
      this.sent.set(key, found);
    }
  }
}

/** Puts, groups, syncs, flushes and clean reopenings by seed, until the disk says stop. */
function run(disk: SimulatedDisk, ledger: Ledger, prng: Prng, steps: number): void {
  let store = mustOpen(disk);
  ledger.check(store, 'after opening');
  for (let step = 0; step < steps; step += 1) {
    const puts = prng.below(6);
    for (let index = 0; index < puts; index += 1) {
      const key = prng.below(40);
      if (!store.put(key, ledger.next)) break;
      ledger.sent.set(key, ledger.next);
      ledger.next += 1;
    }
    assert.ok(store.group());
    if (prng.chance(0.7)) {
      assert.ok(store.sync());
      ledger.ackAll();
    }
    if (prng.chance(0.12)) assert.ok(store.flush());
    if (prng.chance(0.04)) {
      assert.ok(store.log.close().ok);
      ledger.ackAll();
      store = mustOpen(disk);
      ledger.check(store, 'after a clean reopening');
    }
  }
}

function crashRun(seed: string, model: CrashModel, crashAt: number): boolean {
  const prng = new Prng(seed);
  const disk = new SimulatedDisk({
    prng: prng.stream(`disk ${crashAt}`),
    shortTransferProbability: 0.05,
  });
  const ledger = new Ledger();
  disk.crashAt = crashAt;
  try {
    run(disk, ledger, prng.stream('load'), 60);
    return false;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  const context = `seed ${seed}, ${model}, call ${crashAt}`;
  disk.crash(model);
  // The second life crashes too, early: within its own opening.
  disk.crashAt = disk.operationCount + 1 + prng.below(30);
  try {
    const store = mustOpen(disk);
    ledger.check(store, context);
    for (let key = 0; key < 10; key += 1) store.put(key, ledger.next);
    for (let key = 0; key < 10; key += 1) ledger.sent.set(key, ledger.next);
    ledger.next += 1;
    store.group();
    if (store.sync()) ledger.ackAll();
    store.flush();
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  disk.crash(model);
  ledger.check(mustOpen(disk), `${context}, second life`);
  return true;
}

for (const model of CRASH_MODELS) {
  test(`O8 F7 F20 [SD1] [OS2] [OS3] [OS4] [ME1] [LW2] [FJ3] crash at sampled calls, twice, ${model}`, () => {
    const seed = `crash-${model}`;
    let crashAt = 1;
    let count = 0;
    const sample = new Prng(seed);
    while (crashRun(`${seed}-${count % 7}`, model, crashAt)) {
      // Every call of the first opening, then a sample.
      crashAt += crashAt < 30 ? 1 : sample.between(1, 6);
      count += 1;
      if (count > 250) break;
    }
    assert.ok(count > 60, `${count} crashes`);
  });
}

test('[OS3] a run without a crash ends with what it wrote, and [OS5] numbers only grow', () => {
  const disk = new SimulatedDisk({ prng: new Prng('plain') });
  const ledger = new Ledger();
  run(disk, ledger, new Prng('plain-load'), 300);
  const first = mustOpen(disk);
  ledger.check(first, 'at the end');
  const second = mustOpen(disk);
  assert.ok(second.manifest.opening > first.manifest.opening);
  assert.ok(second.manifest.edition > first.manifest.edition);
  assert.ok(second.manifest.nextFileNumber >= first.manifest.nextFileNumber);
  assert.ok(first.tables.length > 3);
  // [OS4] the folder holds what the manifest names, and no table besides.
  const names = disk.list();
  const numbers = (names.ok ? names.value : [])
    .map((name) => parseFileName(name))
    .flatMap((file) => (file?.kind === 'table' ? [file.fileNumber] : []));
  const named = second.manifest.tables.map((table) => table.fileNumber);
  const byNumber = (left: number, right: number): number => left - right;
  assert.equal(numbers.toSorted(byNumber), named.toSorted(byNumber));
  assert.is(disk.openFileCount < 20, true, `${disk.openFileCount} open files`);
});

test.run();
