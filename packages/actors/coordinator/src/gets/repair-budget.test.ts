import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FORGOTTEN_MS, RepairBudget } from './repair-budget.ts';

/** Sends as many to node 0 as are admitted. */
function sendAll(budget: RepairBudget, now: number): number {
  let count = 0;
  while (budget.admits(0, now) && count < 1000) {
    budget.sent(0);
    count += 1;
  }
  return count;
}

test('[MB1] as many repairs of a node are under way as are admitted, and others besides', () => {
  const budget = new RepairBudget(2, 3);
  assert.is(sendAll(budget, 5), 3);
  assert.ok(budget.admits(1, 5));
  budget.ended(0);
  assert.is(sendAll(budget, 5 + FORGOTTEN_MS - 1), 1);
});

test('[MB1] a lost link takes all with it, and answers that nobody asked for count for nothing', () => {
  const budget = new RepairBudget(1, 2);
  assert.is(sendAll(budget, 0), 2);
  budget.lost(0);
  assert.ok(budget.admits(0, 0));
  budget.ended(0);
  budget.ended(0);
  assert.is(sendAll(budget, 0), 2);
});

test('[MB2] repairs that are never answered are forgotten, and those sent since then are not', () => {
  const budget = new RepairBudget(1, 256);
  assert.is(sendAll(budget, 10_000), 256);
  assert.not(budget.admits(0, 10_000 + FORGOTTEN_MS), 'the younger half becomes the older one');
  assert.is(sendAll(budget, 10_000 + 2 * FORGOTTEN_MS), 256);
});

test('[MB2] a leak of a few at a time never closes the way, while others are answered', () => {
  const budget = new RepairBudget(1, 8);
  for (let now = 0; now < 100 * FORGOTTEN_MS; now += FORGOTTEN_MS / 4) {
    assert.ok(sendAll(budget, now) >= 3, `at ${now}`);
    // Of eight one is lost each time.
    for (let answered = 0; answered < 7; answered += 1) budget.ended(0);
  }
});

test.run();
