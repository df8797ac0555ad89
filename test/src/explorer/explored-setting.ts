/**
 * What all nodes of an explored case have in common: the ring (each node holds every partition), small
 * limits, instants, and the names by which schedules and messages speak of nodes and dots.
 */
import { assert } from '@clockwise/kernel/assert';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import type { RingView } from '@clockwise/coordinator/ring-view';
import { firstRing } from '@clockwise/placement/epoch-one';
import { type PlacementTable, replicasOf } from '@clockwise/placement/placement-table';
import { encodeRing, hashEncodedRing } from '@clockwise/placement/ring-codec';
import { ringViewOf } from '@clockwise/server/ring-view-of';
import { partitionOfKey } from '../simulation/key-partition.ts';
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
  // What is kept for others stays where it is, but where a case is about that.
  handOffTargetsMax: 0,
};

export interface Incarnation {
  readonly low: number;
  readonly high: number;
}

export interface ExploredCluster {
  readonly nodeCount: number;
  readonly copies: number;
  readonly handsOff: boolean;
}

export class ExploredSetting {
  readonly nodeCount: number;
  /** Of each object. */
  readonly copies: number;
  readonly limits: Limits;
  readonly views: readonly RingView[];
  /** By incarnation: the node and how often it had been opened, as `n1`, `n1'`, `n1''`. */
  readonly #names: Map<bigint, string> = new Map();
  readonly #primaries: PlacementTable;

  constructor({ nodeCount, copies, handsOff }: ExploredCluster) {
    this.nodeCount = nodeCount;
    this.copies = copies;
    this.limits = { ...EXPLORED_LIMITS, handOffTargetsMax: handsOff ? 1 : 0 };
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
      replicationClasses: [{ kind: 'total', copies }],
    });
    assert(planned.ok, 'the configuration of an explored cluster is sound');
    const { ring } = planned;
    this.#primaries = ring.assignments[0]!;
    const hash = hashEncodedRing(encodeRing(ring, (bytes) => checksum(bytes, 0)));
    this.views = ring.nodes.map(({ id }) => ringViewOf({ ring, hash, nodeId: id, shardCount: 1 }));
  }

  get partitionBits(): number {
    return PARTITION_BITS;
  }

  /** The nodes that a key's copies live on. */
  primariesOf(key: string): readonly number[] {
    const { table, stride } = this.#primaries;
    const first = replicasOf(this.#primaries, partitionOfKey(BUCKET_ID, key, PARTITION_BITS));
    return [...table.subarray(first, first + stride)];
  }

  /** Of one opening of a node (from 1): whatever is drawn in it. */
  prng(node: number, boot: number): Prng {
    return new Prng(`explored/${nodeName(node)}/${boot}`);
  }

  /** Says under which name dots of an incarnation are printed; of others that an opening draws, `n1~`. */
  nameIncarnation(incarnation: bigint, node: number, boot: number, isOwn: boolean): void {
    if (this.#names.has(incarnation)) return;
    this.#names.set(incarnation, `${nodeName(node)}${"'".repeat(boot - 1)}${isOwn ? '' : '~'}`);
  }

  /** The high half of a counter says when its incarnation was opened, which here is always now. */
  dotName(dot: { readonly incarnation: bigint; readonly counter: bigint }): string {
    const counter = BigInt.asUintN(32, dot.counter);
    return `${this.#names.get(dot.incarnation) ?? dot.incarnation.toString(16)}.${counter}`;
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
