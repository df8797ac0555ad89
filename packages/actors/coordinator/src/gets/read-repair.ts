/**
 * Replicas that a get found behind, brought up to what it merged: after the answer; or before it, where
 * the caller asked for monotonic reads. data plane.
 *
 * Invariants:
 *   G3 a replica found behind is sent what it lacks, after the answer
 *   G5 nothing is repaired into stand-ins
 *   G6 a monotonic answer stands on N - R + 1 primaries, so that every later read of R meets one
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { LEVEL, PRIORITY } from '@clockwise/protocol/frame';
import { RELATION } from '@clockwise/versioning/context';
import { compareRecords } from '@clockwise/versioning/relation';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { allPositions, isUsable, localPositions, primaryAt } from '../positions.ts';
import { sendStore } from '../peers/replica-operations.ts';
import { bitCount, respondRecord, respondStatus } from '../requests/respond.ts';

/** [G3, G5] Sends the merged record to those that answered with less. REQUIRES: it was answered. */
export function mend(context: CoordinatorContext, slot: number): void {
  const { slots, ring, repairBudget, counters } = context;
  const held = slots.heldOf(slot);
  const standIns = slots.sloppy[slot]! | slots.mending[slot]!;
  const behind = slots.answered[slot]! & ~slots.current[slot]! & ~standIns;
  if (held === undefined || slots.heldWords[slot] === 0 || behind === 0) return;
  const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
  for (let left = behind; left !== 0; left &= left - 1) {
    const node = primaryAt(context, slot, 31 - Math.clz32(left & -left));
    if (!repairBudget.admits(node, context.now)) {
      reachable('get: a replica that was behind has enough to mend already');
      counters.repairsSkipped += 1;
      continue;
    }
    const isSent = sendStore(context, slot, node, policy, held, 0, 0, PRIORITY.repair);
    sometimes(isSent, 'get: a replica that was behind is mended');
    sometimes(!isSent, 'get: a replica that was behind cannot be reached for mending');
    if (!isSent) continue;
    repairBudget.sent(node);
    counters.repairs += 1;
  }
}

/**
 * Answers a monotonic get where enough primaries hold what was merged; else has the others take it,
 * and answers when they have. REQUIRES: the level is met, and a record was merged.
 */
export function answerMonotonic(context: CoordinatorContext, slot: number): void {
  const { slots, ring, counters } = context;
  const needed = copiesNeeded(context, slot);
  slots.repairNeeded[slot] = needed;
  const behind = scopeOf(context, slot) & ~slots.current[slot]!;
  if (bitCount(holdersOf(context, slot)) < needed) {
    const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
    const held = slots.heldOf(slot)!;
    for (let left = behind; left !== 0; left &= left - 1) {
      const bit = left & -left;
      const node = primaryAt(context, slot, 31 - Math.clz32(bit));
      if (!isUsable(context, node, slots.shard[slot]!)) continue;
      if (!sendStore(context, slot, node, policy, held, 0, 0, PRIORITY.foreground)) continue;
      reachable('get: a monotonic get mends before it answers');
      slots.mending[slot] = slots.mending[slot]! | bit;
      counters.repairs += 1;
    }
  }
  settleMonotonic(context, slot);
}

/** A primary's answer to what a monotonic get sent it. */
export function onMended(
  context: CoordinatorContext,
  slot: number,
  position: number,
  status: number,
): void {
  const { slots } = context;
  const bit = 1 << position;
  if (position < 0 || (slots.mending[slot]! & bit) === 0) return;
  slots.mending[slot] = slots.mending[slot]! & ~bit;
  if (status === STATUS_OK) slots.current[slot] = slots.current[slot]! | bit;
  else slots.status[slot] = status;
  if (slots.responded[slot] === 0) settleMonotonic(context, slot);
}

/** A replica reads late: what is answered is fixed by now, but this one may hold it, or more. */
export function onReadWhileMending(
  context: CoordinatorContext,
  slot: number,
  bit: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  if (recordOffset < 0) return;
  const relation = compareRecords(slots.heldOf(slot)!, 0, record, recordOffset);
  const holdsIt = relation === RELATION.equal || relation === RELATION.rightDominates;
  sometimes(holdsIt, 'get: a late answer spares a monotonic get its mending');
  if (holdsIt) slots.current[slot] = slots.current[slot]! | bit;
  settleMonotonic(context, slot);
}

/** [G6] */
function settleMonotonic(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const needed = slots.repairNeeded[slot]!;
  const holders = holdersOf(context, slot);
  if (bitCount(holders) >= needed) {
    respondRecord(context, slot, slots.heldOf(slot)!, 0);
  } else if (bitCount(holders | slots.mending[slot]!) < needed) {
    reachable('get: too few primaries can hold what a monotonic get would answer');
    const status = slots.status[slot]!;
    respondStatus(context, slot, status === 0 ? ERRORS.UNAVAILABLE.code : status);
  }
}

/** The primaries of the scope that hold what was merged. */
function holdersOf(context: CoordinatorContext, slot: number): number {
  return context.slots.current[slot]! & scopeOf(context, slot);
}

/** The positions among which a later read of the same level asks. */
function scopeOf(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  const all = allPositions(context, slot);
  const local = isPerDataCentre(slots.level[slot]!) ? localPositions(context, slot) : 0;
  return local === 0 ? all : local;
}

function copiesNeeded(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  const local = isPerDataCentre(slots.level[slot]!) ? localPositions(context, slot) : 0;
  if (local === 0) return bitCount(allPositions(context, slot)) - slots.required[slot]! + 1;
  const count = bitCount(local);
  return count - (count >> 1);
}

/** Both ask for a quorum of the own data centre, so that two of one kind meet there. */
function isPerDataCentre(level: number): boolean {
  return level === LEVEL.localQuorum || level === LEVEL.eachQuorum;
}
