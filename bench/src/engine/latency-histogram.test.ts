import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LatencyHistogram } from './latency-histogram.ts';

test('percentiles are those of the sorted values, to a sixteenth', () => {
  const histogram = new LatencyHistogram();
  const values = Array.from({ length: 5000 }, (_, index) => 1.003 ** index * 3);
  for (const nanoseconds of values) histogram.addMs(nanoseconds / 1e6);
  for (const share of [0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const wanted = values[Math.ceil(values.length * share) - 1]! / 1000;
    const found = histogram.percentileUs(share);
    assert.ok(
      found >= wanted - 0.001 && found <= wanted * 1.07 + 0.001,
      `${share}: ${found} for ${wanted}`,
    );
  }
  assert.is(histogram.count, 5000);
});

test('without a value every percentile is 0', () => {
  assert.is(new LatencyHistogram().percentileUs(0.5), 0);
});

test.run();
