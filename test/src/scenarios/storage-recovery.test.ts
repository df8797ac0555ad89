/** What an opening replays of the log, and what it leaves out. */
import { Prng } from '@clockwise/kernel/prng';
import { publishManifest } from '@clockwise/storage/manifest-files';
import type { RangeDrop } from '@clockwise/storage/manifest';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
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

test.run();
