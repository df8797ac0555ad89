import { encodeRecord } from '@clockwise/record/build';
import { HIDDEN_BUCKET, OWED } from '@clockwise/record/hidden';
import { HEADER } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hiddenView, owedPositionsText } from './hidden-text.ts';

function stored(bucketId: number, key: readonly number[], owed: number): Int32Array {
  const words = encodeRecord({
    ...{ bucketId, token: 5n, key: Uint8Array.from(key), replicationClass: 0 },
    ...{ context: [], siblings: [], recents: [] },
  });
  words[HEADER.reserved] = owed;
  return words;
}

test('a mark is shown by the bucket of the user, with the positions that are owed it', () => {
  const words = stored(HIDDEN_BUCKET.mark, [7, 0, 0, 0, 107], (3 << OWED.epochShift) | 0b101);
  const view = hiddenView(words, 0)!;
  assert.equal([view.name, view.bucketId, view.positions, view.epoch], ['mark', 7, [0, 2], 3]);
  assert.is(owedPositionsText(view), 'owed to 0, 2 of epoch 3');
  assert.is(view.range, undefined);
});

test('what is owed to nobody is settled; a dirty range is a partition of a class', () => {
  const settled = hiddenView(stored(HIDDEN_BUCKET.hint, [1, 0, 0, 0, 107], 0), 0)!;
  assert.equal([settled.name, owedPositionsText(settled)], ['hint', 'settled']);
  const key = [200, 0, 0, 0, 1, 0, 0, 0];
  const range = hiddenView(stored(HIDDEN_BUCKET.dirty, key, 1), 0)!;
  assert.equal([range.name, range.range], ['dirty', { partition: 200, replicationClass: 1 }]);
});

test('records of users are none of these', () => {
  assert.is(hiddenView(stored(1, [107], 0), 0), undefined);
});

test.run();
