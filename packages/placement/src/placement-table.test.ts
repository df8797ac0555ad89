import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  doublePartitions,
  isReplica,
  loadsOf,
  positionOfReplica,
  replicasOf,
} from './placement-table.ts';

const placement = { stride: 2, table: Int32Array.of(0, 1, 2, 0, 1, 2, 2, 1) };

test('[L1] a list is a stride of distinct nodes, found by one multiplication', () => {
  assert.is(replicasOf(placement, 2), 4);
  assert.is(placement.table[replicasOf(placement, 1)], 2);
  assert.ok(isReplica(placement, 1, 0));
  assert.not.ok(isReplica(placement, 0, 2));
  assert.is(positionOfReplica(placement, 3, 1), 1);
  assert.is(positionOfReplica(placement, 3, 0), -1);
  assert.equal(loadsOf(placement, 4), Int32Array.of(2, 3, 3, 0));
});

test('doubling the partitions keeps the list of each half', () => {
  const doubled = doublePartitions(placement);
  assert.is(doubled.table.length, 16);
  for (let partition = 0; partition < 8; partition += 1) {
    const list = doubled.table.subarray(partition * 2, partition * 2 + 2);
    const before = placement.table.subarray((partition >>> 1) * 2, (partition >>> 1) * 2 + 2);
    assert.equal(list, before);
  }
});

test.run();
