import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotQueue } from './slot-queue.ts';

test('[SQ1] ids leave in the order they came, also around the end and over growth', () => {
  const queue = new SlotQueue(10_000, () => true);
  let pushed = 0;
  let expected = 0;
  for (let round = 0; round < 50; round += 1) {
    for (let count = 0; count < 150; count += 1) queue.push(pushed++);
    for (let count = 0; count < 60; count += 1) {
      assert.is(queue.peek(), expected++);
      queue.drop();
    }
  }
  assert.is(queue.count, pushed - expected);
});

test('[SQ2] stale ids are swept instead of growing without bound', () => {
  const waiting = new Set<number>();
  const queue = new SlotQueue(8, (id) => waiting.has(id));
  for (let id = 0; id < 100_000; id += 1) {
    waiting.add(id);
    waiting.delete(id - 4);
    queue.push(id);
    assert.ok(queue.count <= 1024);
  }
});

test.run();
