/**
 * One put or delete whose dot is made here, from the write at the own shard to the answer (DESIGN.md,
 * section 7; after Riak's put core): the own replica reads, merges, makes the dot and appends; the
 * merged record goes to the other positions at once; the client is answered when its level is met.
 * data plane.
 *
 * Each position of the list is answered for by its primary, or by a stand-in where that cannot be used.
 * A set of positions is a word of bits: `openPrimaries` and `openStandIns` have the record and have not
 * acknowledged it, `wanting` wait for it to be read again for another stand-in, `answered` have
 * acknowledged, `sloppy` are those of them whose primary has not. Positions of other data centres are sent
 * the record through relays (fan-out-send.ts); each is open until its relay, or its node, speaks for it.
 *
 * Invariants:
 *   P1 success is answered when acknowledged positions satisfy the level, each durable as its bucket asks
 *   P2 a node's second acknowledgement counts for nothing
 *   P3 a write that may have happened is never answered as not applied
 *   P4 a stand-in counts for one position, and never towards a strict level
 *   P9 what a stand-in is sent later holds all that was forwarded at first
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { PASSED_ON, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { contextCount, contextOffset, ENTRY_WORDS } from '@clockwise/record/layout';
import { compareContexts, RELATION } from '@clockwise/versioning/context';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { endPut, waitForLate } from './late-acknowledgements.ts';
import { onRelayLost, redirect, sendAcross } from '../fan-out/fan-out-send.ts';
import { levelIsMet } from '../levels.ts';
import { owedWord } from '../hand-off/owed-records.ts';
import { allPositions, isListed, positionOfNode, primaryAt } from '../positions.ts';
import { sendWrite, type KeyToken } from '../peers/replica-operations.ts';
import { PUT_PHASE, SLOT_STATE } from '../requests/request-slots.ts';
import { keepHybrid, respondStatus, respondWritten } from '../requests/respond.ts';
import type { BucketView } from '../ring-view.ts';
import { FIELD } from '../requests/slot-layout.ts';
import { openPosition, readAgain, sendTo, sendToWanting, stopWaiting } from './stand-in-put.ts';

/**
 * Has the own shard make the dot. False: it takes no more.
 * REQUIRES: this node is at `ownPosition` of the list, or stands in there.
 */
export function startPut(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  ownPosition: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): boolean {
  const { slots, ring } = context;
  const forward = ring.tables[bucket.replicationClass]!.stride > 1;
  const isStandIn = primaryAt(context, slot, ownPosition) !== ring.ownNode;
  // Nobody else may know of what a stand-in makes: it keeps the record for all.
  const owed = isStandIn ? owedWord(context.ring, allPositions(context, slot)) : 0;
  if (!sendWrite(context, slot, bucket, forward, request, requestOffset, token, owed)) {
    reachable('put: the own shard takes no more and the put is refused');
    return false;
  }
  if (forward && !slots.hasKept(slot)) slots.keepKey(slot, request, requestOffset);
  slots.beginPut(slot, PUT_PHASE.writing);
  openPosition(context, slot, ownPosition, isStandIn);
  return true;
}

/** The own replica has merged: the record goes to the other positions, whatever the disk does. */
export function onForward(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  if (context.slots.phase[slot] !== PUT_PHASE.writing) return;
  forwardRecord(context, slot, record, recordOffset);
  settlePut(context, slot);
}

/** Sends a record to all positions that do not have it yet, and keeps what the answer says of it. */
export function forwardRecord(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  slots.phase[slot] = PUT_PHASE.forwarded;
  const { stride } = ring.tables[slots.replicationClass[slot]!]!;
  const leftAlone = context.fanOuts.isNeeded ? sendAcross(context, slot, record, recordOffset) : 0;
  const has = slots.openPrimaries[slot]! | slots.openStandIns[slot]! | leftAlone;
  for (let position = 0; position < stride; position += 1) {
    if ((has & (1 << position)) === 0) sendTo(context, slot, position, record, recordOffset);
  }
  keepContext(context, slot, record, recordOffset);
  keepHybrid(context, slot, record, recordOffset);
}

/** The own replica's acknowledgement. */
export function onWritten(
  context: CoordinatorContext,
  slot: number,
  durability: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  if (ring.tables[slots.words[slot + FIELD.replicationClass]!]!.stride === 1) {
    answerSoleWrite(context, slot, durability, record, recordOffset);
    return;
  }
  if (slots.phase[slot] === PUT_PHASE.writing) {
    // The two lanes are two rings: a quick disk's acknowledgement may be seen before the forward.
    reachable('put: the acknowledgement is seen before the forward');
    forwardRecord(context, slot, record, recordOffset);
  }
  acknowledge(context, slot, ring.ownNode, durability);
}

/** With N = 1 the acknowledgement is the only message, and carries the context. */
export function answerSoleWrite(
  context: CoordinatorContext,
  slot: number,
  durability: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  const fields = slots.words;
  fields[slot + FIELD.answered] = 1;
  if (fields[slot + FIELD.standIns] !== 0) fields[slot + FIELD.sloppy] = 1;
  fields[slot + FIELD.durability] = durability;
  keepHybrid(context, slot, record, recordOffset);
  const entries = contextOffset(record, recordOffset);
  respondWritten(context, slot, record, entries, contextCount(record, recordOffset));
  slots.release(slot);
}

/** A node has the record, as durable as it says. */
export function acknowledge(
  context: CoordinatorContext,
  slot: number,
  node: number,
  durability: number,
): void {
  const { slots } = context;
  const position = positionOfNode(context, slot, node);
  if (position < 0) return;
  const bit = 1 << position;
  const isPrimary = isListed(context, slot, node);
  const waiting = isPrimary ? slots.openPrimaries : slots.openStandIns;
  sometimes(slots.responded[slot] === 1, 'put: an acknowledgement comes after the answer');
  // [P2] Nor does one count that nobody asked for.
  if ((waiting[slot]! & bit) === 0 || (isPrimary && isBehindRelay(context, slot, bit))) return;
  waiting[slot] = waiting[slot]! & ~bit;
  count(context, slot, bit, isPrimary, durability);
}

/** What a relay passes back of a position that it was sent the record for (PASSED_ON). */
export function onPassedBack(
  context: CoordinatorContext,
  slot: number,
  relay: number,
  passedOn: number,
  status: number,
  durability: number,
): void {
  const { slots, fanOuts } = context;
  const position = (passedOn & PASSED_ON.positionMask) - 1;
  const bit = 1 << position;
  // [FO2, P2]
  const isExpected =
    fanOuts.isNeeded &&
    slots.phase[slot] === PUT_PHASE.forwarded &&
    fanOuts.isThrough(slot, position, relay) &&
    (slots.openPrimaries[slot]! & bit) !== 0;
  sometimes(!isExpected, 'fan-out: what is passed back is not waited for');
  if (!isExpected) return;
  const isPrimary = (passedOn & PASSED_ON.standIn) === 0;
  // Whoever was sent the record since has an answer of its own to give.
  const isRedirected = (fanOuts.redirected[slot]! & ~slots.wanting[slot]! & bit) !== 0;
  if (status === STATUS_OK) {
    fanOuts.answered(relay, context.now - slots.startedAt[slot]!, context.now);
    if (isPrimary || !isRedirected) {
      slots.openPrimaries[slot] = slots.openPrimaries[slot]! & ~bit;
    }
    count(context, slot, bit, isPrimary, durability);
    return;
  }
  fanOuts.forget(slot, bit);
  if (isRedirected) return;
  slots.openPrimaries[slot] = slots.openPrimaries[slot]! & ~bit;
  // As with what it says itself: what it refuses it is owed, and where its shard is down it is replaced.
  if (status === ERRORS.UNAVAILABLE.code) redirect(context, slot, bit);
  else if (status === ERRORS.NOT_READY.code) readAgain(context, slot, bit);
  settlePut(context, slot);
}

/** A position has acknowledged, by its primary or by a stand-in. */
function count(
  context: CoordinatorContext,
  slot: number,
  bit: number,
  isPrimary: boolean,
  durability: number,
): void {
  const { slots } = context;
  const isFirst = (slots.answered[slot]! & bit) === 0;
  sometimes(!isFirst, 'put: a primary and its stand-in both acknowledge');
  slots.answered[slot] = slots.answered[slot]! | bit;
  if (isPrimary) slots.sloppy[slot] = slots.sloppy[slot]! & ~bit;
  else if (isFirst) slots.sloppy[slot] = slots.sloppy[slot]! | bit;
  if (durability > slots.durability[slot]!) slots.durability[slot] = durability;
  settlePut(context, slot);
}

/** A node refused the record, or the own shard the write. */
export function onPutRefused(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  const { slots, ring } = context;
  const bit = stopWaiting(context, slot, node);
  if (bit === 0) return;
  const isOwn = node === ring.ownNode;
  if (isOwn && slots.phase[slot] === PUT_PHASE.writing) {
    reachable('put: the own replica refuses and nothing was forwarded');
    // Nothing was forwarded, so what the own replica says is what became of the write.
    slots.phase[slot] = 0;
    respondStatus(context, slot, status);
    endPut(context, slot);
    return;
  }
  sometimes(isOwn, 'put: the own replica is lost after the record was forwarded');
  // What a primary refuses for reasons of its own it is owed; one whose shard is down is replaced.
  const isReplaced = !isListed(context, slot, node) || status === ERRORS.NOT_READY.code;
  if (!isOwn && isReplaced) readAgain(context, slot, bit);
  settlePut(context, slot);
}

/** A node can be reached no more: what it was sent is lost, or may be. */
export function onPutNodeLost(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  const { slots, ring } = context;
  if (node === ring.ownNode) {
    slots.wanting[slot] = 0;
    onPutRefused(context, slot, node, status);
  } else {
    if (context.fanOuts.isNeeded) onRelayLost(context, slot, node);
    const position = isListed(context, slot, node) ? positionOfNode(context, slot, node) : -1;
    const isAsked = position < 0 || !isBehindRelay(context, slot, 1 << position);
    const bit = isAsked ? stopWaiting(context, slot, node) : 0;
    if (bit !== 0) readAgain(context, slot, bit);
  }
  if (slots.state[slot] === SLOT_STATE.put) settlePut(context, slot);
}

/** Whether nobody but a relay, which has links of its own, has sent a primary the record. */
function isBehindRelay({ slots, fanOuts }: CoordinatorContext, slot: number, bit: number): boolean {
  if (!fanOuts.isNeeded || slots.phase[slot] !== PUT_PHASE.forwarded) return false;
  return (fanOuts.behind(slot) & bit) !== 0;
}

/** A node is believed down: its position gets a stand-in, and what a primary still says counts. */
export function onPutNodeSuspected(context: CoordinatorContext, slot: number, node: number): void {
  const { slots } = context;
  const position = positionOfNode(context, slot, node);
  if (position < 0 || node === context.ring.ownNode) return;
  const bit = 1 << position;
  const isPrimary = isListed(context, slot, node);
  const waiting = isPrimary ? slots.openPrimaries : slots.openStandIns;
  if ((waiting[slot]! & bit) === 0 || !readAgain(context, slot, bit)) return;
  reachable('put: a node that is suspected under a put is given a stand-in');
  // Nothing that another stand-in said before counts for the position any more.
  if (!isPrimary) slots.openStandIns[slot] = slots.openStandIns[slot]! & ~bit;
}

/** The own shard has read the record again, for the positions that want it. */
export function onReadAgain(
  context: CoordinatorContext,
  slot: number,
  status: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  if (slots.wanting[slot] === 0) return;
  const isRead =
    status === STATUS_OK &&
    recordOffset >= 0 &&
    holdsForwarded(context, slot, record, recordOffset);
  sometimes(!isRead, 'put: the record cannot be read again for another stand-in');
  if (isRead) sendToWanting(context, slot, record, recordOffset);
  slots.wanting[slot] = 0;
  settlePut(context, slot);
}

/**
 * [P9] Whether a record has all that was forwarded: the own shard may have forgotten it in a crash, or
 * never taken what another replica knew, or speak of an earlier question.
 */
function holdsForwarded(
  { slots }: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): boolean {
  const held = slots.heldOf(slot);
  if (held === undefined) return false;
  const from = contextOffset(record, recordOffset);
  const entries = contextCount(record, recordOffset);
  const heldEntries = slots.heldWords[slot]! / ENTRY_WORDS;
  const relation = compareContexts(record, from, entries, held, 0, heldEntries);
  sometimes(
    relation !== RELATION.equal && relation !== RELATION.leftDominates,
    'put: the own shard reads again less than was forwarded',
  );
  return relation === RELATION.equal || relation === RELATION.leftDominates;
}

/** Answers where the outcome is clear, and frees the slot when nothing more can come. */
export function settlePut(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if (slots.phase[slot] !== PUT_PHASE.forwarded) return;
  const openPrimaries = slots.openPrimaries[slot]! | wantingPrimaries(context, slot);
  const open = openPrimaries | slots.openStandIns[slot]! | slots.wanting[slot]!;
  if (slots.responded[slot] === 0 && !answerWhereClear(context, slot, openPrimaries, open)) return;
  if (open === 0) endPut(context, slot);
}

/** Positions that wait for the record to be read again, to be sent to their primaries. */
function wantingPrimaries({ slots, fanOuts }: CoordinatorContext, slot: number): number {
  return fanOuts.isNeeded ? slots.wanting[slot]! & fanOuts.redirected[slot]! : 0;
}

/** Whether the put is answered now. `openPrimaries` and `open`: the positions that may still count. */
function answerWhereClear(
  context: CoordinatorContext,
  slot: number,
  openPrimaries: number,
  open: number,
): boolean {
  const { slots } = context;
  // [P4]
  const isStrict = (slots.flags[slot]! & REQUEST_FLAG.strict) !== 0;
  const answered = slots.answered[slot]!;
  const counted = isStrict ? answered & ~slots.sloppy[slot]! : answered;
  if (levelIsMet(context, slot, counted)) {
    const latencies = context.putLatencies.of(slots.bucketId[slot]!);
    latencies.record(context.now - slots.startedAt[slot]!, context.now);
    const held = slots.heldOf(slot);
    const entries = slots.heldWords[slot]! / ENTRY_WORDS;
    respondWritten(context, slot, held ?? EMPTY, 0, held === undefined ? 0 : entries);
  } else {
    if (levelIsMet(context, slot, counted | (isStrict ? openPrimaries : open))) return false;
    // [P3] The record may live on in some replica.
    reachable('put: too few replicas are left and the outcome is unknown');
    respondStatus(context, slot, ERRORS.TIMEOUT.code);
  }
  if (open !== 0) waitForLate(context, slot);
  return true;
}

const EMPTY = new Int32Array(0);

function keepContext(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots } = context;
  const wordCount = contextCount(record, recordOffset) * ENTRY_WORDS;
  const held = slots.takeHeld(slot, wordCount);
  copyWords(record, contextOffset(record, recordOffset), held, 0, wordCount);
  slots.heldWords[slot] = wordCount;
}
