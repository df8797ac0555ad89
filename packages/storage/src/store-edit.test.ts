import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { manifestOf } from './compaction/pick-text.ts';
import { withEdits } from './store-edit.ts';

test('[SE4] a partition that is given up is named until it is filled, whatever becomes of its drops', () => {
  const range = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: 100, toLow: -1 };
  const { floorSequence } = manifestOf([]);
  const given = withEdits(manifestOf([]), [
    { kind: 'range-drop', drop: { ...range, sequence: floorSequence }, leavesFileNumber: 4 },
    { kind: 'given-up', givenUp: { partition: 3, epoch: 2 } },
    { kind: 'given-up', givenUp: { partition: 1, epoch: 2 } },
  ]);
  assert.equal([given.rangeDrops, given.leavesFileNumber], [[], 4], 'no table has anything of it');
  const again = withEdits(given, [
    { kind: 'settle' },
    { kind: 'given-up', givenUp: { partition: 3, epoch: 4 } },
  ]);
  assert.equal(again.givenUp, [
    { partition: 1, epoch: 2 },
    { partition: 3, epoch: 4 },
  ]);
  const filled = withEdits(again, [
    { kind: 'filled', partition: 1 },
    { kind: 'filled', partition: 2 },
  ]);
  assert.equal(filled.givenUp, [{ partition: 3, epoch: 4 }]);
});

test.run();
