import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bucketOf, LatencyWindow, upperEndOf } from './latency-window.ts';

const WINDOW_MS = 1000;
const HALF_MS = WINDOW_MS / 2;

interface Sample {
  readonly at: number;
  readonly ms: number;
}

/** Pauses between samples as short as a step and as long as several windows. */
const samples = fc
  .array(
    fc.record({
      pause: fc.oneof(
        { weight: 20, arbitrary: fc.double({ min: 0, max: 5, noNaN: true }) },
        { weight: 1, arbitrary: fc.double({ min: 0, max: 3 * WINDOW_MS, noNaN: true }) },
      ),
      ms: fc.oneof(
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 10_000, noNaN: true }),
      ),
    }),
    { minLength: 1, maxLength: 400 },
  )
  .map((steps) => {
    let at = 0;
    return steps.map(({ pause, ms }): Sample => {
      at += pause;
      return { at, ms };
    });
  });

/** The same by sorting: the values of the half under way at `now` and of the one before. */
function truth(all: readonly Sample[], now: number): number {
  const from = (Math.floor(now / HALF_MS) - 1) * HALF_MS;
  const sorted = all
    .filter(({ at }) => at >= from)
    .map(({ ms }) => ms)
    .toSorted((left, right) => left - right);
  if (sorted.length === 0) return Infinity;
  return sorted[sorted.length - Math.floor(sorted.length / 100) - 1]!;
}

test('[LW1] p99 within one bucket of the true one, whatever came before the window', () => {
  fc.assert(
    fc.property(samples, fc.double({ min: 0, max: 2 * WINDOW_MS, noNaN: true }), (all, later) => {
      const window = new LatencyWindow(WINDOW_MS);
      all.forEach(({ at, ms }, index) => {
        window.record(ms, at);
        const expected = truth(all.slice(0, index + 1), at);
        assert.is(window.p99(at), upperEndOf(bucketOf(expected)));
      });
      const now = all.at(-1)!.at + later;
      const expected = truth(all, now);
      assert.is(window.p99(now), expected === Infinity ? Infinity : upperEndOf(bucketOf(expected)));
    }),
  );
});

test('[LW1] a bucket holds what lies below its upper end, and is at most a quarter of an octave', () => {
  for (let bucket = 1; bucket < 64; bucket += 1) {
    const end = upperEndOf(bucket);
    assert.is(bucketOf(end * 0.999), bucket);
    assert.is(bucketOf(end), Math.min(63, bucket + 1));
    assert.ok(end / upperEndOf(bucket - 1) <= 1.25);
  }
  assert.is(bucketOf(0), 0);
  assert.is(bucketOf(1e9), 63);
});

test('[LW1] a slow hour is forgotten after a window', () => {
  const window = new LatencyWindow(WINDOW_MS);
  let now = 0;
  for (; now < 3_600_000; now += 1000) window.record(500, now);
  for (const end = now + WINDOW_MS; now < end; now += 10) window.record(1, now);
  assert.ok(window.p99(now) <= 1.25);
});

test.run();
