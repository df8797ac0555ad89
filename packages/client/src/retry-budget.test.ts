import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RetryBudget } from './retry-budget.ts';

const LIMITS = { share: 0.1, perSecond: 10, burst: 50 };

test('[RU1] retries are bounded by the requests and the time, whatever the order', () => {
  const prng = new Prng('retry budget');
  for (let run = 0; run < 20; run += 1) {
    const budget = new RetryBudget(LIMITS);
    let now = 0;
    let requests = 0;
    let granted = 0;
    for (let step = 0; step < 2000; step += 1) {
      now += prng.below(5);
      if (prng.chance(0.5)) {
        budget.requested();
        requests += 1;
      } else if (budget.takes(now)) granted += 1;
      const most = LIMITS.burst + requests * LIMITS.share + (now / 1000) * LIMITS.perSecond;
      assert.ok(granted <= most + 1e-6, `run ${run}: ${granted} of ${most}`);
    }
    assert.ok(granted > requests * LIMITS.share);
  }
});

test('[RU1] what is saved up is spent, then a tenth of the requests and ten a second', () => {
  const budget = new RetryBudget(LIMITS);
  const grants = (count: number, now: number): number =>
    Array.from({ length: count }, () => budget.takes(now)).filter(Boolean).length;
  assert.is(grants(100, 0), 50);
  for (let count = 0; count < 31; count += 1) budget.requested();
  assert.is(grants(100, 0), 3);
  assert.is(grants(100, 1000), 10);
});

test.run();
