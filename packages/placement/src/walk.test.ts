import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { walkOrder } from './walk.ts';

const nodeIds = fc
  .uniqueArray(fc.nat(999), { minLength: 1, maxLength: 20 })
  .map((numbers) => numbers.map((number) => `n${number}`));

function ordersOf(ids: readonly string[], partitionCount: number): string[][] {
  const { stride, table } = walkOrder(ids, partitionCount);
  return Array.from({ length: partitionCount }, (_, partition) =>
    [...table.subarray(partition * stride, (partition + 1) * stride)].map((node) => ids[node]!),
  );
}

test('[W1] each partition meets every node once', () => {
  fc.assert(
    fc.property(nodeIds, fc.constantFrom(1, 16, 64), (ids, partitionCount) => {
      for (const order of ordersOf(ids, partitionCount)) {
        assert.equal([...order].toSorted(), [...ids].toSorted());
      }
    }),
  );
});

test('[W2] without one node the others are met in the same order, however they are listed', () => {
  fc.assert(
    fc.property(nodeIds, (ids) => {
      const gone = ids[0]!;
      const others = ids.slice(1).toReversed();
      if (others.length === 0) return;
      const expected = ordersOf(ids, 32).map((order) => order.filter((id) => id !== gone));
      assert.equal(ordersOf(others, 32), expected);
    }),
  );
});

test('when Q doubles, partition 2p walks as p did', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const before = ordersOf(ids, 16);
  const after = ordersOf(ids, 32);
  for (const [partition, order] of before.entries()) assert.equal(after[partition * 2], order);
});

test('partitions do not all meet the same node first', () => {
  const ids = Array.from({ length: 6 }, (_, index) => `n${index}`);
  const firsts = new Set(ordersOf(ids, 64).map((order) => order[0]));
  assert.is(firsts.size, 6);
});

test.run();
