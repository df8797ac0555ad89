// O9 on samples made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Bounded } from './bounded.ts';

test('[O9] a load at its limit is well, one beyond it is told of once', () => {
  const bounded = new Bounded();
  const sample = (value: number): void =>
    bounded.observe('parked operations', value, 16, () => `n1 at ${value}`);
  for (const value of [0, 16, 3]) sample(value);
  assert.equal(bounded.violations, []);
  assert.equal(bounded.highest(), { 'parked operations': { value: 16, limit: 16 } });
  sample(17);
  sample(40);
  assert.equal(bounded.violations, [
    { oracle: 'O9', text: 'n1 at 17: parked operations is 17, over 16' },
  ]);
  assert.is(bounded.highest()['parked operations']?.value, 40);
});

test('[O9] each load has its own limit, and the limit at its highest is the one that is shown', () => {
  const bounded = new Bounded();
  bounded.observe('words', 5, 10, () => 'a');
  bounded.observe('words', 15, 20, () => 'b');
  bounded.observe('words', 7, 8, () => 'c');
  bounded.observe('files', 1, 1, () => 'd');
  assert.equal(bounded.violations, []);
  assert.equal(bounded.highest(), {
    words: { value: 15, limit: 20 },
    files: { value: 1, limit: 1 },
  });
  bounded.observe('words', 9, 8, () => 'e');
  assert.is(bounded.violations.length, 1, 'a load under a lower limit is beyond that');
});

test.run();
