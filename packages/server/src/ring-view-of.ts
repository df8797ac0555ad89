/**
 * The ring as this node's actors want it: flattened, with the node's own place in it, and with the
 * shard of each partition.
 *
 * Invariants:
 *   RV1 a partition's shard depends on the ring, the node and the number of shards only: a restart
 *       finds its data
 *   RV2 the partitions that a node holds are spread over its shards, a difference of one at the most
 */
import {
  type BucketView,
  dataCentresOf,
  type NodeView,
  type RingView,
} from '@clockwise/coordinator/ring-view';
import { isReplica } from '@clockwise/placement/placement-table';
import type { BucketDefinition, ConsistencyLevel, Ring } from '@clockwise/placement/ring';
import type { OwnedPartitions } from '@clockwise/replica/held-partitions';
import { walkOrder } from '@clockwise/placement/walk';
import { DURABILITY, LEVEL, POLICY } from '@clockwise/protocol/frame';

export interface RingPlace {
  readonly ring: Ring;
  readonly hash: string;
  readonly nodeId: string;
  readonly shardCount: number;
}

/** The ring as plain data for worker threads; `buckets` is a Map, which travels. */
export function ringViewOf({ ring, hash, nodeId, shardCount }: RingPlace): RingView {
  const ownNode = ring.nodes.findIndex((node) => node.id === nodeId);
  return {
    clusterId: ring.clusterId,
    epoch: ring.epoch,
    ringHash: hash,
    partitionBits: Math.log2(ring.partitionCount),
    nodes: ring.nodes.map((node): NodeView => ({
      nodeId: node.id,
      dataCentre: node.dataCentre,
      rack: node.rack,
      address: node.addresses.coordinator,
    })),
    ownNode,
    dataCentreOf: dataCentresOf(ring.nodes),
    buckets: new Map(ring.buckets.map((bucket) => [bucket.id, bucketView(bucket)])),
    tables: ring.assignments,
    walk: walkOrder(
      ring.nodes.map((node) => node.id),
      ring.partitionCount,
    ),
    shardOfPartition: shardsOf(ring, ownNode, shardCount),
  };
}

/** What a replica of the view's own node knows of the ring. */
export function ownedPartitions({
  epoch,
  partitionBits,
  tables,
  buckets,
  ownNode,
}: RingView): OwnedPartitions {
  const owned = new Uint8Array(2 ** partitionBits);
  for (let partition = 0; partition < owned.length; partition += 1) {
    if (tables.some((table) => isReplica(table, partition, ownNode))) owned[partition] = 1;
  }
  return { epoch, owned, bucketIds: [...buckets.keys()] };
}

function shardsOf(ring: Ring, ownNode: number, shardCount: number): Int32Array {
  const shards = new Int32Array(ring.partitionCount);
  let own = 0;
  let foreign = 0;
  for (let partition = 0; partition < ring.partitionCount; partition += 1) {
    if (ring.assignments.some((table) => isReplica(table, partition, ownNode))) {
      shards[partition] = own % shardCount;
      own += 1;
    } else {
      shards[partition] = foreign % shardCount;
      foreign += 1;
    }
  }
  return shards;
}

function bucketView(bucket: BucketDefinition): BucketView {
  const lww = bucket.conflictPolicy === 'lww';
  const durability = DURABILITY[bucket.durability];
  return {
    id: bucket.id,
    name: bucket.name,
    lww,
    policy: (lww ? POLICY.lww : 0) | (durability << POLICY.durabilityShift),
    durability,
    readLevel: levelCode(bucket.readLevel),
    writeLevel: levelCode(bucket.writeLevel),
    replicationClass: bucket.replicationClass,
    requireContext: bucket.requireContext,
  };
}

const NAMED_LEVELS = {
  one: LEVEL.one,
  quorum: LEVEL.quorum,
  all: LEVEL.all,
  'local-quorum': LEVEL.localQuorum,
  'each-quorum': LEVEL.eachQuorum,
} as const;

function levelCode(level: ConsistencyLevel): number {
  return typeof level === 'number' ? level : NAMED_LEVELS[level];
}
