import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { EventQueue } from './event-queue.ts';

test('[EQ1] events leave by due, tie and order, as a sorted list would give them', () => {
  const prng = new Prng('event-queue');
  for (let round = 0; round < 50; round += 1) {
    const queue = new EventQueue();
    const expected: { due: number; tie: number; order: number }[] = [];
    const left: number[] = [];
    for (let order = 0; order < 200; order += 1) {
      const due = prng.below(20);
      const tie = prng.below(4);
      expected.push({ due, tie, order });
      queue.push(due, tie, () => left.push(order));
    }
    expected.sort((a, b) => a.due - b.due || a.tie - b.tie || a.order - b.order);
    while (queue.count > 0) queue.pop()();
    assert.equal(
      left,
      expected.map(({ order }) => order),
    );
  }
});

test.run();
