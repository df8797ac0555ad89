/**
 * The ring that is walked: where nodes stand on it, and in which order a partition meets them.
 *
 * Every node has a fixed number of virtual positions, hashed from its id and their index: they never
 * change while the node lives, so a join or a leave keeps the order in which all the others are met.
 * Weights do not act here but as caps (bounded loads, plan-zone.ts). A partition stands at its first
 * token; when Q doubles, partition 2p stands where p stood.
 *
 * The order serves twice: to place copies, and to find fallbacks (the next nodes clockwise after the
 * partition's replicas).
 *
 * Invariants
 *  W1 the order of a partition holds every node exactly once.
 *  W2 it depends on node ids alone: removing a node leaves the order of the others as it was.
 */
import { assert } from '@clockwise/kernel/assert';
import { murmur3Bytes } from './murmur3.ts';
import type { PlacementTable } from './placement-table.ts';

/** Virtual positions of each node. More would even out who meets whom first; caps do that better. */
const positionsPerNode = 64;
const positionSeed = 2;

/** For each partition all nodes as they are met clockwise: a table whose stride is the node count. */
export function walkOrder(nodeIds: readonly string[], partitionCount: number): PlacementTable {
  assert(Number.isInteger(Math.log2(partitionCount)), 'Q is a power of two');
  const nodeCount = nodeIds.length;
  const { positions, owners } = virtualPositions(nodeIds);
  const table = new Int32Array(partitionCount * nodeCount);
  const metIn = new Int32Array(nodeCount).fill(-1);
  let start = 0;
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const here = partition * (2 ** 32 / partitionCount);
    while (start < positions.length && positions[start]! < here) start += 1;
    let end = partition * nodeCount;
    for (let step = 0; end < (partition + 1) * nodeCount; step += 1) {
      assert(step < owners.length, 'W1 one turn of the ring meets every node');
      const node = owners[(start + step) % owners.length]!;
      if (metIn[node] === partition) continue;
      metIn[node] = partition;
      table[end] = node;
      end += 1;
    }
  }
  return { stride: nodeCount, table };
}

interface VirtualPositions {
  readonly positions: Float64Array;
  readonly owners: Int32Array;
}

function virtualPositions(nodeIds: readonly string[]): VirtualPositions {
  const all: { readonly position: number; readonly node: number }[] = [];
  for (const [node, id] of nodeIds.entries()) {
    for (let index = 0; index < positionsPerNode; index += 1) {
      all.push({ position: murmur3Bytes(positionName(id, index), positionSeed) >>> 0, node });
    }
  }
  const rank = (node: number): number => nodeIds.filter((id) => id < nodeIds[node]!).length;
  const ranks = nodeIds.map((_, node) => rank(node));
  all.sort((a, b) => a.position - b.position || ranks[a.node]! - ranks[b.node]!);
  return {
    positions: Float64Array.from(all, (entry) => entry.position),
    owners: Int32Array.from(all, (entry) => entry.node),
  };
}

/** The bytes that are hashed: the id's characters (ASCII, ring-validation.ts), then the index. */
function positionName(id: string, index: number): Uint8Array {
  const bytes = new Uint8Array(id.length + 1);
  for (let at = 0; at < id.length; at += 1) bytes[at] = id.charCodeAt(at);
  bytes[id.length] = index;
  return bytes;
}
