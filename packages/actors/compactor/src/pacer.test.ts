import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MergePacer } from './pacer.ts';

const SEED = 20_260_418;
const RUNS_SLOW = 8;

/** Beats of 100 ms, one a second, each with this latency. */
function beats(pacer: MergePacer, count: number, latencyMs: number, from = 0): number {
  let pauseMs = 0;
  for (let beat = 0; beat < count; beat += 1) {
    pauseMs = pacer.pauseAfter(100, latencyMs, 0, from + beat * 1000);
  }
  return pauseMs;
}

test('the first pause is as long as its beat, nearly: nothing is known yet', () => {
  assert.is(new MergePacer(RUNS_SLOW).pauseAfter(100, 0, 0, 0), 100);
});

test('where foreground work stays calm, merges rest less and less, and in the end not at all', () => {
  const pacer = new MergePacer(RUNS_SLOW);
  assert.is(beats(pacer, 1, 2), 80);
  assert.ok(beats(pacer, 5, 2, 1000) < 40);
  assert.is(beats(pacer, 30, 2, 6000), 0);
});

test('[PC1] where merges are felt the pause grows, up to nine beats', () => {
  const pacer = new MergePacer(RUNS_SLOW);
  beats(pacer, 30, 2);
  assert.is(pacer.factor, 0);
  assert.ok(beats(pacer, 1, 20, 30_000) > 0, 'a factor of 0 can rise');
  assert.is(beats(pacer, 20, 20, 31_000), 900);
});

test('a latency between calm and busy changes nothing', () => {
  const pacer = new MergePacer(RUNS_SLOW);
  beats(pacer, 3, 2);
  const { factor } = pacer;
  pacer.pauseAfter(100, 3, 0, 3000);
  assert.is(pacer.factor, factor);
});

test('what is calm is forgotten slowly: a machine that got slower is calm again after minutes', () => {
  const pacer = new MergePacer(RUNS_SLOW);
  beats(pacer, 10, 2);
  assert.is(beats(pacer, 20, 8, 10_000), 900);
  assert.ok(beats(pacer, 300, 8, 30_000) < 900);
  assert.ok(pacer.calmMs > 6);
});

test('[PC2] with many runs in level 0 there is no pause, whatever the latency', () => {
  const pacer = new MergePacer(RUNS_SLOW);
  beats(pacer, 10, 2);
  beats(pacer, 10, 50, 10_000);
  assert.is(pacer.pauseAfter(100, 50, RUNS_SLOW, 21_000), 0);
  assert.ok(pacer.pauseAfter(100, 50, RUNS_SLOW - 1, 22_000) > 0);
});

test('[PC1] whatever is reported, a pause is finite, not negative and at most nine beats', () => {
  const report = fc.record({
    elapsedMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    latencyMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    runs: fc.nat(20),
    passedMs: fc.double({ min: 0, max: 1e7, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 100 }), (reports) => {
      const pacer = new MergePacer(RUNS_SLOW);
      let now = 0;
      for (const { elapsedMs, latencyMs, runs, passedMs } of reports) {
        now += passedMs;
        const pauseMs = pacer.pauseAfter(elapsedMs, latencyMs, runs, now);
        assert.ok(pauseMs >= 0 && pauseMs <= 9 * elapsedMs);
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});

test.run();
