/**
 * The positions of a slot: the places of its partition's replica list. Each is answered for by its
 * primary, the node that the list names, or by a stand-in: a node outside the list that the clockwise
 * walk meets next. data plane.
 *
 * Invariants:
 *   PS1 a stand-in is the first usable node of the walk that is not on the list, in the data centre of
 *       the primary whose place it takes, and was not chosen in this slot before
 *   PS2 two positions of one slot never have one stand-in
 */
import { sometimes } from '@clockwise/kernel/probe';
import { isReplica, positionOfReplica } from '@clockwise/placement/placement-table';
import type { CoordinatorContext } from './coordinator-context.ts';

/** Nodes of a partition's walk, from its beginning, among which stand-ins are looked for. */
export const WALK_MAX = 32;

/** The node that the list names at a position. */
export function primaryAt(context: CoordinatorContext, slot: number, position: number): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  return placement.table[slots.partition[slot]! * placement.stride + position]!;
}

/** The node through which a position is asked: its stand-in where it has one, else its primary. */
export function nodeAt(context: CoordinatorContext, slot: number, position: number): number {
  const via = context.slots.viaOf(slot, position);
  return via >= 0 ? via : primaryAt(context, slot, position);
}

/** For which position a node answers, on the list or as a stand-in; -1 where for none. */
export function positionOfNode(context: CoordinatorContext, slot: number, node: number): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const position = positionOfReplica(placement, slots.partition[slot]!, node);
  if (position >= 0 || slots.standIns[slot] === 0) return position;
  for (let other = 0; other < placement.stride; other += 1) {
    if (slots.viaOf(slot, other) === node) return other;
  }
  return -1;
}

/** Whether the list names a node: not as a stand-in. */
export function isListed(context: CoordinatorContext, slot: number, node: number): boolean {
  const { slots, ring } = context;
  return isReplica(ring.tables[slots.replicationClass[slot]!]!, slots.partition[slot]!, node);
}

/** The bit of the position that a node answers for, or 0 where the slot does not wait for it. */
export function openBit(context: CoordinatorContext, slot: number, node: number): number {
  const { slots } = context;
  const position = positionOfNode(context, slot, node);
  if (position < 0) return 0;
  const open = slots.asked[slot]! & ~slots.answered[slot]! & ~slots.failed[slot]!;
  const bit = open & (1 << position);
  sometimes(bit === 0, 'scan: a replica that is not waited for fails');
  return bit;
}

/** Whether an operation can be sent to a node now, and is worth it. */
export function isUsable(context: CoordinatorContext, node: number, shard: number): boolean {
  if (node === context.ring.ownNode) return context.shardIsUp[shard] === 1;
  return context.linkOfNode[node]! >= 0 && context.suspected[node] === 0;
}

export function allPositions(context: CoordinatorContext, slot: number): number {
  const { slots, ring } = context;
  return (1 << ring.tables[slots.replicationClass[slot]!]!.stride) - 1;
}

/** The positions whose primaries are in this node's data centre. */
export function localPositions(context: CoordinatorContext, slot: number): number {
  const { slots, ring } = context;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  const own = ring.dataCentreOf[ring.ownNode];
  let bits = 0;
  for (let position = 0; position < stride; position += 1) {
    const node = primaryAt(context, slot, position);
    if (ring.dataCentreOf[node] === own) bits |= 1 << position;
  }
  return bits;
}

/**
 * Where in the partition's walk the stand-in for a position is met, or -1 where nobody can stand in.
 * Orphaned positions before it, of its data centre, come first: each is left a node of its own. [PS2]
 */
export function standInIndexFor(
  context: CoordinatorContext,
  slot: number,
  position: number,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const partition = slots.partition[slot]!;
  const dataCentre = ring.dataCentreOf[primaryAt(context, slot, position)];
  let ahead = orphansBefore(context, slot, position);
  const steps = Math.min(ring.walk.stride, WALK_MAX);
  for (let index = 0; index < steps; index += 1) {
    const node = ring.walk.table[partition * ring.walk.stride + index]!;
    if (ring.dataCentreOf[node] !== dataCentre) continue;
    if ((slots.standInsTried[slot]! & (1 << index)) !== 0) continue;
    if (isReplica(placement, partition, node)) continue;
    if (!isUsable(context, node, slots.shard[slot]!)) continue;
    if (ahead === 0) return index;
    ahead -= 1;
  }
  return -1;
}

/** The node that would stand in for a position, or -1. [PS1] */
export function standInFor(context: CoordinatorContext, slot: number, position: number): number {
  const { slots, ring } = context;
  const index = standInIndexFor(context, slot, position);
  return index < 0 ? -1 : ring.walk.table[slots.partition[slot]! * ring.walk.stride + index]!;
}

/** Has the stand-in that `standInFor` names take a position; its node, or -1. */
export function takeStandIn(context: CoordinatorContext, slot: number, position: number): number {
  const { slots, ring } = context;
  const index = standInIndexFor(context, slot, position);
  if (index < 0) return -1;
  const node = ring.walk.table[slots.partition[slot]! * ring.walk.stride + index]!;
  slots.setVia(slot, position, node, index);
  return node;
}

/** The positions whose primaries can be used now. */
export function usablePositions(context: CoordinatorContext, slot: number): number {
  const { slots, ring } = context;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  let bits = 0;
  for (let position = 0; position < stride; position += 1) {
    const node = primaryAt(context, slot, position);
    if (isUsable(context, node, slots.shard[slot]!)) bits |= 1 << position;
  }
  return bits;
}

/** Of a set of positions those for which somebody would stand in. */
export function standInPositions(context: CoordinatorContext, slot: number, among: number): number {
  let bits = 0;
  for (let left = among; left !== 0; left &= left - 1) {
    const position = 31 - Math.clz32(left & -left);
    if (standInIndexFor(context, slot, position) >= 0) bits |= 1 << position;
  }
  return bits;
}

/** How many orphaned positions of the same data centre come before one and still want somebody. */
function orphansBefore(context: CoordinatorContext, slot: number, position: number): number {
  const { slots, ring } = context;
  const dataCentre = ring.dataCentreOf[primaryAt(context, slot, position)];
  let count = 0;
  for (let other = 0; other < position; other += 1) {
    if (((slots.standIns[slot]! | slots.answered[slot]!) & (1 << other)) !== 0) continue;
    const node = primaryAt(context, slot, other);
    if (ring.dataCentreOf[node] !== dataCentre) continue;
    if (!isUsable(context, node, slots.shard[slot]!)) count += 1;
  }
  return count;
}
