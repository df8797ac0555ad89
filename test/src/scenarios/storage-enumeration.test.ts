// runner: limit 120s
// runner: test limit 90s
/** The embedded store against crashes at sampled calls to its disk; all of them by `storage-proof`. */
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRASHING, measureRun, runCrash } from './crash-run.ts';
import { get, mustOpenLocal, put } from './local-fixture.ts';

const WRITES = 500;
const CRASHES = 1000;
const SEEDS = 10;

test('O8 F7 F8 F9 F11 F20 F24 [SN1] [LSN2] crashes at a thousand sampled calls, under every model', () => {
  const prng = new Prng('enumeration');
  let count = 0;
  let snapshotCount = 0;
  let mergeCount = 0;
  let forgottenCount = 0;
  for (let index = 0; index < SEEDS; index += 1) {
    const seed = `enumeration-${index}`;
    const { calls, snapshots, figures } = measureRun(seed, WRITES);
    snapshotCount += snapshots;
    mergeCount += figures['mergesEnded']!;
    forgottenCount += figures['recordsDroppedTombstone']!;
    for (let run = 0; run < CRASHES / SEEDS; run += 1) {
      const model = CRASH_MODELS[count % CRASH_MODELS.length]!;
      const call = prng.between(1, calls);
      const secondCall = prng.chance(0.5) ? prng.between(1, 60) : 0;
      assert.ok(runCrash({ seed, writes: WRITES, model, call, secondCall }));
      count += 1;
    }
  }
  assert.is(count, CRASHES);
  assert.ok(forgottenCount > SEEDS, `${forgottenCount} deleted keys were forgotten by merges`);
  assert.ok(snapshotCount >= SEEDS && mergeCount >= 3 * SEEDS, `${snapshotCount}, ${mergeCount}`);
});

/** Found by seed 11: call 1274 torn, then call 42 of the opening torn. */
test('O8 [OS2] [OS3] F5 an opening that is torn while it makes the tail durable takes nothing from it', () => {
  const KEYS = 10;
  for (let seed = 0; seed < 12; seed += 1) {
    for (let call = 1; call < 40; call += 1) {
      const disk = new SimulatedDisk({ prng: new Prng(`tail ${seed}`) });
      const opening = { configuration: CRASHING };
      const store = mustOpenLocal(disk, opening);
      for (let key = 0; key < KEYS; key += 1) {
        assert.is(put(store, key, key + 1, 100), 'ok');
        assert.ok(store.commit(true));
      }
      disk.crash('drop-all');
      disk.crashAt = disk.operationCount + call;
      try {
        mustOpenLocal(disk, opening);
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      disk.crash('torn');
      const last = mustOpenLocal(disk, opening);
      for (let key = 0; key < KEYS; key += 1) {
        assert.is(get(last, key), key + 1, `seed ${seed}, call ${call}, key ${key}`);
      }
      assert.equal(disk.names('tail-'), []);
    }
  }
});

test.run();
