import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EarliestTimer } from './earliest-timer.ts';
import { MemoryWorld } from './memory-world.ts';

test('[ET1] [MW1] one timer, for the earliest instant named', async () => {
  const world = new MemoryWorld();
  const fired: number[] = [];
  const timer = new EarliestTimer(world, (now) => fired.push(now - start));
  const start = world.now();
  for (const delayMs of [50, 20, 80, 20]) timer.arm(start + delayMs);
  assert.is(world.timerCount, 1);
  await world.advance(100);
  assert.equal(fired, [20]);
  timer.arm(world.now() + 5);
  timer.arm(Infinity);
  await world.advance(10);
  assert.equal(fired, [20, 105]);
  timer.arm(world.now() + 5);
  timer.stop();
  await world.advance(10);
  assert.is(fired.length, 2);
});

test('[ET1] a platform that fires early is made to wait', () => {
  let now = 0;
  const set: (() => void)[] = [];
  const clock = {
    dial: new MemoryWorld().dial,
    now: () => now,
    setTimer: (run: () => void) => set.push(run),
    clearTimer: () => undefined,
    atEndOfTick: () => undefined,
  };
  let count = 0;
  const timer = new EarliestTimer(clock, () => (count += 1));
  timer.arm(10);
  now = 9.5;
  set[0]!();
  assert.is(count, 0);
  now = 10;
  set[1]!();
  assert.is(count, 1);
});

test.run();
