/**
 * What a coordinator needs of the ring, flattened for the data plane.
 */
import type { PlacementTable } from '@clockwise/placement/placement-table';

export interface BucketView {
  readonly id: number;
  readonly name: string;
  readonly lww: boolean;
  /** POLICY bits as replicas want them. */
  readonly policy: number;
  readonly durability: number;
  readonly readLevel: number;
  readonly writeLevel: number;
  readonly replicationClass: number;
  readonly requireContext: boolean;
}

export interface NodeView {
  readonly nodeId: string;
  readonly dataCentre: string;
  readonly rack: string;
  /** host:port of each of its coordinators' listeners. */
  readonly address: string;
}

export interface RingView {
  readonly clusterId: string;
  readonly epoch: number;
  readonly ringHash: string;
  readonly partitionBits: number;
  readonly nodes: readonly NodeView[];
  readonly ownNode: number;
  /** By node index: nodes of one data centre have one number. */
  readonly dataCentreOf: Int32Array;
  readonly buckets: ReadonlyMap<number, BucketView>;
  /** By replication class. */
  readonly tables: readonly PlacementTable[];
  /** By partition all nodes in the order in which they are met clockwise: whoever stands in. */
  readonly walk: PlacementTable;
  /** Which shard of this node holds a partition. */
  readonly shardOfPartition: Int32Array;
}

/** A number for each node's data centre, in the order in which they are first named. */
export function dataCentresOf(nodes: readonly Pick<NodeView, 'dataCentre'>[]): Int32Array {
  const names = [...new Set(nodes.map((node) => node.dataCentre))];
  return Int32Array.from(nodes, (node) => names.indexOf(node.dataCentre));
}
