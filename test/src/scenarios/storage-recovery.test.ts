/** What an opening replays of the log, and what it leaves out. */
import { Prng } from '@clockwise/kernel/prng';
import { publishManifest } from '@clockwise/storage/manifest-files';
import type { RangeDrop } from '@clockwise/storage/manifest';
import { makeReserve } from '@clockwise/storage/reserve';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, mustOpen, type TestStore } from './store-fixture.ts';

/** Half of all tokens; those with the top bit of the high word clear. */
const LOWER_HALF = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 0x7fffffff, toLow: -1 };

function isInLowerHalf(key: number): boolean {
  return Math.imul(key, 0x9e3779b1) >>> 31 === 0;
}

function putSynced(store: TestStore, keys: readonly number[], value: number): void {
  for (const key of keys) assert.ok(store.put(key, value));
  assert.ok(store.group() && store.sync());
}

function publishDrops(disk: SimulatedDisk, store: TestStore, rangeDrops: RangeDrop[]): void {
  const { manifest } = store;
  const next = { ...manifest, edition: manifest.edition + 1, rangeDrops };
  assert.ok(publishManifest(disk, next, manifest.edition, checksum).ok);
}

const KEYS = Array.from({ length: 40 }, (_, index) => index + 1);

test('[OS7] records of the log that a range drop covers are not replayed; later ones, and others, are', () => {
  for (const isPowerLost of [false, true]) {
    const disk = new SimulatedDisk({ prng: new Prng(`drop ${isPowerLost}`) });
    const store = mustOpen(disk);
    putSynced(store, KEYS, 1);
    const { writtenSequence } = store.log;
    putSynced(store, KEYS.slice(0, 10), 2);
    publishDrops(disk, store, [
      { ...LOWER_HALF, sequence: writtenSequence },
      { ...LOWER_HALF, bucketId: 2, sequence: Number.MAX_SAFE_INTEGER },
    ]);
    disk.crash(isPowerLost ? 'drop-all' : 'keep-all');
    for (let opening = 0; opening < 3; opening += 1) {
      const again = mustOpen(disk);
      for (const key of KEYS) {
        const kept = isInLowerHalf(key) ? undefined : 1;
        assert.is(again.get(key), key <= 10 ? 2 : kept, `key ${key}, opening ${opening}`);
      }
      assert.is(again.memtable.nextSequence, 51, 'sequences go on behind what was dropped');
    }
  }
});

test('F17 [LW5] a crash at any call while the log goes on in its reserve loses nothing acknowledged', () => {
  let crashes = 0;
  let inReserve = 0;
  for (const model of CRASH_MODELS) {
    for (let nth = 1, isCrashed = true; isCrashed; nth += 1) {
      const disk = new SimulatedDisk({ prng: new Prng(`reserve ${model} ${nth}`) });
      const store = mustOpen(disk);
      assert.ok(makeReserve(disk, 2, 4096).ok);
      disk.syncAll();
      disk.capacityBytes = disk.usedBytes() + 400;
      disk.crashAt = disk.operationCount + nth;
      let acked = 0;
      isCrashed = false;
      try {
        for (let key = 1; key <= 20 && store.put(key, key); key += 1) {
          if (!store.group() || !store.sync()) break;
          acked = key;
        }
      } catch (error) {
        assert.ok(error instanceof SimulatedCrash, String(error));
        isCrashed = true;
        crashes += 1;
      }
      if (store.log.reserveUsed > 0) inReserve += 1;
      disk.crash(model);
      const again = mustOpen(disk);
      for (let key = 1; key <= acked; key += 1) assert.is(again.get(key), key, `${model}, ${nth}`);
      assert.ok(again.get(acked + 2) === undefined, 'one group may be there that was not answered');
    }
  }
  assert.ok(crashes > 300 && inReserve > 200, `${crashes} crashes, ${inReserve} in the reserve`);
});

test.run();
