import { firstRing } from '@clockwise/placement/epoch-one';
import { isReplica } from '@clockwise/placement/placement-table';
import { defaultBucket, type Ring } from '@clockwise/placement/ring';
import { DURABILITY, LEVEL, POLICY } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownedPartitions, ringViewOf } from './ring-view-of.ts';

function makeRing(nodeCount: number): Ring {
  const first = firstRing({
    clusterId: 'cluster',
    partitionCount: 256,
    nodes: Array.from({ length: nodeCount }, (_, index) => {
      const id = `n${index}`;
      const address = `${id}:1`;
      const addresses = {
        coordinator: address,
        gossiper: address,
        control: address,
        admin: address,
      };
      return { id, dataCentre: 'dc-1', rack: id, weight: 1, host: id, addresses };
    }),
    buckets: [
      defaultBucket,
      { ...defaultBucket, id: 2, name: 'fast', conflictPolicy: 'lww', durability: 'interval' },
      { ...defaultBucket, id: 3, name: 'levels', readLevel: 1, writeLevel: 'each-quorum' },
    ],
    replicationClasses: [
      { kind: 'total', copies: 3 },
      { kind: 'total', copies: 1 },
    ],
  });
  if (!first.ok) throw new Error(first.faults.join('; '));
  return first.ring;
}

test('[RV1] the shards of a node come out the same each time', () => {
  const place = { ring: makeRing(5), hash: 'h', nodeId: 'n3', shardCount: 4 };
  const again = { ...place, ring: makeRing(5) };
  assert.equal(ringViewOf(place).shardOfPartition, ringViewOf(again).shardOfPartition);
});

test('[RV2] a node spreads what it holds over its shards', () => {
  const ring = makeRing(5);
  for (const [index, node] of ring.nodes.entries()) {
    const view = ringViewOf({ ring, hash: 'h', nodeId: node.id, shardCount: 3 });
    assert.is(view.ownNode, index);
    const counts = [0, 0, 0];
    view.shardOfPartition.forEach((shard, partition) => {
      if (ring.assignments.some((table) => isReplica(table, partition, index))) counts[shard]! += 1;
    });
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
  }
});

test('a replica is told of the partitions that its node owns in any class, and of no others', () => {
  const ring = makeRing(5);
  for (const [index, node] of ring.nodes.entries()) {
    const view = ringViewOf({ ring, hash: 'h', nodeId: node.id, shardCount: 3 });
    const { epoch, owned, bucketIds } = ownedPartitions(view);
    assert.equal([epoch, bucketIds], [1, [1, 2, 3]]);
    owned.forEach((isOwned, partition) => {
      const isListed = ring.assignments.some((table) => isReplica(table, partition, index));
      assert.is(isOwned === 1, isListed);
    });
  }
});

test('buckets are named by the codes that coordinators and replicas use', () => {
  const { buckets } = ringViewOf({ ring: makeRing(3), hash: 'h', nodeId: 'n0', shardCount: 1 });
  assert.is(buckets.get(1)!.policy, DURABILITY.sync << POLICY.durabilityShift);
  assert.is(buckets.get(1)!.readLevel, LEVEL.quorum);
  const fast = buckets.get(2)!;
  assert.is(fast.policy, POLICY.lww | (DURABILITY.interval << POLICY.durabilityShift));
  assert.ok(fast.lww);
  assert.is(buckets.get(3)!.readLevel, 1);
  assert.is(buckets.get(3)!.writeLevel, LEVEL.eachQuorum);
});

test.run();
