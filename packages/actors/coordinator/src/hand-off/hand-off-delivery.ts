/**
 * The way of one hidden record in a hand-off:
 *
 *     copy    store at the target -> settle
 *     mark    read the own record -> store at the target -> settle
 *     dirty   all of the range was stored at the target (range-delivery) -> settle
 *     too old, or beyond what may be kept:
 *             a copy is stored at an owner -> note its range as dirty -> settle
 *     of an earlier ring: add it again, owed by all present positions
 *
 * Each step waits for the answer to the one before. What fails is let go: the record is still in the
 * store, and a later pass finds it.
 *
 * Invariants:
 *   HO1 a hidden record is settled only after its target acknowledged what it stands for, or its range is
 *       durably dirty and an owner has the object, or its object is gone from the store
 *   HO2 deliveries of one key to one target do not overlap
 */
import { unreachable } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  PRIORITY,
  REPLICA_REPLY,
  REPLY_KIND,
  REQUEST,
  REQUEST_HEADER_WORDS,
} from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import {
  HIDDEN_BUCKET,
  HIDDEN_KEY_BYTES,
  hiddenVersion,
  OWED,
  owedOf,
  visibleBucketId,
  visibleWordCount,
} from '@clockwise/record/hidden';
import {
  HEADER,
  keyBytes,
  keyOffset,
  paddedWords,
  recordWordCount,
} from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { HandOffPass } from './hand-off-pass.ts';
import { SILENCE_MS } from './hand-off-slots.ts';
import { NOBODY, type Settlement } from './hand-off-task.ts';
import type { HandOffWindow } from './hand-off-window.ts';
import { sendNote, sendSettle } from './hidden-operations.ts';
import type { OwedRecord } from './place-count.ts';
import { rangeKey } from './owed-range.ts';
import { classOf, owedWord, wholeList } from './owed-records.ts';
import { sendRead, sendStore } from '../peers/replica-operations.ts';

const BYTES_PER_WORD = 4;

/** Room that a delivery has taken in the window of its target. */
interface Reservation {
  readonly window: HandOffWindow;
  byteCount: number;
  sentAt: Instant;
}

type Stage =
  | { readonly kind: 'reading'; readonly reservation: Reservation }
  | { readonly kind: 'storing'; readonly reservation: Reservation }
  | { readonly kind: 'saving' }
  | { readonly kind: 'noting' }
  | { readonly kind: 'settling' }
  | { readonly kind: 'moving' };

/** One record on its way; its slot names it in answers. */
export interface Delivery {
  readonly pass: HandOffPass;
  /** Where it stands in the page of the pass. */
  readonly record: number;
  readonly owed: OwedRecord;
  readonly settlement: Settlement;
  /** Who has to have what is given up; NOBODY where that is this node. */
  readonly heir: number;
  stage: Stage;
}

/** An answer to a delivery's step. `record` is -1 where it names none. */
export interface DeliveryAnswer {
  readonly status: number;
  readonly words: Int32Array;
  readonly record: number;
}

/** Sends a copy, or asks for what a mark stands for. False: it cannot be sent now. */
export function beginDelivery(
  context: CoordinatorContext,
  slot: number,
  delivery: Delivery,
  window: HandOffWindow,
): boolean {
  const { pass, record, owed } = delivery;
  const { words } = pass;
  const isCopy = words[record + HEADER.bucketId] === HIDDEN_BUCKET.hint;
  const byteCount = isCopy ? visibleWordCount(words, record) * BYTES_PER_WORD : owed.byteCount;
  const reservation: Reservation = { window, byteCount, sentAt: context.now };
  const isSent = isCopy
    ? store(context, slot, delivery, words, record)
    : read(context, slot, words, record);
  if (!isSent) return false;
  window.sent(byteCount, context.now);
  delivery.stage = { kind: isCopy ? 'storing' : 'reading', reservation };
  return true;
}

/** A copy is stored at its heir first; then, or at once, its range is noted. */
export function beginGivingUp(
  context: CoordinatorContext,
  slot: number,
  delivery: Delivery,
): boolean {
  const { pass, record, heir } = delivery;
  if (heir === NOBODY) return note(context, slot, delivery);
  delivery.stage = { kind: 'saving' };
  const policy = policyOf(context, pass.words, record);
  return sendStore(context, slot, heir, policy, pass.words, record, 0, PRIORITY.background);
}

/** Notes the range of a record as dirty, for the positions that are owed it. */
function note(context: CoordinatorContext, slot: number, delivery: Delivery): boolean {
  const { pass, record } = delivery;
  const { ring, slots } = context;
  const key = rangeKey(ring, slots.partition[slot]!, classOf(ring, pass.words, record));
  const owed = owedOf(pass.words, record);
  reachable('hand-off: what cannot be kept becomes a dirty range');
  context.counters.rangesDirtied += 1;
  renew(context, slot);
  delivery.stage = { kind: 'noting' };
  return sendNote(context, slot, HIDDEN_BUCKET.dirty, key, owed);
}

/** Has the own shard hold a record of an earlier ring for all present positions. */
export function beginMoving(
  context: CoordinatorContext,
  slot: number,
  { pass, record }: Delivery,
): boolean {
  const { ring } = context;
  const { words } = pass;
  const owed = owedWord(ring, wholeList(ring, classOf(ring, words, record)));
  reachable(
    'hand-off: what is owed by the positions of an earlier ring goes to the present owners',
  );
  if (words[record + HEADER.bucketId] === HIDDEN_BUCKET.hint) {
    const policy = policyOf(context, words, record);
    const own = ring.ownNode;
    return sendStore(context, slot, own, policy, words, record, owed, PRIORITY.background);
  }
  const key = {
    bucketId: visibleBucketId(words, record),
    token: { high: words[record + HEADER.tokenHigh]!, low: words[record + HEADER.tokenLow]! },
    words,
    offset: keyOffset(record) + 1,
    byteCount: keyBytes(words, record) - HIDDEN_KEY_BYTES,
  };
  return sendNote(context, slot, words[record + HEADER.bucketId]!, key, owed);
}

/** The answer to the step that a delivery is at. True: it goes on; false: it has ended. */
export function onDeliveryAnswer(
  context: CoordinatorContext,
  slot: number,
  delivery: Delivery,
  answer: DeliveryAnswer,
): boolean {
  const { stage } = delivery;
  const isDone = answer.status === STATUS_OK;
  switch (stage.kind) {
    case 'reading':
      return onRead(context, slot, delivery, stage.reservation, answer);
    case 'storing':
      return onStored(context, slot, delivery, stage.reservation, isDone);
    case 'saving':
      return isDone && note(context, slot, delivery);
    case 'noting':
      return isDone && settle(context, slot, delivery);
    case 'settling':
      if (isDone) onSettled(context, delivery);
      return false;
    case 'moving':
      return false;
    default:
      return unreachable(stage);
  }
}

/** What an answer says; `shard` is -1 where it came by a link. */
export function answerOf(
  context: CoordinatorContext,
  shard: number,
  words: Int32Array,
  offset: number,
): DeliveryAnswer {
  const status = (words[offset + REPLICA_REPLY.kind]! >>> 8) & 0xffff;
  const isNamed =
    shard >= 0 && status === STATUS_OK && words[offset + REPLICA_REPLY.recordWords] !== 0;
  if (!isNamed) return { status, words, record: -1 };
  const chunk = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
  return { status, words: chunk, record: words[offset + REPLICA_REPLY.offset]! };
}

/** Which answer a delivery waits for: its kind, and whether it is the target's or the own shard's. */
export function isAwaited(
  delivery: Delivery,
  kind: number,
  node: number,
  ownNode: number,
): boolean {
  const { stage, pass, heir } = delivery;
  switch (stage.kind) {
    case 'reading':
      return kind === REPLY_KIND.read && node === ownNode;
    case 'storing':
      return kind === REPLY_KIND.stored && node === pass.target;
    case 'saving':
      return kind === REPLY_KIND.stored && node === heir;
    case 'noting':
      return kind === REPLY_KIND.noted && node === ownNode;
    case 'settling':
      return kind === REPLY_KIND.settled && node === ownNode;
    case 'moving':
      return node === ownNode;
    default:
      return unreachable(stage);
  }
}

/** The node whose answer a delivery waits for. */
export function awaitedNode({ stage, pass, heir }: Delivery, ownNode: number): number {
  if (stage.kind === 'saving') return heir;
  return stage.kind === 'storing' ? pass.target : ownNode;
}

/** No answer comes: in time, or at all. */
export function onDeliveryLost({ now }: CoordinatorContext, { stage }: Delivery): void {
  if (stage.kind === 'storing') {
    const { window, byteCount, sentAt } = stage.reservation;
    window.silent(byteCount, sentAt, now);
  } else if (stage.kind === 'reading') {
    stage.reservation.window.withdrawn(stage.reservation.byteCount);
  }
}

function onRead(
  context: CoordinatorContext,
  slot: number,
  delivery: Delivery,
  reservation: Reservation,
  { status, words, record }: DeliveryAnswer,
): boolean {
  const { window } = reservation;
  if (status === STATUS_NOT_FOUND) {
    reachable('hand-off: what a mark stands for is gone');
    window.withdrawn(reservation.byteCount);
    return settle(context, slot, delivery);
  }
  const isFound = status === STATUS_OK && record >= 0;
  if (!isFound || !store(context, slot, delivery, words, record)) {
    window.withdrawn(reservation.byteCount);
    return false;
  }
  const byteCount = recordWordCount(words, record) * BYTES_PER_WORD;
  window.grown(byteCount - reservation.byteCount);
  reservation.byteCount = byteCount;
  reservation.sentAt = context.now;
  delivery.stage = { kind: 'storing', reservation };
  return true;
}

function onStored(
  context: CoordinatorContext,
  slot: number,
  delivery: Delivery,
  { window, byteCount, sentAt }: Reservation,
  isDone: boolean,
): boolean {
  const { now, counters } = context;
  sometimes(!isDone, 'hand-off: a target refuses what it is owed');
  if (!isDone) {
    window.refused(byteCount, sentAt, now);
    return false;
  }
  window.acknowledged(byteCount, sentAt, now);
  counters.handedOff += 1;
  return settle(context, slot, delivery);
}

function onSettled({ ledger, now }: CoordinatorContext, delivery: Delivery): void {
  const { pass, owed, settlement } = delivery;
  ledger.settled(pass.count, owed, settlement.isLast, now);
}

function store(
  context: CoordinatorContext,
  slot: number,
  { pass, record: hidden }: Delivery,
  words: Int32Array,
  record: number,
): boolean {
  renew(context, slot);
  const policy = policyOf(context, pass.words, hidden);
  return sendStore(context, slot, pass.target, policy, words, record, 0, PRIORITY.background);
}

/** The own record of the key in a mark. */
function read(
  context: CoordinatorContext,
  slot: number,
  words: Int32Array,
  record: number,
): boolean {
  const keyByteCount = keyBytes(words, record) - HIDDEN_KEY_BYTES;
  const keyWords = paddedWords(keyByteCount);
  const request = new Int32Array(REQUEST_HEADER_WORDS + keyWords);
  request[REQUEST.keyAndContext] = keyByteCount;
  const contentWords = (keyByteCount + 3) >>> 2;
  copyWords(words, keyOffset(record) + 1, request, REQUEST_HEADER_WORDS, contentWords);
  renew(context, slot);
  const token = { high: words[record + HEADER.tokenHigh]!, low: words[record + HEADER.tokenLow]! };
  const { background } = PRIORITY;
  return sendRead(context, slot, context.ring.ownNode, request, 0, token, false, background);
}

/** [HO1] REQUIRES: what the record stands for is where it belongs. */
export function settle(context: CoordinatorContext, slot: number, delivery: Delivery): boolean {
  const { pass, record, settlement } = delivery;
  const { slots } = context;
  const version = new Int32Array(2);
  hiddenVersion(pass.words, record, version);
  slots.versionLow[slot] = version[0]!;
  slots.versionHigh[slot] = version[1]!;
  renew(context, slot);
  const epochHalf = owedOf(pass.words, record) & ~OWED.positionMask;
  if (!sendSettle(context, slot, pass.words, record, epochHalf | settlement.positions))
    return false;
  delivery.stage = { kind: 'settling' };
  return true;
}

/** The slot waits for its next answer as long again. */
function renew(context: CoordinatorContext, slot: number): void {
  context.slots.due[slot] = context.now + SILENCE_MS;
  context.watchDue(context.now + SILENCE_MS);
}

/** The policy of the bucket of the user; of one that is gone, siblings that are synced. */
function policyOf({ ring }: CoordinatorContext, words: Int32Array, record: number): number {
  return ring.buckets.get(visibleBucketId(words, record))?.policy ?? 0;
}
