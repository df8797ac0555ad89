/**
 * The ring: one immutable value that says who owns what, and how buckets behave.
 *
 * A ring belongs to an epoch; the next epoch is another value. Everything that two nodes must agree on
 * is in here, so that comparing one hash in the handshake compares it all.
 *
 * Invariants (checked by ring-validation.ts)
 *  V1 nodes are sorted by id, buckets by id, ids are unique; indexes into them are what tables hold.
 *  V2 bucket 1 is `default`.
 *  V3 each replication class has one table of Q lists of distinct nodes.
 *  V4 no partition changed after the ring's own epoch.
 */
import type { PlacementTable } from './placement-table.ts';
import type { NodeSite } from './spread.ts';

/** `host:port` of each thing that a node listens with. */
export interface NodeAddresses {
  readonly coordinator: string;
  readonly gossiper: string;
  readonly control: string;
  readonly admin: string;
}

export interface RingNode extends NodeSite {
  readonly host: string;
  readonly addresses: NodeAddresses;
}

/** Copies over all nodes, or in each data centre (sorted by name) by itself. */
export type ReplicationClass =
  | { readonly kind: 'total'; readonly copies: number }
  | { readonly kind: 'per-data-centre'; readonly dataCentres: readonly DataCentreCopies[] };

export interface DataCentreCopies {
  readonly dataCentre: string;
  readonly copies: number;
}

export type BucketMode = 'eventual' | 'linearizable';
export type ConflictPolicy = 'siblings' | 'lww';
export type Durability = 'sync' | 'interval' | 'none';
export type NamedLevel = 'one' | 'quorum' | 'all' | 'local-quorum' | 'each-quorum';
/** How many copies an operation waits for. */
export type ConsistencyLevel = number | NamedLevel;

export interface BucketDefinition {
  readonly id: number;
  readonly name: string;
  readonly mode: BucketMode;
  readonly conflictPolicy: ConflictPolicy;
  /** Defaults of the bucket; operations may ask for others. */
  readonly readLevel: ConsistencyLevel;
  readonly writeLevel: ConsistencyLevel;
  readonly durability: Durability;
  /** Index into the ring's replication classes. */
  readonly replicationClass: number;
  /** Whether a put without a context is refused. */
  readonly requireContext: boolean;
}

/** What an operator decides; epoch 1 adds the assignments (epoch-one.ts). */
export interface RingConfiguration {
  readonly clusterId: string;
  readonly partitionCount: number;
  readonly nodes: readonly RingNode[];
  readonly buckets: readonly BucketDefinition[];
  readonly replicationClasses: readonly ReplicationClass[];
}

export interface Ring extends RingConfiguration {
  readonly epoch: number;
  /** One table for each replication class. */
  readonly assignments: readonly PlacementTable[];
  /** For each partition the epoch in which a list of it last changed: what fencing compares. */
  readonly partitionEpochs: Int32Array;
}

/** The bucket that every cluster has. */
export const defaultBucket: BucketDefinition = {
  id: 1,
  name: 'default',
  mode: 'eventual',
  conflictPolicy: 'siblings',
  readLevel: 'quorum',
  writeLevel: 'quorum',
  durability: 'sync',
  replicationClass: 0,
  requireContext: false,
};

/** Copies of one partition that a class asks for, over all data centres. */
export function copiesOf(replicationClass: ReplicationClass): number {
  if (replicationClass.kind === 'total') return replicationClass.copies;
  return replicationClass.dataCentres.reduce((sum, entry) => sum + entry.copies, 0);
}
