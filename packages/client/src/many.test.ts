import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClockwiseError } from './errors.ts';
import { settleMany } from './many.ts';

test('[MN1] [MN2] results in order, bounded at once, failures of their own', async () => {
  let underWay = 0;
  let underWayMost = 0;
  const items = Array.from({ length: 50 }, (_, index) => index);
  const results = await settleMany(items, 7, async (item) => {
    underWay += 1;
    underWayMost = Math.max(underWayMost, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    if (item % 10 === 3) throw new ClockwiseError('TIMEOUT');
    if (item % 10 === 4) throw new RangeError('not ours');
    return item * 2;
  });
  assert.is(underWayMost, 7);
  results.forEach((result, index) => {
    if (index % 10 === 3) assert.ok(!result.ok && result.error.code === 'TIMEOUT');
    else if (index % 10 === 4) assert.ok(!result.ok && result.error.cause instanceof RangeError);
    else assert.ok(result.ok && result.result === index * 2);
  });
});

test('[MN1] an item that cannot even begin fails alone', async () => {
  const results = await settleMany([1, 2], 1, (item) => {
    if (item === 1) throw new ClockwiseError('OVERLOADED');
    return Promise.resolve(item);
  });
  assert.equal(
    results.map((result) => result.ok),
    [false, true],
  );
});

test.run();
