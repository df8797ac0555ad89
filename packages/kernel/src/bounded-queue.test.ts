import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { BoundedQueue } from './bounded-queue.ts';

test('[BQ1, BQ2] pushes and shifts in any order are those of a bounded array', () => {
  const operations = fc.array(fc.boolean(), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), operations, (countMax, pushes) => {
      const queue = new BoundedQueue<number>(countMax);
      const model: number[] = [];
      pushes.forEach((isPush, item) => {
        if (isPush) {
          const isTaken = model.length < countMax;
          assert.is(queue.push(item), isTaken);
          if (isTaken) model.push(item);
        } else {
          assert.is(queue.shift(), model.shift());
        }
        assert.is(queue.count, model.length);
        assert.is(queue.peek(), model[0]);
      });
    }),
    { numRuns: 300 },
  );
});

test('[BQ1] order survives growth while the ring is wrapped', () => {
  const queue = new BoundedQueue<number>(100);
  for (let item = 0; item < 8; item += 1) queue.push(item);
  for (let item = 0; item < 5; item += 1) assert.is(queue.shift(), item);
  for (let item = 8; item < 30; item += 1) queue.push(item);
  for (let item = 5; item < 30; item += 1) assert.is(queue.shift(), item);
  assert.is(queue.shift(), undefined);
});

test('[BQ2] one more than the bound is refused, and taken once there is room', () => {
  const queue = new BoundedQueue<string>(1);
  assert.ok(queue.push('a'));
  assert.not(queue.push('b'));
  assert.is(queue.count, 1);
  assert.is(queue.shift(), 'a');
  assert.ok(queue.push('b'));
});

test('a queue of nothing is a programmer error', () => {
  assert.throws(() => new BoundedQueue(0), /at least one/);
});

test.run();
