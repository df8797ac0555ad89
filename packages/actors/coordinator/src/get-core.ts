/**
 * One get: ask R replicas, nearest first, merge what they hold, answer, then mend the replicas that
 * were behind (DESIGN.md, section 7; after Riak's get core). data plane.
 *
 * Invariants:
 *   G1 an answer is merged from R distinct replicas that read their copy successfully
 *   G2 a replica that could not read never votes "not found"
 *   G3 a replica found behind is sent what it lacks, after the answer
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { PRIORITY, REPLY_KIND } from '@clockwise/protocol/frame';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { copyWords } from '@clockwise/record/copy';
import { recordWordCount } from '@clockwise/record/layout';
import { RELATION } from '@clockwise/versioning/context';
import { joinRecords } from '@clockwise/versioning/join';
import { compareRecords } from '@clockwise/versioning/relation';
import type { CoordinatorContext } from './coordinator-context.ts';
import { openBit, positionOfNode } from './positions.ts';
import { sendRead, sendStore, type KeyToken } from './replica-operations.ts';
import {
  bitCount,
  respondNotFound,
  respondRecord,
  respondStatus,
  respondTimeout,
} from './respond.ts';

/** Milliseconds after which a get that lacks an answer asks another replica. */
export const GET_HEDGE_MS = 50;

/**
 * Asks replicas until R are on their way. Returns STATUS_OK or the status of a refusal.
 * REQUIRES: the slot's partition, shard, R and class are set.
 */
export function startGet(
  context: CoordinatorContext,
  slot: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  if (own >= 0) askAt(context, slot, own, request, requestOffset, token);
  askMore(context, slot, slots.required[slot]!, request, requestOffset, token);
  if (bitCount(slots.asked[slot]!) >= slots.required[slot]!) return STATUS_OK;
  reachable('get: fewer than R replicas can be asked');
  return own >= 0 && context.shardIsFull(slots.shard[slot]!)
    ? ERRORS.OVERLOADED.code
    : ERRORS.UNAVAILABLE.code;
}

/** Asks further replicas, those not suspected first, until `wanted` are asked in all. */
function askMore(
  context: CoordinatorContext,
  slot: number,
  wanted: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots, ring, suspected } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const first = slots.partition[slot]! * placement.stride;
  for (let round = 0; round < 2; round += 1) {
    for (let position = 0; position < placement.stride; position += 1) {
      if (bitCount(slots.asked[slot]! & ~slots.failed[slot]!) >= wanted) return;
      if (suspected[placement.table[first + position]!] !== round) continue;
      if ((slots.asked[slot]! & (1 << position)) !== 0) continue;
      askAt(context, slot, position, request, requestOffset, token);
    }
  }
}

function askAt(
  context: CoordinatorContext,
  slot: number,
  position: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): void {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const node = placement.table[slots.partition[slot]! * placement.stride + position]!;
  if (sendRead(context, slot, node, request, requestOffset, token, false)) {
    slots.asked[slot] = slots.asked[slot]! | (1 << position);
  }
}

/** A replica's answer; `recordOffset` -1 where it names no record. */
export function onGetReply(
  context: CoordinatorContext,
  slot: number,
  node: number,
  kind: number,
  status: number,
  record: Int32Array,
  recordOffset: number,
): void {
  if (status !== STATUS_OK && status !== STATUS_NOT_FOUND) {
    onGetFailed(context, slot, node, status);
  } else if (kind === REPLY_KIND.read) {
    onRead(context, slot, node, record, recordOffset);
  }
}

/** What a replica holds; `recordOffset` -1 where it holds nothing. */
function onRead(
  context: CoordinatorContext,
  slot: number,
  node: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  const position = positionOfNode(context, slot, node);
  if (position < 0) return;
  const bit = 1 << position;
  sometimes((slots.answered[slot]! & bit) !== 0, 'get: a replica answers twice');
  sometimes((slots.failed[slot]! & bit) !== 0, 'get: a replica that failed answers after all');
  sometimes(slots.responded[slot] === 1, 'get: a replica answers after the response');
  if ((slots.asked[slot]! & ~slots.answered[slot]! & bit) === 0) return;
  slots.answered[slot] = slots.answered[slot]! | bit;
  if (slots.required[slot] === 1 && slots.asked[slot] === bit && slots.responded[slot] === 0) {
    reachable('get: one replica is enough and nothing is merged');
    if (recordOffset < 0) respondNotFound(context, slot);
    else respondRecord(context, slot, record, recordOffset);
    slots.release(slot);
    return;
  }
  mergeAnswer(context, slot, bit, record, recordOffset);
  settleGet(context, slot);
}

/** Joins an answer into what is held, and keeps account of who holds exactly that. */
export function mergeAnswer(
  context: CoordinatorContext,
  slot: number,
  bit: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  const held = slots.held[slot];
  if (recordOffset < 0) {
    sometimes(slots.heldWords[slot] !== 0, 'get: a replica has nothing where another has a record');
    if (slots.heldWords[slot] === 0) slots.current[slot] = slots.current[slot]! | bit;
    return;
  }
  if (held === undefined || slots.heldWords[slot] === 0) {
    hold(context, slot, record, recordOffset);
    slots.current[slot] = bit;
    return;
  }
  const relation = compareRecords(held, 0, record, recordOffset);
  if (relation === RELATION.equal) {
    slots.current[slot] = slots.current[slot]! | bit;
  } else if (relation === RELATION.rightDominates) {
    reachable('get: a later answer knows more than those before');
    hold(context, slot, record, recordOffset);
    slots.current[slot] = bit;
  } else if (relation === RELATION.concurrent) {
    reachable('get: two answers are concurrent and joined');
    const joined = new Int32Array(slots.heldWords[slot]! + recordWordCount(record, recordOffset));
    const join = context.join(slots.lww[slot] === 1);
    slots.heldWords[slot] = joinRecords(join, held, 0, record, recordOffset, joined, 0);
    slots.held[slot] = joined;
    slots.current[slot] = 0;
  }
}

function hold(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const wordCount = recordWordCount(record, recordOffset);
  const held = context.slots.takeHeld(slot, wordCount);
  copyWords(record, recordOffset, held, 0, wordCount);
  context.slots.heldWords[slot] = wordCount;
}

/** A replica could not read, or cannot be reached any more: another is asked in its place. */
export function onGetFailed(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  const { slots } = context;
  const bit = openBit(context, slot, node);
  if (bit === 0) return;
  slots.failed[slot] = slots.failed[slot]! | bit;
  slots.status[slot] = status;
  if (slots.responded[slot] === 0 && slots.hasKept(slot)) {
    const asked = slots.asked[slot]!;
    askMoreAsKept(context, slot, slots.required[slot]!);
    sometimes(slots.asked[slot] !== asked, 'get: another is asked in place of one that failed');
  }
  settleGet(context, slot);
}

/** The request is kept: further replicas are asked until `wanted` are on their way. */
function askMoreAsKept(context: CoordinatorContext, slot: number, wanted: number): void {
  const { slots } = context;
  const token = context.tokenOf(slot);
  askMore(context, slot, wanted, slots.keptWords(slot), slots.keptOffset(slot), token);
}

/** The deadline has come, or the instant at which an answer was hoped for. */
export function onGetDue(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.due[slot]! > context.now) {
    slots.hedgeAt[slot] = Infinity;
    if (slots.responded[slot] === 0) hedge(context, slot);
    return;
  }
  sometimes(slots.responded[slot] === 1, 'get: an answered read ends at its deadline');
  sometimes(slots.responded[slot] === 0, 'sweep: a get runs out of time');
  if (slots.responded[slot] === 0) respondTimeout(context, slot);
  endGet(context, slot);
}

/** One more replica now, and the next after as long again. */
function hedge(context: CoordinatorContext, slot: number): void {
  const { slots, ring } = context;
  const asked = slots.asked[slot]!;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  sometimes(bitCount(asked) === stride, 'get: a hedge finds that all replicas are asked');
  if (bitCount(asked) === stride) return;
  askMoreAsKept(context, slot, bitCount(asked & ~slots.failed[slot]!) + 1);
  sometimes(slots.asked[slot] !== asked, 'get: a hedge asks one more replica');
  sometimes(slots.asked[slot] === asked, 'get: a hedge reaches nobody');
  if (slots.asked[slot] !== asked) context.counters.hedges += 1;
  slots.hedgeAt[slot] = context.now + GET_HEDGE_MS;
}

/** Answers once R replicas have read, or cannot any more; mends and frees when all have spoken. */
function settleGet(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const answered = slots.answered[slot]!;
  const outstanding = slots.asked[slot]! & ~answered & ~slots.failed[slot]!;
  if (slots.responded[slot] === 0) {
    const required = slots.required[slot]!;
    const held = slots.held[slot];
    if (bitCount(answered) >= required) {
      if (held === undefined || slots.heldWords[slot] === 0) respondNotFound(context, slot);
      else respondRecord(context, slot, held, 0);
    } else if (bitCount(answered) + bitCount(outstanding) < required) {
      reachable('get: too few replicas are left to answer');
      respondStatus(
        context,
        slot,
        slots.status[slot] === 0 ? ERRORS.UNAVAILABLE.code : slots.status[slot]!,
      );
    }
  }
  if (outstanding === 0 && slots.responded[slot] === 1) endGet(context, slot);
}

/** Nothing more is waited for. REQUIRES: the get was answered. */
function endGet(context: CoordinatorContext, slot: number): void {
  mend(context, slot);
  context.slots.release(slot);
}

/** [G3] Sends the merged record to those that answered with less. */
function mend(context: CoordinatorContext, slot: number): void {
  const { slots, ring } = context;
  const held = slots.held[slot];
  const behind = slots.answered[slot]! & ~slots.current[slot]!;
  if (held === undefined || slots.heldWords[slot] === 0 || behind === 0) return;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const first = slots.partition[slot]! * placement.stride;
  const { policy } = ring.buckets.get(slots.bucketId[slot]!)!;
  for (let position = 0; position < placement.stride; position += 1) {
    if ((behind & (1 << position)) === 0) continue;
    const node = placement.table[first + position]!;
    // The slot is about to end: what the replica answers to this names an old generation.
    const isSent = sendStore(context, slot, node, policy, held, 0, 0, PRIORITY.foreground);
    sometimes(isSent, 'get: a replica that was behind is mended');
    sometimes(!isSent, 'get: a replica that was behind cannot be reached for mending');
    context.counters.repairs += 1;
  }
}
