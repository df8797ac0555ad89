/**
 * What befalls a put or delete under way: answers, instants, nodes that are lost or suspected. data
 * plane.
 *
 * Boundary: put-core.ts writes, retried-put.ts asks, put-start.ts says who does either.
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { onRelaysSilent, onRelaySuspected } from '../fan-out/fan-out-send.ts';
import { endPut } from './late-acknowledgements.ts';
import {
  acknowledge,
  forwardRecord,
  onForward,
  onPutNodeLost,
  onPutNodeSuspected,
  onPutRefused,
  onReadAgain,
  onWritten,
  settlePut,
} from './put-core.ts';
import { routeWrite } from './put-start.ts';
import { PUT_PHASE } from '../requests/request-slots.ts';
import { respondStatus, respondTimeout } from '../requests/respond.ts';
import { ASKED, endAsking, onAsked, onAskedLost, onAskingDue } from './retried-put.ts';
import { FIELD } from '../requests/slot-layout.ts';

/** A node's answer; `recordOffset` -1 where it names no record. */
export function onPutReply(
  context: CoordinatorContext,
  slot: number,
  node: number,
  kind: number,
  status: number,
  flags: number,
  record: Int32Array,
  recordOffset: number,
  durability: number,
): void {
  const { slots, ring } = context;
  const isOwn = node === ring.ownNode;
  if (slots.words[slot + FIELD.phase] === PUT_PHASE.asking) {
    act(context, slot, onAsked(context, slot, node, kind, status, record, recordOffset));
  } else if (kind === REPLY_KIND.read) {
    if (isOwn) onReadAgain(context, slot, status, record, recordOffset);
  } else if (status !== STATUS_OK) {
    onPutRefused(context, slot, node, status);
  } else if (kind === REPLY_KIND.stored) {
    acknowledge(context, slot, node, durability);
  } else if (isOwn && recordOffset >= 0) {
    if ((flags & REPLY_FLAG.duplicate) !== 0) slots.duplicate[slot] = 1;
    if (kind === REPLY_KIND.forward) onForward(context, slot, record, recordOffset);
    else if (kind === REPLY_KIND.written)
      onWritten(context, slot, durability, record, recordOffset);
  }
}

/** The deadline has come, or the instant after which answers to a question are not waited for. */
export function onPutDue(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.due[slot]! > context.now) {
    slots.hedgeAt[slot] = Infinity;
    if (slots.phase[slot] === PUT_PHASE.asking) act(context, slot, onAskingDue(context, slot));
    else if (context.fanOuts.isNeeded) onRelaysSilent(context, slot);
    return;
  }
  sometimes(slots.responded[slot] === 1, 'put: an answered write ends at its deadline');
  sometimes(slots.responded[slot] === 0, 'sweep: a put runs out of time');
  if (slots.responded[slot] === 0) respondTimeout(context, slot);
  endPut(context, slot);
}

/** The link to a node is gone, or the own shard is down. */
export function onPutLost(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  if (context.slots.phase[slot] === PUT_PHASE.asking) {
    act(context, slot, onAskedLost(context, slot, node, status));
  } else {
    onPutNodeLost(context, slot, node, status);
  }
}

/** The gossiper believes a node down. */
export function onPutSuspected(context: CoordinatorContext, slot: number, node: number): void {
  if (context.slots.phase[slot] !== PUT_PHASE.forwarded) return;
  if (context.fanOuts.isNeeded) onRelaySuspected(context, slot, node);
  onPutNodeSuspected(context, slot, node);
}

/** What is known of a retried write by now decides what becomes of it. */
function act(context: CoordinatorContext, slot: number, asked: number): void {
  if (asked === ASKED.known) storeKnown(context, slot);
  else if (asked === ASKED.unknown) writeAfterAll(context, slot);
  else if (asked === ASKED.refused) refuse(context, slot, context.slots.status[slot]!);
}

/** [P8] What was merged from the answers goes to all positions, as if it had just been made. */
function storeKnown(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  reachable('put: a retried write is known and nothing is made');
  context.counters.retriesKnown += 1;
  const record = slots.takeRecord(slot);
  endAsking(context, slot);
  slots.duplicate[slot] = 1;
  forwardRecord(context, slot, record, 0);
  settlePut(context, slot);
}

/** Nobody who was asked knows it: it is written as if it came now, flag and all. */
function writeAfterAll(context: CoordinatorContext, slot: number): void {
  const { slots, ring } = context;
  reachable('put: a retried write is known to nobody who was asked');
  endAsking(context, slot);
  slots.heldWords[slot] = 0;
  const bucket = ring.buckets.get(slots.bucketId[slot]!)!;
  const token = context.tokenOf(slot);
  const words = slots.keptWords(slot);
  const offset = slots.keptOffset(slot);
  const status = routeWrite(context, slot, bucket, words, offset, token, false);
  if (status !== STATUS_OK) refuse(context, slot, status);
}

/** Nothing was made by this try. */
function refuse(context: CoordinatorContext, slot: number, status: number): void {
  context.slots.phase[slot] = 0;
  respondStatus(context, slot, status);
  context.slots.release(slot);
}
