import type { ScanRecord, SiblingInfo, Value } from '@clockwise/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chunksOf } from '../test-terminal.ts';
import { exportRecords, type ExportScan } from './export-run.ts';
import { Progress } from './progress.ts';

function recordOf(key: string, values: readonly Value[], expirySeconds = 0): ScanRecord {
  const dead = { isTombstone: true, dot: '0:1', writtenAtMs: 0, expirySeconds: 0, valueBytes: 0 };
  const live = values.map((_, index): SiblingInfo => ({
    ...dead,
    isTombstone: false,
    dot: `1:${index}`,
    expirySeconds,
  }));
  return { key, value: values[0], values, siblings: [dead, ...live] } as unknown as ScanRecord;
}

function scanOf(records: readonly ScanRecord[], complete: boolean): ExportScan {
  return { complete, [Symbol.asyncIterator]: () => chunksOf(records)[Symbol.asyncIterator]() };
}

test('[EX1] lines are handed on while the scan goes on, whole and in order', async () => {
  const value = 'x'.repeat(1000);
  const records = Array.from({ length: 500 }, (_, index) => recordOf(`k${index}`, [value]));
  const progress = new Progress(0);
  const written: string[] = [];
  const complete = await exportRecords(scanOf(records, true), progress, async (text) => {
    written.push(text);
  });
  assert.is(complete, true);
  assert.ok(written.every((text) => text.endsWith('\n') && text.length < 70_000));
  assert.ok(written.length > 5);
  const lines = written.join('').trimEnd().split('\n');
  assert.is(lines.length, 500);
  assert.is(lines[7], JSON.stringify({ key: 'k7', value }));
  assert.is(progress.recordCount, 500);
  assert.is(progress.byteCount, written.join('').length);
});

test('[EX2] equal concurrent values are one, different ones are all there', async () => {
  const records = [
    recordOf('a', [{ x: 1 }, { x: 1 }]),
    recordOf('b', ['1', 1]),
    recordOf('c', [Uint8Array.of(255)], 77),
  ];
  let text = '';
  const complete = await exportRecords(scanOf(records, false), new Progress(0), async (part) => {
    text += part;
  });
  assert.is(complete, false);
  assert.is(
    text,
    '{"key":"a","value":{"x":1}}\n' +
      '{"key":"b","siblings":[{"value":"1"},{"value":1}]}\n' +
      '{"key":"c","bytes":"/w==","expires":77}\n',
  );
});

test.run();
