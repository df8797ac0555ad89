// Requests by the second in which they were called.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RequestWindows, worstOf } from './request-windows.ts';

test('[AW1] a request counts in the second of its call, and one of the warm-up in none', () => {
  const windows = new RequestWindows(3, 0.9);
  windows.ended(-1, 100, 'TIMEOUT');
  windows.ended(999, 2900, 'TIMEOUT');
  windows.ended(1000, 1001, '');
  windows.ended(3000, 3001, 'TIMEOUT');
  windows.heldUp(1500, 40);
  windows.heldUp(1600, 30);
  const rows = windows.rows([{ text: 'stop n1', from: 1200, to: 1900 }]);
  assert.equal(
    rows.map(({ requests, failed, longestMs, heldUpMs }) => [
      requests,
      failed,
      longestMs,
      heldUpMs,
    ]),
    [
      [1, 1, 1901, 0],
      [1, 0, 1, 40],
      [0, 0, 0, 0],
    ],
  );
  assert.equal(
    rows.map(({ faults }) => faults.length),
    [0, 1, 0],
  );
  assert.equal(rows[0]!.failures, { TIMEOUT: 1 });
});

test('[AW2] a second is met by its share of successes, and not where nothing was asked', () => {
  const windows = new RequestWindows(3, 0.9);
  for (let index = 0; index < 10; index += 1) windows.ended(0, index, index === 0 ? 'TIMEOUT' : '');
  for (let index = 0; index < 10; index += 1) windows.ended(1000, 1000, index < 2 ? 'TIMEOUT' : '');
  const rows = windows.rows([]);
  assert.equal(
    rows.map(({ isMet }) => isMet),
    [true, false, false],
  );
  assert.is(worstOf(rows).second, 2);
  assert.is(worstOf(rows.slice(0, 2)).second, 1);
});

test.run();
