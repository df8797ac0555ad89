import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Timers } from './timers.ts';

function due(timers: Timers, now: number): number[] {
  const taken: number[] = [];
  timers.takeDue(now, taken);
  return taken.toSorted((a, b) => a - b);
}

test('[TM1] a timer fires once, not before its instant', () => {
  const timers = new Timers(() => undefined);
  timers.set(1, 10);
  timers.set(2, 20);
  assert.equal(due(timers, 9.9), []);
  assert.equal(due(timers, 10), [1]);
  assert.equal(due(timers, 19), []);
  assert.equal(due(timers, 100), [2]);
  assert.equal(due(timers, 1000), []);
});

test('[TM2] setting a timer again moves it, both ways', () => {
  const timers = new Timers(() => undefined);
  timers.set(1, 10);
  timers.set(1, 30);
  timers.set(2, 30);
  timers.set(2, 5);
  assert.equal(due(timers, 10), [2]);
  assert.equal(due(timers, 30), [1]);
});

test('the thread is woken for the earliest, also when it was set after a later one', async () => {
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const timers = new Timers(() => wake());
  const now = performance.now();
  timers.set(1, now + 1_000_000);
  timers.arm(now);
  timers.set(2, now + 1);
  timers.arm(now);
  await woken;
  timers.stop();
});

test.run();
