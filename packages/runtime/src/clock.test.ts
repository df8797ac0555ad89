import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RealClock } from './clock.ts';

test('[CK1] now never goes back', () => {
  const clock = new RealClock();
  let latest = clock.now();
  for (let reading = 0; reading < 10_000; reading += 1) {
    const now = clock.now();
    assert.ok(now >= latest);
    latest = now;
  }
});

test('[CK2] clocks of two threads agree within 1 ms', async () => {
  const thread = new Worker(new URL('./toy/clock-thread.js', import.meta.url));
  const clock = new RealClock();
  for (let reading = 0; reading < 5; reading += 1) {
    const before = clock.now();
    thread.postMessage(undefined);
    const [between] = (await once(thread, 'message')) as [number];
    const after = clock.now();
    assert.ok(before - 1 <= between && between <= after + 1, `${before} ${between} ${after}`);
  }
  await thread.terminate();
});

test.run();
