import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WriteThrottle } from './write-throttle.ts';

const SEED = 20_260_419;
const LIMITS = { ...DEFAULT_LIMITS, memtableFrozenMax: 4, runsSlow: 8, runsMax: 16 };

test('[WT1] without pressure all passes: half of the frozen chunks, and few runs', () => {
  const throttle = new WriteThrottle(LIMITS);
  throttle.beginStep(0, 2, 8);
  assert.is(throttle.pressure, 0);
  for (let write = 0; write < 1000; write += 1) assert.ok(throttle.passes(1_000_000));
});

test('[WT2] under pressure so many bytes pass as the allowance has room for, and no more', () => {
  const throttle = new WriteThrottle(LIMITS);
  throttle.beginStep(0, 3, 0);
  assert.is(throttle.pressure, 1 / 3);
  assert.not(throttle.passes(1), 'time must pass first');
  throttle.beginStep(10, 3, 0);
  let passed = 0;
  while (throttle.passes(100)) passed += 100;
  const allowance = (10 * 4096 * 2) / 3;
  assert.ok(passed >= allowance && passed < allowance + 100, `${passed}`);
});

test('[WT2] a write larger than any allowance passes, and what it took too much is paid back', () => {
  const throttle = new WriteThrottle(LIMITS);
  throttle.beginStep(0, 0, 12);
  throttle.beginStep(1, 0, 12);
  assert.ok(throttle.passes(1_000_000));
  throttle.beginStep(2, 0, 12);
  assert.not(throttle.passes(1));
  for (let at = 3; at < 600; at += 1) throttle.beginStep(at, 0, 12);
  assert.ok(throttle.passes(1));
});

test('[WT2] as fast as flushes were, less the more pressure there is', () => {
  const passedIn = (frozen: number, runs: number): number => {
    const throttle = new WriteThrottle(LIMITS);
    for (let flush = 0; flush < 40; flush += 1) throttle.flushed(1_000_000, 10);
    throttle.beginStep(0, frozen, runs);
    let passed = 0;
    for (let at = 1; at <= 100; at += 1) {
      throttle.beginStep(at, frozen, runs);
      while (throttle.passes(10_000)) passed += 10_000;
    }
    return passed;
  };
  assert.ok(Math.abs(passedIn(3, 0) / 6_666_666 - 1) < 0.02);
  assert.ok(Math.abs(passedIn(4, 0) / 3_333_333 - 1) < 0.02);
  assert.ok(Math.abs(passedIn(0, 15) / 1_250_000 - 1) < 0.02);
});

test('runs alone refuse, memory does that itself', () => {
  const throttle = new WriteThrottle(LIMITS);
  throttle.beginStep(1000, 4, 15);
  assert.ok(throttle.pressure < 1);
  throttle.beginStep(2000, 0, 16);
  assert.is(throttle.pressure, 1);
  assert.not(throttle.passes(1));
  assert.not(throttle.waits(1));
});

test('[WT3] what waits is bounded, and its room is there again when it ran', () => {
  const throttle = new WriteThrottle(LIMITS);
  throttle.beginStep(0, 3, 0);
  const half = 4 * 1024 * 1024;
  assert.ok(throttle.waits(half));
  assert.ok(throttle.waits(half));
  assert.not(throttle.waits(1));
  throttle.waitEnded(half);
  assert.ok(throttle.waits(1));
});

test('[WT1, WT2, WT3] whatever presses: below full pressure a write passes after a second at the most', () => {
  const step = fc.record({
    passedMs: fc.double({ min: 0, max: 1000, noNaN: true }),
    frozen: fc.nat(4),
    runs: fc.nat(20),
    byteCount: fc.nat(20_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const throttle = new WriteThrottle(LIMITS);
      let now = 0;
      for (const { passedMs, frozen, runs, byteCount } of steps) {
        now += passedMs;
        throttle.beginStep(now, frozen, runs);
        throttle.passes(byteCount);
        if (frozen <= 2 && runs <= 8) assert.ok(throttle.passes(1));
      }
      throttle.beginStep(now + 1000, 4, 15);
      assert.ok(throttle.passes(1));
    }),
    { seed: SEED, numRuns: 200 },
  );
});

test.run();
