/** The embedded store against crashes at sampled calls to its disk; all of them by `storage-proof`. */
import { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureRun, runCrash } from './crash-run.ts';

const WRITES = 500;
const CRASHES = 1000;
const SEEDS = 10;

test('O8 F7 F8 F9 F11 F20 F24 [SN1] [LSN2] crashes at a thousand sampled calls, under every model', () => {
  const prng = new Prng('enumeration');
  let count = 0;
  let snapshotCount = 0;
  let mergeCount = 0;
  for (let index = 0; index < SEEDS; index += 1) {
    const seed = `enumeration-${index}`;
    const { calls, snapshots, figures } = measureRun(seed, WRITES);
    snapshotCount += snapshots;
    mergeCount += figures['mergesEnded']!;
    for (let run = 0; run < CRASHES / SEEDS; run += 1) {
      const model = CRASH_MODELS[count % CRASH_MODELS.length]!;
      const call = prng.between(1, calls);
      const secondCall = prng.chance(0.5) ? prng.between(1, 60) : 0;
      assert.ok(runCrash({ seed, writes: WRITES, model, call, secondCall }));
      count += 1;
    }
  }
  assert.is(count, CRASHES);
  assert.ok(snapshotCount >= SEEDS && mergeCount >= 3 * SEEDS, `${snapshotCount}, ${mergeCount}`);
});

test.run();
