/**
 * Replica lists of one replication class, flattened for lookups. data plane.
 *
 *   table:  | partition 0: node, node, node | partition 1: node, node, node | ...
 *             <------- stride -------->
 *
 * Entries are indexes into the ring's nodes. A lookup is one multiplication: the list of a partition
 * is `table[first] .. table[first + stride - 1]`.
 *
 * Invariants
 *  L1 every list has `stride` entries, all distinct.
 */
export interface PlacementTable {
  readonly stride: number;
  readonly table: Int32Array;
}

/** Index in `table` of the first replica of a partition. */
export function replicasOf(placement: PlacementTable, partition: number): number {
  return partition * placement.stride;
}

/** Whether a node is in a partition's list. */
export function isReplica(placement: PlacementTable, partition: number, node: number): boolean {
  return positionOfReplica(placement, partition, node) !== -1;
}

/** Where in a partition's list a node stands, from 0, or -1. */
export function positionOfReplica(
  placement: PlacementTable,
  partition: number,
  node: number,
): number {
  const { stride, table } = placement;
  const first = partition * stride;
  for (let position = 0; position < stride; position += 1) {
    if (table[first + position] === node) return position;
  }
  return -1;
}

/** How many partitions each of `nodeCount` nodes holds. */
export function loadsOf(placement: PlacementTable, nodeCount: number): Int32Array {
  const loads = new Int32Array(nodeCount);
  for (const node of placement.table) loads[node]! += 1;
  return loads;
}

/** The table for twice as many partitions: each is split in two with the same list, no byte moves. */
export function doublePartitions(placement: PlacementTable): PlacementTable {
  const { stride, table } = placement;
  const doubled = new Int32Array(table.length * 2);
  for (let index = 0; index < doubled.length; index += 1) {
    const partition = Math.floor(index / stride);
    doubled[index] = table[(partition >>> 1) * stride + (index % stride)]!;
  }
  return { stride, table: doubled };
}
