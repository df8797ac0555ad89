/**
 * Whom a get asks besides when those it asked do not answer: another usable primary after the bucket's
 * recent p99, and the next after as long again; where none of those is left, whoever is suspected, and
 * stand-ins. data plane.
 *
 * Invariants:
 *   GA2 before it is as late as hedgeMsMax, and as the bucket's gets of late (at most LATE_FACTOR times
 *       that), a get is hedged only within the budget
 *   GA3 where all usable primaries were asked and are silent, a get asks those that are suspected and
 *       have a link, then stand-ins, so that a suspected node and a silent one do not make it wait
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { CoordinatorContext } from '../coordinator-context.ts';
import {
  askPrimary,
  askStandIn,
  hedgePause,
  isOrphan,
  outstandingOf,
  PRIMARIES_ONLY,
  votesOf,
} from './get-start.ts';
import { levelWants } from '../levels.ts';
import { allPositions, isUsable, nodeAt, primaryAt, standInIndexFor } from '../positions.ts';
import { bitCount } from '../requests/respond.ts';

/** Where all is slow, late is the bucket's recent p99, but no more than so many times `hedgeMsMax`. */
const LATE_FACTOR = 4;

/** One more replica, where one is left that would be of use, and the next after as long again. */
export function hedge(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  noteSilent(context, slot);
  const usable = nextForHedge(context, slot);
  const position = usable >= 0 ? usable : nextBeyond(context, slot);
  sometimes(position < 0, 'get: a hedge finds that all replicas are asked');
  if (position < 0) return;
  const wait = waitForBudget(context, slot);
  if (wait > 0) {
    reachable('get: a hedge is beyond the budget and waits');
    slots.hedgeAt[slot] = context.now + wait;
    return;
  }
  const asked = slots.asked[slot]!;
  const standIns = slots.standIns[slot]!;
  const token = context.tokenOf(slot);
  const request = slots.keptWords(slot);
  const requestOffset = slots.keptOffset(slot);
  if (hasWayTo(context, slot, position)) {
    askPrimary(context, slot, position, request, requestOffset, token);
  } else {
    reachable('get: the usable primaries are silent and a stand-in is asked');
    askStandIn(context, slot, position, request, requestOffset, token);
  }
  const isSent = slots.asked[slot] !== asked || slots.standIns[slot] !== standIns;
  sometimes(isSent, 'get: a hedge asks one more replica');
  sometimes(!isSent, 'get: a hedge reaches nobody');
  if (isSent) context.counters.hedges += 1;
  slots.hedgeAt[slot] = context.now + hedgePause(context, slot);
}

/** Whether a position's primary was not asked and there is a way to it: usable, or suspected only. */
function hasWayTo(context: CoordinatorContext, slot: number, position: number): boolean {
  if ((context.slots.asked[slot]! & (1 << position)) !== 0) return false;
  const node = primaryAt(context, slot, position);
  return context.linkOfNode[node]! >= 0 || isUsable(context, node, context.slots.shard[slot]!);
}

/** [GA3] The best left when no usable primary is: one that is suspected, or has a stand-in; -1: none. */
function nextBeyond(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  const all = allPositions(context, slot);
  const votes = votesOf(context, slot);
  const mayStandIn = (slots.flags[slot]! & PRIMARIES_ONLY) === 0;
  const spoken = slots.answered[slot]! | slots.standIns[slot]!;
  let standIn = -1;
  for (let left = all & ~spoken; left !== 0; left &= left - 1) {
    const position = 31 - Math.clz32(left & -left);
    if (!isOrphan(context, slot, position)) continue;
    if (!levelWants(context, slot, votes, position)) continue;
    if (hasWayTo(context, slot, position)) return position;
    if (standIn >= 0 || !mayStandIn) continue;
    if (standInIndexFor(context, slot, position) >= 0) standIn = position;
  }
  return standIn;
}

/** [GA2] Milliseconds until the hedge needs no budget, 0 where it may be sent now. */
function waitForBudget(context: CoordinatorContext, slot: number): number {
  const { slots, limits } = context;
  const hedges = bitCount(slots.askedLate[slot]! & ~slots.standIns[slot]!);
  const usual = context.latencies.of(slots.bucketId[slot]!).p99(context.now);
  const { hedgeMsMax } = limits;
  const isKnown = usual !== Infinity;
  const lateMs = isKnown
    ? Math.max(hedgeMsMax, Math.min(usual, LATE_FACTOR * hedgeMsMax))
    : hedgeMsMax;
  const free = slots.startedAt[slot]! + (hedges + 1) * lateMs;
  if (context.now >= free) return 0;
  const isGranted = context.hedgeBudget.spend() && !buggify('get: treat the hedge budget as spent');
  return isGranted ? 0 : free - context.now;
}

/** The best position that was not asked and whose answer would count; -1: none. */
function nextForHedge(context: CoordinatorContext, slot: number): number {
  const { slots, preference } = context;
  const votes = votesOf(context, slot);
  const count = preference.order(context, slot);
  for (let index = 0; index < count; index += 1) {
    const position = preference.ordered[index]!;
    if ((slots.asked[slot]! & (1 << position)) !== 0) continue;
    if (levelWants(context, slot, votes, position)) return position;
  }
  return -1;
}

/** That they are late is known before they answer, and of some that never answer nothing else is. */
function noteSilent(context: CoordinatorContext, slot: number): void {
  const { slots, preference } = context;
  const late = outstandingOf(context, slot) & ~slots.askedLate[slot]!;
  for (let left = late; left !== 0; left &= left - 1) {
    const node = nodeAt(context, slot, 31 - Math.clz32(left & -left));
    preference.silent(node, context.now - slots.startedAt[slot]!, context.now);
  }
}
