/**
 * A put's record to other data centres: one copy to each, sent to one of its primaries, the relay, which
 * stores it and passes it on to the other positions there (fan-out-relay.ts). The relay passes back what
 * each of them says. Where it is lost, silent or cannot pass on, what has not acknowledged is sent the
 * record by this node after all. data plane.
 *
 * Invariants:
 *   FO1 where a primary there can be used, one copy of a put's record crosses to each other data centre
 *   FO2 through a relay a position counts only on the word of the relay that was sent the record for it
 *   FO3 what a relay was sent and cannot account for any more is sent to its position otherwise
 *   FO7 to a data centre in which nobody can be used nothing is sent where the level can do without
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { besidePositions, levelIsMet } from '../levels.ts';
import {
  allPositions,
  isListed,
  isUsable,
  localPositions,
  primaryAt,
  standInPositions,
  usablePositions,
} from '../positions.ts';
import { sendStoreAcross } from '../peers/replica-operations.ts';
import { PUT_PHASE } from '../requests/request-slots.ts';
import { bitCount } from '../requests/respond.ts';
import { askForRecord } from '../puts/stand-in-put.ts';

/**
 * [FO1] Returns the positions that are left alone. REQUIRES: nobody in another data centre was sent the
 * record.
 */
export function sendAcross(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): number {
  const { ring, fanOuts } = context;
  fanOuts.begin(slot);
  // What a stand-in makes goes out with more than the record: who else is owed it.
  if (!isListed(context, slot, ring.ownNode)) return 0;
  const usable = usablePositions(context, slot);
  let leftAlone = 0;
  let left = allPositions(context, slot) & ~localPositions(context, slot);
  while (left !== 0) {
    const centre = besidePositions(context, slot, 31 - Math.clz32(left & -left));
    left &= ~centre;
    const isOne = (centre & (centre - 1)) === 0;
    if ((usable & centre) === 0 && isLost(context, slot, centre)) leftAlone |= centre;
    else if (!isOne) sendToCentre(context, slot, centre, record, recordOffset);
  }
  if (fanOuts.relayed[slot] !== 0) watchRelays(context, slot);
  return leftAlone;
}

/** [FO7] Whether nobody stands in for positions that cannot be used, and nobody needs them to answer. */
function isLost(context: CoordinatorContext, slot: number, centre: number): boolean {
  if (standInPositions(context, slot, centre) !== 0) return false;
  const isNeeded = !levelIsMet(context, slot, allPositions(context, slot) & ~centre);
  sometimes(!isNeeded, 'fan-out: a data centre is lost and left alone');
  return !isNeeded;
}

function sendToCentre(
  context: CoordinatorContext,
  slot: number,
  centre: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring, fanOuts, counters } = context;
  const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
  for (let candidates = centre; candidates !== 0;) {
    const position = relayOf(context, slot, centre, candidates);
    if (position < 0) return;
    const bit = 1 << position;
    candidates &= ~bit;
    const relay = primaryAt(context, slot, position);
    const others = centre & ~bit;
    if (!sendStoreAcross(context, slot, relay, policy, record, recordOffset, others)) continue;
    counters.copiesAcross += 1;
    slots.openPrimaries[slot] = slots.openPrimaries[slot]! | centre;
    fanOuts.sent(slot, others, relay);
    explainOthers(context, slot, others);
    return;
  }
}

/**
 * The position whose primary is the relay, of candidates in one data centre: one that can be used; where
 * there is none and nobody would stand in, one that is merely suspected. -1: none.
 */
function relayOf(
  context: CoordinatorContext,
  slot: number,
  centre: number,
  candidates: number,
): number {
  const { slots, linkOfNode, fanOuts } = context;
  let left = candidates;
  for (let turn = fanOuts.nextTurn(bitCount(candidates)); turn > 0; turn -= 1) left &= left - 1;
  let before = candidates & ~left;
  let best = -1;
  let suspected = -1;
  while (left !== 0) {
    const position = 31 - Math.clz32(left & -left);
    left &= left - 1;
    if (left === 0) {
      left = before;
      before = 0;
    }
    const node = primaryAt(context, slot, position);
    if (!isUsable(context, node, slots.shard[slot]!)) {
      if (linkOfNode[node]! >= 0) suspected = position;
    } else if (best < 0 || fanOuts.isBetter(node, primaryAt(context, slot, best))) {
      best = position;
    }
  }
  if (best >= 0 || suspected < 0) return best;
  const isStoodIn = standInPositions(context, slot, centre) !== 0;
  sometimes(!isStoodIn, 'fan-out: the relay is one that is suspected');
  return isStoodIn ? -1 : suspected;
}

/** Where the answer waits for what is passed on, relays are not waited for until the deadline. */
function watchRelays(context: CoordinatorContext, slot: number): void {
  const { slots, fanOuts, now } = context;
  const others = allPositions(context, slot) & ~fanOuts.relayed[slot]!;
  if (levelIsMet(context, slot, others)) return;
  const silenceMs = buggify('fan-out: take relays for silent') ? 0 : fanOuts.silenceMs(now);
  slots.hedgeAt[slot] = now + silenceMs;
  context.watchDue(slots.hedgeAt[slot]);
}

/** The answer has waited for relays long enough. */
export function onRelaysSilent(context: CoordinatorContext, slot: number): void {
  const { slots, fanOuts } = context;
  if (slots.phase[slot] !== PUT_PHASE.forwarded || slots.responded[slot] !== 0) return;
  const silent = fanOuts.waiting(slot) & slots.openPrimaries[slot]!;
  if (silent === 0) return;
  reachable('fan-out: a relay is silent, and those behind it are sent the record');
  fanOuts.silent(slot, silent, context.now - slots.startedAt[slot]!);
  redirect(context, slot, silent);
}

/** A relay can be reached no more. */
export function onRelayLost(context: CoordinatorContext, slot: number, relay: number): void {
  const { slots, fanOuts } = context;
  if (slots.phase[slot] !== PUT_PHASE.forwarded) return;
  const lost = fanOuts.waitingFor(slot, relay) & slots.openPrimaries[slot]!;
  if (lost === 0) return;
  reachable('fan-out: a relay is lost, and those behind it are sent the record');
  slots.openPrimaries[slot] = slots.openPrimaries[slot]! & ~lost;
  fanOuts.forget(slot, lost);
  redirect(context, slot, lost);
}

/** A relay is believed down: what it still passes back counts. */
export function onRelaySuspected(context: CoordinatorContext, slot: number, relay: number): void {
  const { slots, fanOuts } = context;
  const open = fanOuts.waitingFor(slot, relay) & slots.openPrimaries[slot]!;
  if (open === 0) return;
  reachable('fan-out: a relay is suspected, and those behind it are sent the record');
  redirect(context, slot, open);
}

/** [FO3] The own shard is asked for the record again, for positions whose relay does not account for them. */
export function redirect(context: CoordinatorContext, slot: number, positions: number): void {
  const { slots, fanOuts } = context;
  // Where it cannot be asked, what the relay says of them is all that will be heard.
  if (!askForRecord(context, slot)) return;
  fanOuts.redirected[slot] = fanOuts.redirected[slot]! | positions;
  slots.wanting[slot] = slots.wanting[slot]! | positions;
}

/** They are asked as the relay is, by way of it. */
function explainOthers(context: CoordinatorContext, slot: number, others: number): void {
  const { explains } = context;
  if (explains.count === 0) return;
  for (let left = others; left !== 0; left &= left - 1) {
    explains.asked(context, slot, primaryAt(context, slot, 31 - Math.clz32(left & -left)));
  }
}
