/** The result file: its shape is read by other programs. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { medianOf, percentileOf, reportOf, reportText, resultOf, writeReport } from './report.ts';

test('ratio says how many times better, whichever way better lies', () => {
  const common = { name: 'x', value: 200, unit: 'u', peer: 'p', peerValue: 100 };
  assert.is(resultOf({ ...common, better: 'higher' }).ratio, 2);
  assert.is(resultOf({ ...common, better: 'lower' }).ratio, 0.5);
});

test('without a peer that was measured, peerValue and ratio are null', () => {
  const result = resultOf({ name: 'x', value: 1, unit: 'u', better: 'higher', peer: 'Redis' });
  assert.equal(result, {
    name: 'x',
    value: 1,
    unit: 'u',
    peer: 'Redis',
    peerValue: null,
    ratio: null,
  });
});

test('a result file holds machine, versions and results, and no host name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clockwise-report-'));
  try {
    const result = resultOf({ name: 'x', value: 1.23456, unit: 'u', better: 'lower', note: 'n' });
    const report = reportOf({ results: [result], versions: { redis: '7.0' } });
    const file = join(folder, 'deep', 'report.json');
    await writeReport(report, file);
    const read = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    assert.equal(Object.keys(read), ['machine', 'versions', 'results']);
    assert.equal(Object.keys(read['machine'] as object), [
      'processor',
      'processors',
      'memoryMiB',
      'system',
      'architecture',
    ]);
    assert.equal(Object.keys(read['versions'] as object), ['node', 'v8', 'redis']);
    assert.equal(read['results'], [
      { name: 'x', value: 1.235, unit: 'u', peer: '', peerValue: null, ratio: null, note: 'n' },
    ]);
    assert.match(reportText(report), /x: n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('median and percentile', () => {
  assert.is(medianOf([5, 1, 9]), 5);
  assert.is(medianOf([4, 1, 9, 6]), 5);
  const sorted = Float64Array.from({ length: 100 }, (_, index) => index);
  assert.is(percentileOf(sorted, 0.5), 50);
  assert.is(percentileOf(sorted, 0.99), 99);
  assert.is(percentileOf(sorted, 1), 99);
});

test.run();
