/**
 * A put or delete that arrives at a node outside the partition's replica list: it is passed, word for
 * word, to the coordinator of a node on the list, and the answer is relayed. A hop that stays silent
 * is hedged to the next, under the same operation id, so that the write stays one event. data plane.
 *
 * Invariants:
 *   PX1 a request that a peer passed on is never passed on again
 *   PX2 a silent or lost hop after which nothing else can be tried leaves the outcome unknown
 *   PX3 a refusal speaks for its hop only: it is relayed when no other hop can have applied the write
 *   PX4 a hop after one that may have applied the write is told so
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { errorName, ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  FRAME_HEADER_WORDS,
  LEVEL,
  OPERATION,
  REQUEST,
  REQUEST_FLAG,
  RESPONSE,
  TAG,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import type { CoordinatorContext } from '../coordinator-context.ts';
import {
  allPositions,
  positionOfNode,
  primaryAt,
  takeStandIn,
  usablePositions,
} from '../positions.ts';
import { SLOT_STATE } from '../requests/request-slots.ts';
import { respondRelayed, respondStatus, respondTimeout } from '../requests/respond.ts';
import { numberOf, SLOT_BITS, SLOT_STEP } from '../requests/slot-layout.ts';

/** Usable primaries, stand-ins, suspected primaries. */
const ROUNDS = 3;
const HEDGE_MS_MIN = 20;

/** A slot and its generation in one word: the request id that the other coordinator echoes. */
export function proxyRequestId(slot: number, generation: number): number {
  return numberOf(slot) | (generation << SLOT_BITS);
}
export function slotOfProxyRequest(requestId: number): number {
  return (requestId & ((1 << SLOT_BITS) - 1)) * SLOT_STEP;
}

/** Passes the kept request to the next node that can take it. Returns STATUS_OK or a refusal. */
export function passOn(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  const all = allPositions(context, slot);
  const usable = usablePositions(context, slot);
  for (let round = 0; round < ROUNDS; round += 1) {
    let left = all & ~slots.asked[slot]! & (round === 0 ? usable : ~usable);
    while (left !== 0) {
      const position = round === 0 ? quickestOf(context, slot, left) : firstOf(left);
      left &= ~(1 << position);
      const node = hopAt(context, slot, position, round, usable);
      if (node < 0 || !isOfLevel(context, slot, node)) continue;
      if (!sendRequest(context, slot, node)) continue;
      slots.asked[slot] = slots.asked[slot]! | (1 << position);
      const hedgeMs = buggify('proxy: hedge at once') ? 0 : hedgeMsOf(context, slot);
      slots.hedgeAt[slot] = context.now + hedgeMs;
      context.watchDue(slots.hedgeAt[slot]);
      return STATUS_OK;
    }
  }
  reachable('proxy: nobody of the list is left to pass a write to');
  slots.hedgeAt[slot] = Infinity;
  return ERRORS.UNAVAILABLE.code;
}

function firstOf(positions: number): number {
  return 31 - Math.clz32(positions & -positions);
}

/** Of a set of positions the one whose primary answers soonest. */
function quickestOf(context: CoordinatorContext, slot: number, positions: number): number {
  let quickest = firstOf(positions);
  for (let left = positions & (positions - 1); left !== 0; left &= left - 1) {
    const position = firstOf(left);
    const node = primaryAt(context, slot, position);
    const order = context.preference.compare(node, primaryAt(context, slot, quickest));
    if (order < 0) quickest = position;
  }
  return quickest;
}

/** Twice the usual put of the bucket, within bounds. */
function hedgeMsOf({ slots, limits, putLatencies, now }: CoordinatorContext, slot: number): number {
  const p99 = putLatencies.of(slots.bucketId[slot]!).p99(now);
  return Math.min(Math.max(HEDGE_MS_MIN, 2 * p99), limits.proxyHedgeMsMax);
}

/**
 * Who answers for a position in a round: primaries that can be used, then, where there is none of
 * those and the request is not strict, stand-ins, then primaries that are suspected. Or -1.
 */
function hopAt(
  context: CoordinatorContext,
  slot: number,
  position: number,
  round: number,
  usable: number,
): number {
  if (round !== 1) return primaryAt(context, slot, position);
  const isStrict = (context.slots.flags[slot]! & REQUEST_FLAG.strict) !== 0;
  return isStrict || usable !== 0 ? -1 : takeStandIn(context, slot, position);
}

/** [LV2] A level that counts by data centre means the asker's: a hop elsewhere would count another. */
function isOfLevel(context: CoordinatorContext, slot: number, node: number): boolean {
  const { slots, ring } = context;
  if (slots.level[slot] !== LEVEL.localQuorum) return true;
  return ring.dataCentreOf[node] === ring.dataCentreOf[ring.ownNode];
}

function sendRequest(context: CoordinatorContext, slot: number, node: number): boolean {
  const link = context.linkOfNode[node]!;
  if (link < 0) return false;
  const { slots } = context;
  const request = slots.keptWords(slot);
  const requestOffset = slots.keptOffset(slot);
  const wordCount = request[requestOffset + OPERATION.wordCount]!;
  const sink = context.toConnection(link);
  const offset = sink.begin(TAG.request, wordCount);
  if (offset < 0) return false;
  copyWords(request, requestOffset, sink.words, offset, wordCount);
  sink.words[offset + REQUEST.requestId] = proxyRequestId(slot, slots.generation[slot]!);
  if ((slots.asked[slot]! & ~slots.failed[slot]!) !== 0)
    nameRetry(context, slot, sink.words, offset);
  sink.end(wordCount);
  context.nameDeadline(sink, slot);
  context.counters.proxied += 1;
  return true;
}

/** [PX4] A hop that was asked before may have applied the write. */
function nameRetry(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
): void {
  reachable('proxy: a further hop is told that the write may have happened');
  words[offset + REQUEST.opcode] = words[offset + REQUEST.opcode]! | (REQUEST_FLAG.retry << 8);
  const elapsedMs = Math.round(context.now - context.slots.startedAt[slot]!);
  const ageMs = words[offset + REQUEST.ageMs]! + elapsedMs;
  words[offset + REQUEST.ageMs] = Math.max(1, ageMs);
}

/** A frame of answers of another node's coordinator. REQUIRES: it passed its validation. */
export function onProxiedFrame(
  context: CoordinatorContext,
  node: number,
  words: Int32Array,
  frame: number,
): void {
  let offset = frame + FRAME_HEADER_WORDS;
  for (let left = words[frame + FRAME.operationCount]!; left > 0; left -= 1) {
    onProxied(context, node, words, offset);
    offset += words[offset + OPERATION.wordCount]!;
  }
}

function onProxied(
  context: CoordinatorContext,
  node: number,
  words: Int32Array,
  offset: number,
): void {
  const { slots } = context;
  const requestId = words[offset + RESPONSE.requestId]!;
  const slot = slotOfProxyRequest(requestId);
  if (slot >= slots.end || slots.state[slot] !== SLOT_STATE.proxied) {
    reachable('proxy: a hop answers after the request has ended');
    return;
  }
  if (proxyRequestId(slot, slots.generation[slot]!) !== requestId) return;
  const bit = hopBit(context, slot, node);
  if ((openHops(context, slot) & bit) === 0) return;
  const status = words[offset + RESPONSE.status]! & 0xffff;
  if (isNotApplied(status)) {
    slots.failed[slot] = slots.failed[slot]! | bit;
    if (isTakenElsewhere(status) && passOn(context, slot) === STATUS_OK) {
      reachable('proxy: a hop refuses and the next one is asked');
      return;
    }
    // [PX3]
    if (openHops(context, slot) !== 0) {
      reachable('proxy: a hop refuses while another is at work');
      return;
    }
    if (slots.current[slot] !== 0) {
      reachable('proxy: a hop refuses after the link of another was lost');
      endUnknown(context, slot);
      return;
    }
  }
  respondRelayed(context, slot, words, offset);
  slots.release(slot);
}

/** Whether a refusal is about the hop rather than about the request: another one may take it. */
function isTakenElsewhere(status: number): boolean {
  const { UNAVAILABLE, NOT_READY, HINTS_FULL } = ERRORS;
  return status === UNAVAILABLE.code || status === NOT_READY.code || status === HINTS_FULL.code;
}

function isNotApplied(status: number): boolean {
  const name = errorName(status);
  return name !== undefined && ERRORS[name].outcome === 'not-applied';
}

/** The bit of a node in a slot's hops, or 0 where it is none. */
function hopBit(context: CoordinatorContext, slot: number, node: number): number {
  const position = positionOfNode(context, slot, node);
  return position < 0 ? 0 : 1 << position;
}

/** Hops that were asked, have not refused, and may still answer. */
function openHops(context: CoordinatorContext, slot: number): number {
  const { slots } = context;
  return slots.asked[slot]! & ~slots.failed[slot]! & ~slots.current[slot]!;
}

/** The deadline has come, or the hop was silent too long and another is tried beside it. */
export function onProxyDue(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.due[slot]! <= context.now) {
    reachable('sweep: a request that was passed on runs out of time');
    respondTimeout(context, slot);
    slots.release(slot);
    return;
  }
  slots.hedgeAt[slot] = Infinity;
  if (passOn(context, slot) !== STATUS_OK) return;
  reachable('proxy: a silent hop is hedged');
  context.counters.hedges += 1;
}

/** The link to a node is gone: another is tried, unless one is at work already. */
export function onProxyLinkDown(context: CoordinatorContext, slot: number, node: number): void {
  const { slots } = context;
  const bit = hopBit(context, slot, node);
  if ((openHops(context, slot) & bit) === 0) return;
  slots.current[slot] = slots.current[slot]! | bit;
  sometimes(openHops(context, slot) !== 0, 'proxy: the link of one of two hops is lost');
  if (openHops(context, slot) !== 0) return;
  if (passOn(context, slot) === STATUS_OK) context.counters.hedges += 1;
  else endUnknown(context, slot);
}

/** [PX2] It was sent somewhere, and nothing is known of it. */
function endUnknown(context: CoordinatorContext, slot: number): void {
  reachable('proxy: the outcome of a write that was passed on is unknown');
  respondStatus(context, slot, ERRORS.UNKNOWN_OUTCOME.code);
  context.slots.release(slot);
}
