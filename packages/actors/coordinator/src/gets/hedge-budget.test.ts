import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEDGES_AHEAD_MAX, HedgeBudget } from './hedge-budget.ts';

test('[HB1] hedges are never above their budget, and are granted below it', () => {
  const steps = fc.array(fc.record({ gets: fc.nat(200), hedges: fc.nat(100) }), { maxLength: 50 });
  fc.assert(
    fc.property(steps, (rounds) => {
      const budget = new HedgeBudget();
      let gets = 0;
      let granted = 0;
      for (const round of rounds) {
        for (let get = 0; get < round.gets; get += 1) budget.earn();
        gets += round.gets;
        for (let hedge = 0; hedge < round.hedges; hedge += 1) if (budget.spend()) granted += 1;
        assert.ok(granted <= gets / 10 + HEDGES_AHEAD_MAX);
      }
    }),
  );
  const busy = new HedgeBudget();
  for (let hedge = 0; hedge < HEDGES_AHEAD_MAX; hedge += 1) assert.ok(busy.spend());
  assert.not(busy.spend());
  for (let get = 0; get < 9; get += 1) busy.earn();
  assert.not(busy.spend());
  busy.earn();
  assert.ok(busy.spend());
});

test.run();
