/**
 * One get: R replicas are asked, the best first (get-start.ts), what they hold is merged and answered,
 * and the replicas that were behind are mended (read-repair.ts; DESIGN.md, section 7; after Riak's get
 * core). data plane.
 *
 * Invariants:
 *   G1 an answer is merged from R distinct replicas that read their copy successfully
 *   G2 a replica that could not read never votes "not found"
 *   G4 "not found" needs R votes without stand-ins that hold nothing
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_KIND, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { recordWordCount } from '@clockwise/record/layout';
import { RELATION } from '@clockwise/versioning/context';
import { joinRecords } from '@clockwise/versioning/join';
import { compareRecords } from '@clockwise/versioning/relation';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { hedge } from './get-hedge.ts';
import { askMoreAsKept, endReads, isHopeful, outstandingOf, votesOf } from './get-start.ts';
import { levelIsMet } from '../levels.ts';
import { nodeAt, positionOfNode, primaryAt } from '../positions.ts';
import { answerMonotonic, mend, onMended, onReadWhileMending } from './read-repair.ts';
import {
  respondNotFound,
  respondRecord,
  respondStatus,
  respondTimeout,
} from '../requests/respond.ts';

const NO_RECORD: Int32Array = new Int32Array(0);

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
  if (!context.slots.hasKept(slot)) {
    if (node === context.ring.ownNode) answerSoleRead(context, slot, status, record, recordOffset);
    return;
  }
  const position = positionOfNode(context, slot, node);
  if (position < 0) return;
  if (kind === REPLY_KIND.stored) {
    onMended(context, slot, position, status);
    endIfOver(context, slot);
  } else if (status !== STATUS_OK && status !== STATUS_NOT_FOUND) {
    onReadFailed(context, slot, position, node, status);
  } else if (kind === REPLY_KIND.read) {
    onRead(context, slot, position, node, record, recordOffset);
  }
}

/** The only copy is in this node: whatever its shard says is the answer. */
export function answerSoleRead(
  context: CoordinatorContext,
  slot: number,
  status: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  if (status === STATUS_OK || status === STATUS_NOT_FOUND) slots.answered[slot] = 1;
  if (status !== STATUS_OK) respondStatus(context, slot, status);
  else if (recordOffset >= 0) respondRecord(context, slot, record, recordOffset);
  else respondNotFound(context, slot);
  slots.release(slot);
}

/** What a replica holds; `recordOffset` -1 where it holds nothing. */
function onRead(
  context: CoordinatorContext,
  slot: number,
  position: number,
  node: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  const bit = 1 << position;
  sometimes((slots.answered[slot]! & bit) !== 0, 'get: a replica answers twice');
  sometimes((slots.failed[slot]! & bit) !== 0, 'get: a replica that failed answers after all');
  sometimes(slots.responded[slot] === 1, 'get: a replica answers after the response');
  const isStandIn = node !== primaryAt(context, slot, position);
  // [G4] What a stand-in without a copy said of a position is no word against its primary's.
  const isEmpty = !isStandIn && slots.responded[slot] === 0 && (slots.empty[slot]! & bit) !== 0;
  sometimes(isEmpty, 'get: a primary answers after a stand-in that holds nothing');
  if (!isEmpty && (slots.asked[slot]! & ~slots.answered[slot]! & bit) === 0) return;
  noteAnswer(context, slot, position, node);
  slots.answered[slot] = slots.answered[slot]! | bit;
  if (isEmpty) {
    slots.sloppy[slot] = slots.sloppy[slot]! & ~bit;
    slots.empty[slot] = slots.empty[slot]! & ~bit;
  }
  if (isStandIn) noteStandIn(context, slot, bit, recordOffset >= 0);
  if (slots.repairNeeded[slot] !== 0 && slots.responded[slot] === 0) {
    if (!isStandIn) onReadWhileMending(context, slot, bit, record, recordOffset);
    endIfOver(context, slot);
  } else if (isAnswerAlone(context, slot, bit)) {
    reachable('get: one replica is enough and nothing is merged');
    noteLatency(context, slot);
    if (recordOffset < 0) respondNotFound(context, slot);
    else respondRecord(context, slot, record, recordOffset);
    slots.release(slot);
  } else if (recordOffset >= 0 && !hasRoom(context, slot, record, recordOffset)) {
    onNoRoom(context, slot);
  } else {
    if (!isStandIn || recordOffset >= 0) mergeAnswer(context, slot, bit, record, recordOffset);
    settleGet(context, slot);
  }
}

/** Whether a record may be held to be merged, or need not be: all that are have bytes in bounds. */
export function hasRoom(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): boolean {
  const { slots, limits } = context;
  const wordCount = recordWordCount(record, recordOffset);
  if (slots.mayKeep(wordCount, limits.keptRequestBytesMax)) return true;
  const held = slots.heldOf(slot);
  if (held === undefined || slots.heldWords[slot] === 0) return false;
  return compareRecords(held, 0, record, recordOffset) !== RELATION.concurrent;
}

/** Before the answer it is refused; after it nobody is mended with what cannot be held. */
function onNoRoom(context: CoordinatorContext, slot: number): void {
  reachable('get: a record is one too many to be held');
  if (context.slots.responded[slot] === 0) {
    respondStatus(context, slot, ERRORS.OVERLOADED.code);
    endGet(context, slot);
  } else {
    settleGet(context, slot);
  }
}

/** Nobody else was asked, one answer is enough, and nothing is done before it is given. */
function isAnswerAlone(context: CoordinatorContext, slot: number, bit: number): boolean {
  const { slots } = context;
  return (
    slots.asked[slot] === bit &&
    slots.responded[slot] === 0 &&
    slots.empty[slot] === 0 &&
    !isMonotonic(context, slot) &&
    levelIsMet(context, slot, bit)
  );
}

function isMonotonic(context: CoordinatorContext, slot: number): boolean {
  return (context.slots.flags[slot]! & REQUEST_FLAG.monotonic) !== 0;
}

/** How long an answer took; nothing is learned from who was asked later, and at an unknown instant. */
function noteAnswer(
  context: CoordinatorContext,
  slot: number,
  position: number,
  node: number,
): void {
  const { slots, preference, now } = context;
  const bit = 1 << position;
  if ((outstandingOf(context, slot) & bit) !== 0) preference.ended(nodeAt(context, slot, position));
  if ((slots.askedLate[slot]! & bit) === 0) {
    preference.answered(node, now - slots.startedAt[slot]!, now);
  }
}

/** [G4] What a stand-in says is marked as its own. */
function noteStandIn(
  context: CoordinatorContext,
  slot: number,
  bit: number,
  hasRecord: boolean,
): void {
  const { slots } = context;
  sometimes(hasRecord, 'get: a stand-in has a hinted copy');
  sometimes(!hasRecord, 'get: a stand-in holds nothing');
  slots.sloppy[slot] = slots.sloppy[slot]! | bit;
  if (!hasRecord) slots.empty[slot] = slots.empty[slot]! | bit;
}

function noteLatency(context: CoordinatorContext, slot: number): void {
  const { slots, now } = context;
  context.latencies.of(slots.bucketId[slot]!).record(now - slots.startedAt[slot]!, now);
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
  const held = slots.heldOf(slot);
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
    if (join.discardedConcurrent) context.counters.lwwDiscardedConcurrent += 1;
    slots.hold(slot, joined);
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

/** A node cannot be reached any more: whatever it was asked for, it does not answer. */
export function onGetFailed(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  const { slots, ring } = context;
  if (!slots.hasKept(slot)) {
    if (node === ring.ownNode) answerSoleRead(context, slot, status, NO_RECORD, -1);
    return;
  }
  const position = positionOfNode(context, slot, node);
  if (position < 0) return;
  const generation = slots.generation[slot]!;
  onMended(context, slot, position, status);
  onReadFailed(context, slot, position, node, status);
  if (slots.isCurrent(slot, generation)) endIfOver(context, slot);
}

/** A replica could not read: another is asked in its place. */
function onReadFailed(
  context: CoordinatorContext,
  slot: number,
  position: number,
  node: number,
  status: number,
): void {
  const { slots, preference } = context;
  const bit = 1 << position;
  const isOpen = (outstandingOf(context, slot) & bit) !== 0;
  sometimes(!isOpen, 'get: a replica that is not waited for fails');
  // The primary of a position for which a stand-in was asked since is not waited for either.
  if (!isOpen || node !== nodeAt(context, slot, position)) return;
  preference.ended(node);
  preference.refused(node, context.now);
  slots.failed[slot] = slots.failed[slot]! | bit;
  slots.status[slot] = status;
  // Puts go to a stand-in where a shard is down, and so does who reads them.
  if (status === ERRORS.NOT_READY.code) slots.orphaned[slot] = slots.orphaned[slot]! | bit;
  settleGet(context, slot);
}

/**
 * A node is believed down: others are asked in its place, as puts go to others now. What it says after all
 * counts, and where nobody can be asked it is still waited for.
 */
export function onGetSuspected(context: CoordinatorContext, slot: number, node: number): void {
  const { slots } = context;
  if (slots.responded[slot] === 1 || slots.repairNeeded[slot] !== 0 || !slots.hasKept(slot)) return;
  const position = node === context.ring.ownNode ? -1 : positionOfNode(context, slot, node);
  const bit = position < 0 ? 0 : outstandingOf(context, slot) & (1 << position);
  if (bit === 0 || node !== nodeAt(context, slot, position)) return;
  slots.failed[slot] = slots.failed[slot]! | bit;
  askMoreAsKept(context, slot);
  const isReplaced = isHopeful(context, slot);
  sometimes(isReplaced, 'get: another is asked in place of one that is believed down');
  sometimes(!isReplaced, 'get: nobody can be asked in place of one that is believed down');
  if (isReplaced) context.preference.ended(node);
  else slots.failed[slot] &= ~bit;
}

/** The deadline has come, or the instant at which an answer was hoped for. */
export function onGetDue(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.due[slot]! > context.now) {
    slots.hedgeAt[slot] = Infinity;
    if (slots.responded[slot] === 0 && slots.repairNeeded[slot] === 0) hedge(context, slot);
    return;
  }
  sometimes(slots.responded[slot] === 1, 'sweep: an answered request ends at its deadline');
  sometimes(slots.responded[slot] === 0, 'sweep: a get runs out of time');
  if (slots.responded[slot] === 0) respondTimeout(context, slot);
  endGet(context, slot);
}

/** Answers once the level is met, or cannot be met any more; ends when all have spoken. */
function settleGet(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.responded[slot] === 0 && slots.repairNeeded[slot] === 0) decide(context, slot);
  endIfOver(context, slot);
}

function decide(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (levelIsMet(context, slot, votesOf(context, slot))) {
    answer(context, slot);
    return;
  }
  if (isHopeful(context, slot)) return;
  if (slots.hasKept(slot)) {
    const asked = outstandingOf(context, slot);
    askMoreAsKept(context, slot);
    const more = outstandingOf(context, slot) & ~asked;
    sometimes(more !== 0, 'get: another is asked in place of one that failed');
    if (isHopeful(context, slot)) return;
  }
  reachable('get: too few replicas are left to answer');
  const status = slots.status[slot]!;
  respondStatus(context, slot, status === 0 ? ERRORS.UNAVAILABLE.code : status);
}

function answer(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const held = slots.heldOf(slot);
  if (held === undefined || slots.heldWords[slot] === 0) {
    noteLatency(context, slot);
    respondNotFound(context, slot);
  } else if (isMonotonic(context, slot)) {
    answerMonotonic(context, slot);
  } else {
    noteLatency(context, slot);
    respondRecord(context, slot, held, 0);
  }
}

/** It was answered, and nobody is left who could still say something. */
function endIfOver(context: CoordinatorContext, slot: number): void {
  const isAnswered = context.slots.responded[slot] === 1;
  if (isAnswered && outstandingOf(context, slot) === 0) endGet(context, slot);
}

/** Nothing more is waited for. REQUIRES: the get was answered. */
function endGet(context: CoordinatorContext, slot: number): void {
  endReads(context, slot);
  mend(context, slot);
  context.slots.release(slot);
}
