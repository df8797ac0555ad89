// RP1 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dot } from '@clockwise/record/build';
import { A, B, dot } from './hand-made.ts';
import type { HistoryEntry } from './history.ts';
import { checkSeenStays } from './seen-stays.ts';

test('[RP1] what a get returned is known in the end', () => {
  const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level: 2, invokedAt: 1 };
  const read: HistoryEntry = {
    kind: 'get',
    ...base,
    completedAt: 2,
    values: [],
    context: [dot(A, 2), dot(B, 1)],
  };
  const count = (...context: Dot[]): number =>
    checkSeenStays([read], [{ bucketId: 1, key: 'k', values: [], context }], new Set([1])).length;
  assert.is(count(dot(A, 2), dot(B, 7)), 0);
  assert.is(count(dot(A, 1), dot(B, 7)), 1);
  assert.is(count(dot(A, 2)), 1);
});

test.run();
