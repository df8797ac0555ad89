/**
 * Whom a get asks: as many replicas as its level needs, by preference; and where too few primaries can
 * be used, the stand-ins that would hold hinted copies. Others after a pause: get-hedge.ts. data plane.
 *
 * Invariants:
 *   GA1 a stand-in is asked only where the level cannot be met by primaries that can be used, and never
 *       for a strict get nor for a monotonic one, whose R must meet what the one before stood on
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { OPERATION, REQUEST_FLAG } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { isOfLevel, levelIsMet, levelWants } from '../levels.ts';
import { allPositions, isUsable, nodeAt, primaryAt, takeStandIn } from '../positions.ts';
import { sendRead, type KeyToken } from '../peers/replica-operations.ts';
import { FIELD } from '../requests/slot-layout.ts';

/** [GA1] Flags of gets for which nobody stands in. */
export const PRIMARIES_ONLY: number = REQUEST_FLAG.strict | REQUEST_FLAG.monotonic;

/**
 * Returns STATUS_OK where the read is on its way, else the status of a refusal.
 * REQUIRES: the slot's request, level, partition, shard and R are set.
 */
export function startRead(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  const shard = slots.shard[slot]!;
  // What comes by a link is compared with the request, and what fails is asked for elsewhere: only
  // the sole copy, in this node, does without, and without all else.
  if (placement.stride === 1 && own === 0 && context.shardIsUp[shard] === 1) {
    return startSoleRead(context, slot, words, offset, token);
  }
  slots.empty[slot] = 0;
  slots.askedLate[slot] = 0;
  slots.orphaned[slot] = 0;
  slots.repairNeeded[slot] = 0;
  slots.mending[slot] = 0;
  slots.keepRequest(slot, words, offset, words[offset + OPERATION.wordCount]!);
  context.hedgeBudget.earn();
  askMore(context, slot, words, offset, token);
  if (!levelIsMet(context, slot, slots.asked[slot]!)) {
    reachable('get: fewer than R replicas can be asked');
    endReads(context, slot);
    const isFull = own >= 0 && context.shardIsFull(shard);
    return isFull ? ERRORS.OVERLOADED.code : ERRORS.UNAVAILABLE.code;
  }
  if (context.preference.takesProbe()) askLast(context, slot, words, offset, token);
  if (slots.asked[slot] !== allPositions(context, slot)) {
    const pause = buggify('get: hedge at once') ? 0 : hedgePause(context, slot);
    slots.hedgeAt[slot] = context.now + pause;
    context.watchDue(slots.hedgeAt[slot]);
  }
  return STATUS_OK;
}

/** Nobody is chosen, and the answer is taken by sole-copy.ts. */
function startSoleRead(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  if (!sendRead(context, slot, ring.ownNode, words, offset, token, false)) {
    reachable('get: the shard of the only copy takes no more reads');
    return ERRORS.OVERLOADED.code;
  }
  slots.words[slot + FIELD.asked] = 1;
  slots.words[slot + FIELD.isSole] = 1;
  return STATUS_OK;
}

/** The positions that speak for the answer: a stand-in that holds nothing is no witness of that. */
export function votesOf(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  const answered = slots.answered[slot]!;
  const empty = slots.empty[slot]!;
  if (empty === 0) return answered;
  // [G4] Beside a record and a primary's word it says no more than that nothing later is with it.
  const isWitness = slots.heldWords[slot] !== 0 && (answered & ~slots.sloppy[slot]!) !== 0;
  return isWitness ? answered : answered & ~empty;
}

/** The positions that were asked and may still answer. */
export function outstandingOf(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  return slots.asked[slot]! & ~slots.answered[slot]! & ~slots.failed[slot]!;
}

/**
 * Whether the level can still be met by those that were asked. A primary that has not answered may
 * hold a record, and make witnesses of the stand-ins that hold nothing.
 */
export function isHopeful(context: CoordinatorContext, slot: number): boolean {
  const { slots } = context;
  const outstanding = outstandingOf(context, slot);
  const isPrimaryAwaited = (outstanding & ~slots.standIns[slot]!) !== 0;
  const hopedFor = isPrimaryAwaited ? slots.answered[slot]! : votesOf(context, slot);
  return levelIsMet(context, slot, hopedFor | outstanding);
}

/** Asks until the level is met if all that were asked answer, or nobody is left to ask. */
export function askMore(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots, preference } = context;
  const count = preference.order(context, slot);
  for (let index = 0; index < count && !isHopeful(context, slot); index += 1) {
    const position = preference.ordered[index]!;
    if (isWanted(context, slot, position)) {
      askPrimary(context, slot, position, request, requestOffset, token);
    }
  }
  if (isHopeful(context, slot)) return;
  if ((slots.flags[slot]! & PRIMARIES_ONLY) === 0) {
    askStandIns(context, slot, request, requestOffset, token);
  }
  askSuspected(context, slot, request, requestOffset, token);
}

/** The same for the request that is kept. */
export function askMoreAsKept(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const token = context.tokenOf(slot);
  askMore(context, slot, slots.keptWords(slot), slots.keptOffset(slot), token);
}

/** Not asked yet, and of use beside those that were. */
function isWanted(context: CoordinatorContext, slot: number, position: number): boolean {
  if ((context.slots.asked[slot]! & (1 << position)) !== 0) return false;
  const hopedFor = votesOf(context, slot) | outstandingOf(context, slot);
  return levelWants(context, slot, hopedFor, position);
}

export function askPrimary(
  context: CoordinatorContext,
  slot: number,
  position: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots } = context;
  const node = primaryAt(context, slot, position);
  if (!sendRead(context, slot, node, request, requestOffset, token, false)) return;
  const bit = 1 << position;
  slots.asked[slot] = slots.asked[slot]! | bit;
  if (context.now > slots.startedAt[slot]!) slots.askedLate[slot] = slots.askedLate[slot]! | bit;
  context.preference.asked(node);
}

/** [GA1] For primaries that cannot be used, or said so: whoever would hold their hinted copies. */
function askStandIns(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots } = context;
  const all = allPositions(context, slot);
  const spoken = slots.answered[slot]! | slots.standIns[slot]! | outstandingOf(context, slot);
  for (let left = all & ~spoken; left !== 0 && !isHopeful(context, slot); left &= left - 1) {
    const position = 31 - Math.clz32(left & -left);
    if (!isOrphan(context, slot, position)) continue;
    const hopedFor = votesOf(context, slot) | outstandingOf(context, slot);
    if (!levelWants(context, slot, hopedFor, position)) continue;
    askStandIn(context, slot, position, request, requestOffset, token);
  }
}

/** Whether a position's primary cannot be used, or said that its shard is down. */
export function isOrphan(context: CoordinatorContext, slot: number, position: number): boolean {
  const { slots } = context;
  if ((slots.orphaned[slot]! & (1 << position)) !== 0) return true;
  return !isUsable(context, primaryAt(context, slot, position), slots.shard[slot]!);
}

/** From now on the stand-in speaks for the position, though its primary may still answer. */
export function askStandIn(
  context: CoordinatorContext,
  slot: number,
  position: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots, preference } = context;
  const bit = 1 << position;
  const wasAwaited = (outstandingOf(context, slot) & bit) !== 0;
  const node = takeStandIn(context, slot, position);
  sometimes(node < 0, 'get: nobody can stand in for a primary that is not usable');
  if (node < 0) return;
  if (wasAwaited) preference.ended(primaryAt(context, slot, position));
  if (!sendRead(context, slot, node, request, requestOffset, token, true)) {
    if (wasAwaited) slots.failed[slot] = slots.failed[slot]! | bit;
    return;
  }
  reachable('get: a stand-in is asked');
  preference.asked(node);
  slots.asked[slot] = slots.asked[slot]! | bit;
  slots.failed[slot] = slots.failed[slot]! & ~bit;
  slots.askedLate[slot] = slots.askedLate[slot]! | bit;
}

/** Primaries that are believed down, and have a link all the same. */
function askSuspected(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots } = context;
  const all = allPositions(context, slot);
  for (let position = 0; 1 << position <= all && !isHopeful(context, slot); position += 1) {
    if ((slots.standIns[slot]! & (1 << position)) !== 0) continue;
    if (isWanted(context, slot, position)) {
      askPrimary(context, slot, position, request, requestOffset, token);
    }
  }
}

/**
 * The last in order of those that the level counts besides, so that something is learned of it; the
 * answer does not wait for it.
 */
function askLast(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots, preference } = context;
  let last = preference.order(context, slot) - 1;
  while (last >= 0 && !isOfLevel(context, slot, preference.ordered[last]!)) last -= 1;
  const position = last < 0 ? -1 : preference.ordered[last]!;
  if (position < 0 || (slots.asked[slot]! & (1 << position)) !== 0) return;
  reachable('get: the slowest replica is asked besides');
  askPrimary(context, slot, position, request, requestOffset, token);
}

/** Milliseconds after which a get that has no answer asks one more. */
export function hedgePause(context: CoordinatorContext, slot: number): number {
  const { limits, slots } = context;
  const usual = context.latencies.of(slots.bucketId[slot]!).p99(context.now);
  return Math.min(limits.hedgeMsMax, Math.max(limits.hedgeMsMin, usual));
}

/** Nobody waits any more for those that have not answered. */
export function endReads(context: CoordinatorContext, slot: number): void {
  // Who asks for the only copy chooses nobody, and counts nothing.
  if (!context.slots.hasKept(slot)) return;
  for (let left = outstandingOf(context, slot); left !== 0; left &= left - 1) {
    context.preference.ended(nodeAt(context, slot, 31 - Math.clz32(left & -left)));
  }
}
