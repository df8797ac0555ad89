/**
 * A write that may have happened before (flag retry): whoever can be asked is asked first whether it
 * knows the operation's id. One that does settles it: nothing is made, the record merged from the
 * answers goes to all positions instead, and the client hears of a duplicate. data plane.
 *
 * Boundary: what follows from the answers is put-events.ts's to do.
 *
 * Invariants:
 *   P8 a retried write that one of the replicas asked knows makes no dot
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { OPERATION, REPLY_KIND, REQUEST } from '@clockwise/protocol/frame';
import { operationIsKnown } from '@clockwise/versioning/recents';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { hasRoom, mergeAnswer } from '../gets/get-core.ts';
import { isUsable, nodeAt, positionOfNode, primaryAt, takeStandIn } from '../positions.ts';
import { sendRead, type KeyToken } from '../peers/replica-operations.ts';
import { PUT_PHASE } from '../requests/request-slots.ts';

/** Only the own replica's answer is waited for longer than twice the usual put, or these milliseconds. */
export const ASKING_MS_MAX = 100;

/** What the answers so far say. */
export const ASKED = {
  /** More are waited for. */
  wait: 0,
  /** The write has happened. */
  known: 1,
  /** Nobody who was asked knows it. */
  unknown: 2,
  /** The own replica could not read; `slots.status` says why. */
  refused: 3,
} as const;

/**
 * Asks the own replica and whoever else answers for a position now. Returns STATUS_OK or a refusal.
 * REQUIRES: this node is on the list, or would stand in.
 */
export function startAsking(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  slots.keepRequest(slot, request, requestOffset, request[requestOffset + OPERATION.wordCount]!);
  slots.beginPut(slot, PUT_PHASE.asking);
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  for (let position = 0; position < stride; position += 1) {
    const primary = primaryAt(context, slot, position);
    const isListed = isUsable(context, primary, slots.shard[slot]!);
    const node = isListed ? primary : takeStandIn(context, slot, position);
    if (node < 0) continue;
    if (sendRead(context, slot, node, request, requestOffset, token, !isListed)) {
      slots.asked[slot] = slots.asked[slot]! | (1 << position);
    } else if (node === ring.ownNode) {
      return ERRORS.OVERLOADED.code;
    }
  }
  context.counters.retriesAsked += 1;
  const p99 = context.putLatencies.of(slots.bucketId[slot]!).p99(context.now);
  slots.hedgeAt[slot] = context.now + Math.min(2 * p99, ASKING_MS_MAX);
  context.watchDue(slots.hedgeAt[slot]);
  return STATUS_OK;
}

/** An answer to a question; `recordOffset` -1 where it names no record. Returns ASKED. */
export function onAsked(
  context: CoordinatorContext,
  slot: number,
  node: number,
  kind: number,
  status: number,
  record: Int32Array,
  recordOffset: number,
): number {
  const { slots } = context;
  const bit = askedBit(context, slot, node);
  if (bit === 0 || kind !== REPLY_KIND.read) return ASKED.wait;
  if (status !== STATUS_OK && status !== STATUS_NOT_FOUND) {
    return onAskedLost(context, slot, node, status);
  }
  slots.asked[slot] = slots.asked[slot]! & ~bit;
  if (recordOffset >= 0) {
    if (!hasRoom(context, slot, record, recordOffset)) {
      reachable('put: what is known of a retried write is too much to be held');
      slots.status[slot] = ERRORS.OVERLOADED.code;
      return ASKED.refused;
    }
    const isKnown = isKnownTo(context, slot, record, recordOffset);
    mergeAnswer(context, slot, bit, record, recordOffset);
    if (isKnown) {
      sometimes(node !== context.ring.ownNode, 'put: only another replica knows a retried write');
      return ASKED.known;
    }
  }
  return slots.asked[slot] === 0 ? ASKED.unknown : ASKED.wait;
}

/** A node that was asked cannot answer. Returns ASKED. */
export function onAskedLost(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): number {
  const { slots } = context;
  const bit = askedBit(context, slot, node);
  if (bit === 0) return ASKED.wait;
  slots.asked[slot] = slots.asked[slot]! & ~bit;
  if (node === context.ring.ownNode) {
    slots.status[slot] = status;
    return ASKED.refused;
  }
  return slots.asked[slot] === 0 ? ASKED.unknown : ASKED.wait;
}

/** The others have had their time: only the own replica must still read. Returns ASKED. */
export function onAskingDue(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  slots.hedgeAt[slot] = Infinity;
  reachable('put: not all who were asked about a retried write answer in time');
  const own = positionOfNode(context, slot, context.ring.ownNode);
  slots.asked[slot] = slots.asked[slot]! & (1 << own);
  return slots.asked[slot] === 0 ? ASKED.unknown : ASKED.wait;
}

/** The questions are over: no late answer to one counts, and stand-ins are chosen anew. */
export function endAsking(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  slots.phase[slot] = 0;
  slots.asked[slot] = 0;
  slots.current[slot] = 0;
  slots.hedgeAt[slot] = Infinity;
  slots.forgetStandIns(slot);
}

/** The bit of the position that a node was asked for and has not spoken of, or 0. */
function askedBit(context: CoordinatorContext, slot: number, node: number): number {
  const position = positionOfNode(context, slot, node);
  // Where a stand-in is asked for a position its primary is not.
  if (position < 0 || nodeAt(context, slot, position) !== node) return 0;
  return context.slots.asked[slot]! & (1 << position);
}

function isKnownTo(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): boolean {
  const { slots } = context;
  const words = slots.keptWords(slot);
  const offset = slots.keptOffset(slot);
  return operationIsKnown(
    record,
    recordOffset,
    words[offset + REQUEST.sessionLow]!,
    words[offset + REQUEST.sessionHigh]!,
    words[offset + REQUEST.sequence]!,
  );
}
