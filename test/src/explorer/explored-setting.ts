/**
 * What all nodes of an explored case have in common: the ring (each node holds every partition), small
 * limits, instants, and the names by which schedules and messages speak of nodes and dots.
 */
import { assert } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import type { RingView } from '@clockwise/coordinator/ring-view';
import { firstRing } from '@clockwise/placement/epoch-one';
import { encodeRing, hashEncodedRing } from '@clockwise/placement/ring-codec';
import { ringViewOf } from '@clockwise/server/ring-view-of';
import { checksum } from '../simulation/shard-store.ts';

export const CLUSTER_ID = 'explored';
export const BUCKET_ID = 1;
/** One shard per node, one coordinator. */
export const SHARD = 0;
export const COORDINATOR = 0;
/** All that is explored happens about now: hours before any window of seconds ends. */
export const WALL_TIME_MS = 1_700_000_000_000;
const PARTITION_BITS = 3;

export const EXPLORED_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  connectionsMax: 64,
  requestsInFlightMax: 16,
  replicaOperationsInFlightMax: 16,
  parkedOperationsMax: 16,
  memtableChunkBytes: 1 << 14,
  memtableChunksMax: 6,
  memtableFrozenMax: 2,
  siblingBytesMax: 1 << 11,
  valueBytesMax: 1 << 10,
  logSegmentBytes: 1 << 14,
  logGroupBytesMax: 1 << 14,
  // No job at the beginning: nothing is explored on a full disk.
  diskReserveBytes: 0,
  // No merges, and no writes slowed for want of them.
  runsMin: 1000,
  runsSlow: 2000,
  runsMax: 4000,
  blockCacheBytes: 0,
};

export interface Incarnation {
  readonly low: number;
  readonly high: number;
}

export class ExploredSetting {
  readonly nodeCount: number;
  readonly views: readonly RingView[];
  /** By incarnation: the node and how often it had been opened, as `n1`, `n1'`, `n1''`. */
  readonly #names: Map<bigint, string> = new Map();

  constructor(nodeCount: number) {
    this.nodeCount = nodeCount;
    const planned = firstRing({
      clusterId: CLUSTER_ID,
      partitionCount: 1 << PARTITION_BITS,
      nodes: Array.from({ length: nodeCount }, (_, node) => nodeDefinition(node)),
      buckets: [
        {
          id: BUCKET_ID,
          name: 'default',
          mode: 'eventual',
          conflictPolicy: 'siblings',
          readLevel: 'quorum',
          writeLevel: 'quorum',
          durability: 'sync',
          replicationClass: 0,
          requireContext: false,
        },
      ],
      replicationClasses: [{ kind: 'total', copies: nodeCount }],
    });
    assert(planned.ok, 'the configuration of an explored cluster is sound');
    const { ring } = planned;
    const hash = hashEncodedRing(encodeRing(ring, (bytes) => checksum(bytes, 0)));
    this.views = ring.nodes.map(({ id }) => ringViewOf({ ring, hash, nodeId: id, shardCount: 1 }));
  }

  get partitionBits(): number {
    return PARTITION_BITS;
  }

  /** Of one opening of a node (from 1): whatever is drawn in it. */
  prng(node: number, boot: number): Prng {
    return new Prng(`explored/${nodeName(node)}/${boot}`);
  }

  /** Says under which name dots of an incarnation are printed. */
  nameIncarnation(incarnation: bigint, node: number, boot: number): void {
    this.#names.set(incarnation, `${nodeName(node)}${"'".repeat(boot - 1)}`);
  }

  dotName(dot: { readonly incarnation: bigint; readonly counter: bigint }): string {
    return `${this.#names.get(dot.incarnation) ?? dot.incarnation.toString(16)}.${dot.counter}`;
  }
}

export function nodeName(node: number): string {
  return `n${node + 1}`;
}

function nodeDefinition(node: number): Parameters<typeof firstRing>[0]['nodes'][number] {
  const id = nodeName(node);
  return {
    id,
    dataCentre: 'dc1',
    rack: `rack-${node}`,
    weight: 1,
    host: id,
    addresses: {
      coordinator: `${id}:coordinator`,
      gossiper: `${id}:gossiper`,
      control: `${id}:control`,
      admin: `${id}:admin`,
    },
  };
}
