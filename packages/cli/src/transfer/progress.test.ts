import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { grouped, Progress } from './progress.ts';

test('[PG1] the rate is that of the last seconds, so that a standstill shows', () => {
  const progress = new Progress(1000);
  for (let second = 1; second <= 10; second += 1) {
    progress.recordCount += 500;
    assert.is(progress.rate(1000 + second * 1000), 500);
  }
  const rates = [11, 12, 13, 14].map((second) => Math.round(progress.rate(1000 + second * 1000)));
  assert.equal(rates, [333, 167, 0, 0]);
  assert.is(Math.round(progress.averageRate(15_000)), 357);
});

test('the line tells records, megabytes, rate and errors', () => {
  const progress = new Progress(0);
  assert.is(progress.line(0), '0 records   0.0 MB   0 records/s   0 errors');
  progress.recordCount = 1_234_567;
  progress.byteCount = 12_345_678;
  progress.errorCount = 1;
  assert.is(progress.line(1000), '1,234,567 records   12.3 MB   1,234,567 records/s   1 error');
  assert.equal([0, 999, 1000, 1_000_000].map(grouped), ['0', '999', '1,000', '1,000,000']);
});

test.run();
