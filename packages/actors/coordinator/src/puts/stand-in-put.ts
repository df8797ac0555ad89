/**
 * Where a put's record goes: to the primary of each position, or, where that cannot be used, to a node
 * that stands in there and keeps a hinted copy for it; and to another one where a node is lost under the
 * put. data plane.
 *
 * Boundary: what is answered, and when the put ends, is put-core.ts's to say.
 */
import { reachable } from '@clockwise/kernel/probe';
import { PRIORITY } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { owedWord } from '../hand-off/owed-records.ts';
import {
  allPositions,
  isListed,
  isUsable,
  positionOfNode,
  primaryAt,
  standInIndexFor,
  takeStandIn,
} from '../positions.ts';
import { sendRead, sendStore } from '../peers/replica-operations.ts';
import { PUT_PHASE } from '../requests/request-slots.ts';

/** A position has the record, or the write, to acknowledge. */
export function openPosition(
  context: CoordinatorContext,
  slot: number,
  position: number,
  isStandIn: boolean,
): void {
  const { slots, fanOuts } = context;
  const bit = 1 << position;
  if (fanOuts.isNeeded && !isStandIn) fanOuts.direct[slot] = fanOuts.direct[slot]! | bit;
  if (isStandIn) slots.openStandIns[slot] = slots.openStandIns[slot]! | bit;
  else slots.openPrimaries[slot] = slots.openPrimaries[slot]! | bit;
}

/** Sends the record to the node that answers for a position now, if there is one. */
export function sendTo(
  context: CoordinatorContext,
  slot: number,
  position: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  const primary = primaryAt(context, slot, position);
  const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
  const isPrimaryUsable = isUsable(context, primary, slots.shard[slot]!);
  if (
    isPrimaryUsable &&
    sendStore(context, slot, primary, policy, record, recordOffset, 0, PRIORITY.foreground)
  ) {
    openPosition(context, slot, position, false);
    return;
  }
  if (sendToStandIn(context, slot, position, policy, record, recordOffset)) return;
  // Nobody stands in, and a primary that is merely suspected may take it after all.
  if (
    !isPrimaryUsable &&
    primary !== ring.ownNode &&
    sendStore(context, slot, primary, policy, record, recordOffset, 0, PRIORITY.foreground)
  ) {
    reachable('put: a suspected primary is sent the record, for nobody stands in');
    openPosition(context, slot, position, false);
    return;
  }
  reachable('put: nobody can be sent the record for a position');
}

/** The next of the walk that takes it stands in. */
function sendToStandIn(
  context: CoordinatorContext,
  slot: number,
  position: number,
  policy: number,
  record: Int32Array,
  recordOffset: number,
): boolean {
  const { ring, counters } = context;
  // The copy of a node that stands in itself may be lost: the others keep theirs for its position, too.
  const ownBit = ownStandInBit(context, slot);
  for (;;) {
    const node = takeStandIn(context, slot, position);
    if (node < 0) return false;
    // As in startPut: what this node keeps as a stand-in it keeps for all.
    const positions =
      node === ring.ownNode ? allPositions(context, slot) : (1 << position) | ownBit;
    const owed = owedWord(context.ring, positions);
    const { foreground } = PRIORITY;
    if (!sendStore(context, slot, node, policy, record, recordOffset, owed, foreground)) continue;
    reachable('put: a stand-in is sent the record');
    counters.standInCopies += 1;
    openPosition(context, slot, position, true);
    return true;
  }
}

/** Returns the bit of the position that a node answers for, or 0 where it was not waited for. */
export function stopWaiting(context: CoordinatorContext, slot: number, node: number): number {
  const { slots } = context;
  const position = positionOfNode(context, slot, node);
  if (position < 0) return 0;
  const waiting = isListed(context, slot, node) ? slots.openPrimaries : slots.openStandIns;
  const bit = waiting[slot]! & (1 << position);
  waiting[slot] = waiting[slot]! & ~bit;
  return bit;
}

/**
 * A position has lost its node: the own shard is asked for the record again, for another to stand in.
 * Once for each position; false where that is not possible, or nobody would stand in.
 */
export function readAgain(context: CoordinatorContext, slot: number, bit: number): boolean {
  const { slots } = context;
  if (slots.phase[slot] !== PUT_PHASE.forwarded) return false;
  if (((slots.reopened[slot]! | slots.answered[slot]!) & bit) !== 0) return false;
  if (standInIndexFor(context, slot, 31 - Math.clz32(bit)) < 0) return false;
  if (!askForRecord(context, slot)) return false;
  reachable('put: the record is read again for another stand-in');
  slots.reopened[slot] = slots.reopened[slot]! | bit;
  slots.wanting[slot] = slots.wanting[slot]! | bit;
  return true;
}

/** Asks the own shard for the record, where it is not asked already. False: it cannot be asked. */
export function askForRecord(context: CoordinatorContext, slot: number): boolean {
  const { slots, ring } = context;
  if (slots.wanting[slot] !== 0) return true;
  const token = context.tokenOf(slot);
  const words = slots.keptWords(slot);
  const offset = slots.keptOffset(slot);
  const hint = !isListed(context, slot, ring.ownNode);
  return sendRead(context, slot, ring.ownNode, words, offset, token, hint);
}

/** The position for which this node stands in, or 0 where the list names it. */
function ownStandInBit(context: CoordinatorContext, slot: number): number {
  const { ownNode } = context.ring;
  if (isListed(context, slot, ownNode)) return 0;
  const position = positionOfNode(context, slot, ownNode);
  return position < 0 ? 0 : 1 << position;
}

/**
 * The record was read again: the positions that want it get another stand-in each; those whose relay does
 * not account for them are sent it as if there had been none.
 */
export function sendToWanting(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring, fanOuts } = context;
  const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
  const redirected = fanOuts.isNeeded ? fanOuts.redirected[slot]! & ~slots.reopened[slot]! : 0;
  // A stand-in's word does not spare a primary that can be asked for itself.
  const done = slots.answered[slot]! & ~(redirected & slots.sloppy[slot]!);
  const positions = slots.wanting[slot]! & ~done;
  for (let left = positions; left !== 0; left &= left - 1) {
    const bit = left & -left;
    const position = 31 - Math.clz32(bit);
    if ((redirected & bit) !== 0) sendTo(context, slot, position, record, recordOffset);
    else sendToStandIn(context, slot, position, policy, record, recordOffset);
  }
}
