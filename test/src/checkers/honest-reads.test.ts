// O10 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { write } from './hand-made.ts';
import type { HistoryEntry } from './history.ts';
import { checkHonestReads } from './honest-reads.ts';

test('[O10] a read returns only what had been put to its key', () => {
  const read = (values: readonly string[], completedAt: number): HistoryEntry => {
    const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level: 1, invokedAt: 0 };
    return { kind: 'get', ...base, completedAt, values, context: [] };
  };
  const oracles = (...history: HistoryEntry[]) => checkHonestReads(history).length;
  assert.is(oracles(write(1), read(['v1'], 50)), 0);
  assert.is(oracles(write(1), read(['v2'], 50)), 1, 'nobody put it');
  assert.is(oracles(write(9), read(['v9'], 50)), 1, 'it was put later');
  assert.is(oracles(write(1, { key: 'other' }), read(['v1'], 50)), 1, 'it was put elsewhere');
  assert.is(oracles(write(1), read(['v1', 'v1'], 50)), 1, 'twice');
});

test.run();
