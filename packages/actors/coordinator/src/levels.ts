/**
 * Consistency levels: from the 8 bits on the wire to the positions that satisfy them. Numbers, quorum
 * and all count positions wherever they are; local-quorum counts those of this node's data centre;
 * each-quorum wants a majority in every data centre of the partition's list. data plane.
 *
 * Invariants:
 *   LV1 a level that asks for more replicas than the partition has is refused, never lowered
 *   LV2 a level that counts by data centre counts no position of another one
 */
import { LEVEL } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from './coordinator-context.ts';
import { localPositions, primaryAt } from './positions.ts';
import { bitCount } from './requests/respond.ts';
import { FIELD } from './requests/slot-layout.ts';

export const LEVEL_IMPOSSIBLE = -1;

/** The level that an operation has: the one that it names, else its bucket's. */
export function resolveLevel(level: number, bucketLevel: number): number {
  return level === LEVEL.bucketDefault ? bucketLevel : level;
}

/**
 * How many positions a slot's level wants, or LEVEL_IMPOSSIBLE.
 * REQUIRES: the slot's level, class and partition are set.
 */
export function positionsRequired(context: CoordinatorContext, slot: number): number {
  const { slots, ring } = context;
  const fields = slots.words;
  const { stride } = ring.tables[fields[slot + FIELD.replicationClass]!]!;
  const level = fields[slot + FIELD.level]!;
  if (level >= 1 && level <= LEVEL.numberMax) return level <= stride ? level : LEVEL_IMPOSSIBLE;
  if (level === LEVEL.quorum) return majorityOf(stride);
  if (level === LEVEL.all) return stride;
  if (level === LEVEL.localQuorum) {
    const local = bitCount(localPositions(context, slot));
    return local === 0 ? LEVEL_IMPOSSIBLE : majorityOf(local);
  }
  if (level !== LEVEL.eachQuorum) return LEVEL_IMPOSSIBLE;
  let required = 0;
  for (let position = 0; position < stride; position += 1) {
    const beside = besidePositions(context, slot, position);
    // Each data centre is counted once, at its first position.
    if ((beside & -beside) === 1 << position) required += majorityOf(bitCount(beside));
  }
  return required;
}

/** Whether a set of positions satisfies the slot's level: those that answered, or that still may. */
export function levelIsMet(context: CoordinatorContext, slot: number, bits: number): boolean {
  const { slots, ring } = context;
  const level = slots.level[slot]!;
  // [LV2]
  if (level === LEVEL.localQuorum) {
    return bitCount(bits & localPositions(context, slot)) >= slots.required[slot]!;
  }
  if (level !== LEVEL.eachQuorum) return bitCount(bits) >= slots.required[slot]!;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  for (let position = 0; position < stride; position += 1) {
    if (!isQuorumBeside(context, slot, bits, position)) return false;
  }
  return true;
}

/** Whether the level is not met by `bits`, and a position would count for what is missing. */
export function levelWants(
  context: CoordinatorContext,
  slot: number,
  bits: number,
  position: number,
): boolean {
  const level = context.slots.level[slot]!;
  const bit = 1 << position;
  if ((bits & bit) !== 0) return false;
  if (level === LEVEL.eachQuorum) return !isQuorumBeside(context, slot, bits, position);
  return !levelIsMet(context, slot, bits) && isOfLevel(context, slot, position);
}

/** [LV2] Whether a slot's level counts a position at all. */
export function isOfLevel(context: CoordinatorContext, slot: number, position: number): boolean {
  if (context.slots.level[slot] !== LEVEL.localQuorum) return true;
  return (localPositions(context, slot) & (1 << position)) !== 0;
}

/** Whether `bits` hold a majority of the positions in the data centre of one. */
function isQuorumBeside(
  context: CoordinatorContext,
  slot: number,
  bits: number,
  position: number,
): boolean {
  const beside = besidePositions(context, slot, position);
  return bitCount(bits & beside) >= majorityOf(bitCount(beside));
}

/** The positions in the data centre of one, itself among them. */
export function besidePositions(
  context: CoordinatorContext,
  slot: number,
  position: number,
): number {
  const { slots, ring } = context;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  const dataCentre = ring.dataCentreOf[primaryAt(context, slot, position)];
  let bits = 0;
  for (let other = 0; other < stride; other += 1) {
    const node = primaryAt(context, slot, other);
    if (ring.dataCentreOf[node] === dataCentre) bits |= 1 << other;
  }
  return bits;
}

function majorityOf(count: number): number {
  return (count >> 1) + 1;
}
