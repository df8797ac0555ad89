import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { minimize } from './ddmin.ts';

test('[DD1] [DD2] it finds just what is needed, in order, wherever that is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(59), { minLength: 1, maxLength: 5 }),
      (count, places) => {
        const items = Array.from({ length: count }, (_, index) => index);
        const needed = [...new Set(places.map((place) => place % count))].toSorted((a, b) => a - b);
        const found = minimize(
          items,
          (candidate) => needed.every((item) => candidate.includes(item)),
          { left: 10_000 },
        );
        assert.equal(found, needed);
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

test('[DD2] what fails without anything is nothing; trials are never overdrawn', () => {
  assert.equal(
    minimize([1, 2, 3], () => true, { left: 100 }),
    [],
  );
  const trials = { left: 3 };
  const found = minimize([1, 2, 3, 4, 5, 6, 7, 8], (items) => items.includes(5), trials);
  assert.is(trials.left, 0);
  assert.ok(found.includes(5));
});

test('one of several ways to fail is enough', () => {
  const found = minimize(
    [1, 2, 3, 4, 5, 6],
    (items) => items.includes(2) || (items.includes(4) && items.includes(6)),
    { left: 1000 },
  );
  assert.equal(found.length, 1);
  assert.equal(found, [2]);
});

test.run();
