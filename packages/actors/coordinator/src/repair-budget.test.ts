import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RepairBudget } from './repair-budget.ts';

test('[MB1] as many repairs of a node are under way as are admitted, and others besides', () => {
  const budget = new RepairBudget(2, 3);
  for (let repair = 0; repair < 3; repair += 1) {
    assert.ok(budget.admits(0));
    budget.sent(0);
  }
  assert.not(budget.admits(0));
  assert.ok(budget.admits(1));
  budget.ended(0);
  assert.ok(budget.admits(0));
});

test('[MB1] a lost link takes all with it, and answers that nobody asked for count for nothing', () => {
  const budget = new RepairBudget(1, 2);
  budget.sent(0);
  budget.sent(0);
  budget.lost(0);
  assert.ok(budget.admits(0));
  budget.ended(0);
  budget.ended(0);
  budget.sent(0);
  budget.sent(0);
  assert.not(budget.admits(0));
});

test.run();
