/**
 * Plans the assignment of one replication class: who holds each partition.
 *
 * A plan keeps every copy of the previous assignment that it can; without one it is the clockwise walk
 * with bounded loads, mended where its last partitions found only full nodes. A class that counts
 * copies per data centre is planned in each data centre by itself, and the lists are joined.
 *
 * Lists keep their order: a copy that stays keeps its position, a new one takes a position that was
 * given up, or the next free one in clockwise order.
 *
 * Invariants
 *  A1 lists have distinct nodes, and as many data centres and racks as exist (spread.ts S1).
 *  A2 every node holds the floor or the ceiling of its weighted share where the spread allows, else of
 *     its attainable share (shares.ts).
 *  A3 no other plan with A1 and A2 moves fewer copies (plan-zone.ts Z3).
 *  A4 equal inputs give equal plans.
 */
import { assert } from '@clockwise/kernel/assert';
import { type PlacementTable, loadsOf } from './placement-table.ts';
import { planZone } from './plan-zone.ts';
import type { ReplicationClass } from './ring.ts';
import { loadBounds, plainCeilings } from './shares.ts';
import { type NodeSite, spreadRule } from './spread.ts';
import { walkOrder } from './walk.ts';

/** An assignment of an earlier ring; nodes are known again by their ids. */
export interface PreviousAssignment {
  readonly nodeIds: readonly string[];
  readonly placement: PlacementTable;
}

export interface PlanInput {
  readonly nodes: readonly NodeSite[];
  readonly replicationClass: ReplicationClass;
  readonly partitionCount: number;
  readonly previous: PreviousAssignment | undefined;
}

export interface Plan {
  readonly placement: PlacementTable;
  /** Copies on a node that did not hold the partition before (all of them in a first plan). */
  readonly copiesMoved: number;
  /**
   * The most that a node holds, over the ceiling of its plain weighted share (rounding up is not too
   * much). Above `ringLimits.overShareMax` a plan is refused unless it is forced.
   */
  readonly maxOverShare: number;
}

/** Nodes that are planned together, by their index, and how many copies they hold of a partition. */
interface Zone {
  readonly nodes: readonly number[];
  readonly copies: number;
}

export function planAssignment(input: PlanInput): Plan {
  const { nodes, partitionCount } = input;
  const zones = zonesOf(input);
  const walk = walkOrder(
    nodes.map((node) => node.id),
    partitionCount,
  );
  const previous = previousLists(input);
  const held = new Uint8Array(partitionCount * nodes.length);
  for (const zone of zones) placeZone({ input, zone, walk, previous, held });
  const placement = orderedLists({ nodeCount: nodes.length, walk, previous, held, partitionCount });
  return {
    placement,
    copiesMoved: countMoved(placement, previous),
    maxOverShare: measureOverShare(input, zones, placement),
  };
}

function zonesOf(input: PlanInput): Zone[] {
  const { nodes, replicationClass } = input;
  const everyone = [...nodes.keys()];
  if (replicationClass.kind === 'total') {
    return [{ nodes: everyone, copies: replicationClass.copies }];
  }
  return replicationClass.dataCentres.map(({ dataCentre, copies }) => ({
    nodes: everyone.filter((node) => nodes[node]!.dataCentre === dataCentre),
    copies,
  }));
}

/** The previous table with today's node indexes; -1 stands for a node that has left. */
function previousLists(input: PlanInput): PlacementTable {
  const { nodes, partitionCount, previous } = input;
  if (previous === undefined) return { stride: 0, table: new Int32Array(0) };
  const { stride, table } = previous.placement;
  assert(table.length === partitionCount * stride, 'the previous assignment has Q lists');
  const indexOf = new Map(nodes.map((node, index) => [node.id, index]));
  return { stride, table: table.map((node) => indexOf.get(previous.nodeIds[node]!) ?? -1) };
}

interface ZonePlacement {
  readonly input: PlanInput;
  readonly zone: Zone;
  readonly walk: PlacementTable;
  readonly previous: PlacementTable;
  readonly held: Uint8Array;
}

/** Plans one zone in its own node indexes and marks the result in `held`. */
function placeZone({ input, zone, walk, previous, held }: ZonePlacement): void {
  const { nodes, partitionCount } = input;
  assert(zone.nodes.length > 0, 'a data centre that holds copies has nodes');
  const local = new Int32Array(nodes.length).fill(-1);
  for (const [index, node] of zone.nodes.entries()) local[node] = index;
  const sites = zone.nodes.map((node) => nodes[node]!);
  const rule = spreadRule(sites, zone.copies);
  const weights = Int32Array.from(sites, (site) => site.weight);
  const localPrevious = new Uint8Array(partitionCount * sites.length);
  for (const [at, node] of previous.table.entries()) {
    if (node === -1 || local[node] === -1) continue;
    localPrevious[Math.floor(at / previous.stride) * sites.length + local[node]!] = 1;
  }
  const localWalk = walk.table.map((node) => local[node]!).filter((node) => node !== -1);
  const localHeld = planZone({
    rule,
    bounds: loadBounds(rule, weights, partitionCount),
    partitionCount,
    previous: localPrevious,
    walk: { stride: sites.length, table: localWalk },
  });
  for (const [at, isHeld] of localHeld.entries()) {
    const partition = Math.floor(at / sites.length);
    if (isHeld === 1) held[partition * nodes.length + zone.nodes[at % sites.length]!] = 1;
  }
}

interface Listing {
  readonly nodeCount: number;
  readonly partitionCount: number;
  readonly walk: PlacementTable;
  readonly previous: PlacementTable;
  readonly held: Uint8Array;
}

function orderedLists(listing: Listing): PlacementTable {
  const { partitionCount, held } = listing;
  const stride = held.reduce((sum, isHeld) => sum + isHeld, 0) / partitionCount;
  assert(Number.isInteger(stride), 'L1 all lists have the same length');
  const table = new Int32Array(partitionCount * stride).fill(-1);
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const list = table.subarray(partition * stride, (partition + 1) * stride);
    orderList(listing, partition, list);
  }
  return { stride, table };
}

/** Fills one list: who stays keeps its position, the others take free ones in clockwise order. */
function orderList(listing: Listing, partition: number, list: Int32Array): void {
  const { nodeCount, walk, previous, held } = listing;
  const isHeld = (node: number): boolean => held[partition * nodeCount + node] === 1;
  for (let position = 0; position < Math.min(list.length, previous.stride); position += 1) {
    const node = previous.table[partition * previous.stride + position]!;
    if (node !== -1 && isHeld(node)) list[position] = node;
  }
  for (let step = 0; step < nodeCount; step += 1) {
    const node = walk.table[partition * nodeCount + step]!;
    if (isHeld(node) && !list.includes(node)) list[list.indexOf(-1)] = node;
  }
}

function countMoved(placement: PlacementTable, previous: PlacementTable): number {
  let moved = 0;
  for (const [at, node] of placement.table.entries()) {
    const first = Math.floor(at / placement.stride) * previous.stride;
    if (!previous.table.subarray(first, first + previous.stride).includes(node)) moved += 1;
  }
  return moved;
}

function measureOverShare(
  input: PlanInput,
  zones: readonly Zone[],
  placement: PlacementTable,
): number {
  const { nodes, partitionCount } = input;
  const loads = loadsOf(placement, nodes.length);
  let most = 0;
  for (const zone of zones) {
    const sites = zone.nodes.map((node) => nodes[node]!);
    const weights = Int32Array.from(sites, (site) => site.weight);
    const ceilings = plainCeilings(spreadRule(sites, zone.copies), weights, partitionCount);
    for (const [index, node] of zone.nodes.entries()) {
      most = Math.max(most, loads[node]! / ceilings[index]!);
    }
  }
  return most;
}
