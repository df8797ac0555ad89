// P3 on requests that can never be granted, on histories made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { A, dot, ledgerOf, read, record, sessionOf, write } from './hand-made.ts';
import type { HistoryEntry } from './history.ts';
import { checkRefusals } from './refusals.ts';

const MADE = ledgerOf(record([[dot(A, 1), 1]], [dot(A, 1)]));

function count(entry: HistoryEntry, ledger = ledgerOf()): number {
  const history = [entry];
  return checkRefusals({ history, ledger, sessionOf, copies: 3, valueBytesMax: 10 }).length;
}

test('[P3] a value above the limit is neither acknowledged nor applied', () => {
  const value = 'x'.repeat(11);
  assert.is(count(write(1, { value, outcome: 'not-applied' })), 0);
  assert.is(count(write(1, { value, outcome: 'unknown' })), 0);
  assert.is(count(write(1, { value, outcome: 'unknown' }), MADE), 1);
  assert.is(count(write(1, { value })), 1);
  assert.is(count(write(1, { value: 'x'.repeat(10) }), MADE), 0, 'at the limit it fits');
});

test('[P3] a level that asks for more replicas than there are is granted nobody', () => {
  assert.is(count(write(1, { level: 4 }), MADE), 1);
  assert.is(count(write(1, { level: 4, outcome: 'not-applied' })), 0);
  assert.is(count(read(5, [], [], { level: 4 })), 1);
  assert.is(count(read(5, [], [], { level: 4, values: undefined })), 0);
  assert.is(count(read(5, [], [], { level: 65 })), 0, 'all');
});

test.run();
