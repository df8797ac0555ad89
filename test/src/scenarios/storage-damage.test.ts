/** A whole store that rots at random places; ten millions of damaged bytes by `storage-proof`. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeStore, runDamage } from './damage-run.ts';

const STORES = 4;
const DAMAGES = 80;

test('F14 O10 [LSR1] a store that rotted anywhere answers rightly, or says that it cannot', () => {
  const sums = { opened: 0, refused: 0, failedReads: 0, rightReads: 0, byteCount: 0 };
  for (let index = 0; index < STORES; index += 1) {
    const store = makeStore(`rot ${index}`);
    for (let run = 0; run < DAMAGES; run += 1) {
      const outcome = runDamage(store, `rot ${index} ${run}`);
      sums.opened += outcome.isOpened ? 1 : 0;
      sums.refused += outcome.isOpened ? 0 : 1;
      sums.failedReads += outcome.failedReads;
      sums.rightReads += outcome.rightReads;
      sums.byteCount += outcome.byteCount;
    }
  }
  const isVaried =
    sums.opened > 30 && sums.refused > 30 && sums.failedReads > 100 && sums.rightReads > 5000;
  assert.ok(isVaried, JSON.stringify(sums));
});

test.run();
