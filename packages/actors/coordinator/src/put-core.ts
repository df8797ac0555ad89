/**
 * One put or delete, from the client's request to the answer (DESIGN.md, section 7; after Riak's put
 * core). Runs on a node of the partition's replica list: its own replica reads, merges, makes the dot
 * and appends; the merged record goes to the other replicas at once; the client is answered at W
 * durable acknowledgements. data plane.
 *
 * Invariants:
 *   P1 success is answered at W acknowledgements of distinct replicas, each durable as its bucket asks
 *   P2 a replica's second acknowledgement counts for nothing
 *   P3 a write that may have happened is never answered as not applied
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { PRIORITY, REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import { copyWords } from '@clockwise/record/copy';
import { contextCount, contextOffset, ENTRY_WORDS } from '@clockwise/record/layout';
import type { BucketView } from './ring-view.ts';
import type { CoordinatorContext } from './coordinator-context.ts';
import { openBit, positionOfNode } from './positions.ts';
import { sendStore, sendWrite, type KeyToken } from './replica-operations.ts';
import { bitCount, keepHybrid, respondStatus, respondTimeout, respondWritten } from './respond.ts';

/**
 * Starts a put in a slot whose request, partition, shard and W are set. Returns the status of a
 * refusal, or STATUS_OK where it is on its way.
 * REQUIRES: this node is at `ownPosition` of the partition's replica list.
 */
export function startPut(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  ownPosition: number,
  request: Int32Array,
  requestOffset: number,
  token: KeyToken,
): number {
  const replicaCount = context.ring.tables[bucket.replicationClass]!.stride;
  const forward = replicaCount > 1;
  if (!sendWrite(context, slot, bucket, forward, request, requestOffset, token, 0)) {
    reachable('put: the own shard takes no more and the put is refused');
    return ERRORS.OVERLOADED.code;
  }
  context.slots.asked[slot] = 1 << ownPosition;
  return STATUS_OK;
}

/** A replica's answer; `recordOffset` -1 where it names no record. */
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
  if (status !== STATUS_OK) {
    onPutFailed(context, slot, node, status);
  } else if (kind === REPLY_KIND.stored) {
    acknowledge(context, slot, node, durability);
  } else if (node === ring.ownNode && recordOffset >= 0) {
    if ((flags & REPLY_FLAG.duplicate) !== 0) slots.duplicate[slot] = 1;
    if (kind === REPLY_KIND.forward) onForward(context, slot, record, recordOffset);
    else if (kind === REPLY_KIND.written)
      onWritten(context, slot, durability, record, recordOffset);
  }
}

/** The own replica has merged: the record goes to the other replicas, whatever the disk does. */
function onForward(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  if (slots.heldWords[slot] !== 0) return;
  keepContext(context, slot, record, recordOffset);
  keepHybrid(context, slot, record, recordOffset);
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const first = slots.partition[slot]! * placement.stride;
  const bucket = ring.buckets.get(slots.bucketId[slot]!)!;
  for (let position = 0; position < placement.stride; position += 1) {
    const node = placement.table[first + position]!;
    if (node === ring.ownNode) continue;
    const bit = 1 << position;
    if (isStoreSent(context, slot, node, bucket.policy, record, recordOffset)) {
      slots.asked[slot] = slots.asked[slot]! | bit;
    } else {
      reachable('put: a replica cannot be reached when the record is forwarded');
      slots.failed[slot] = slots.failed[slot]! | bit;
    }
  }
  settlePut(context, slot);
}

/** The own replica's acknowledgement. With N = 1 it is the only message, and carries the context. */
function onWritten(
  context: CoordinatorContext,
  slot: number,
  durability: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  if (placement.stride === 1) {
    reachable('put: the only copy is acknowledged');
    keepHybrid(context, slot, record, recordOffset);
    slots.answered[slot] = 1;
    slots.durability[slot] = durability;
    respondWritten(
      context,
      slot,
      record,
      contextOffset(record, recordOffset),
      contextCount(record, recordOffset),
    );
    slots.release(slot);
    return;
  }
  // The two lanes are two rings: a quick disk's acknowledgement may be seen before the forward.
  sometimes(slots.heldWords[slot] === 0, 'put: the acknowledgement is seen before the forward');
  onForward(context, slot, record, recordOffset);
  acknowledge(context, slot, ring.ownNode, durability);
}

/** A replica's acknowledgement. */
function acknowledge(
  context: CoordinatorContext,
  slot: number,
  node: number,
  durability: number,
): void {
  const position = positionOfNode(context, slot, node);
  if (position < 0) return;
  const { slots } = context;
  const bit = 1 << position;
  sometimes((slots.answered[slot]! & bit) !== 0, 'put: a replica acknowledges twice');
  sometimes((slots.failed[slot]! & bit) !== 0, 'put: a replica that failed acknowledges after all');
  sometimes(slots.responded[slot] === 1, 'put: an acknowledgement comes after the answer');
  // [P2] Nor does one count that nobody asked for.
  if ((slots.asked[slot]! & ~slots.answered[slot]! & bit) === 0) return;
  slots.answered[slot] = slots.answered[slot]! | bit;
  if (durability > slots.durability[slot]!) slots.durability[slot] = durability;
  settlePut(context, slot);
}

/** A replica refused, or cannot be reached any more. */
export function onPutFailed(
  context: CoordinatorContext,
  slot: number,
  node: number,
  status: number,
): void {
  const { slots, ring } = context;
  const bit = openBit(context, slot, node);
  if (bit === 0) return;
  slots.failed[slot] = slots.failed[slot]! | bit;
  slots.status[slot] = status;
  sometimes(
    node === ring.ownNode && slots.heldWords[slot] !== 0,
    'put: the own replica is lost after the record was forwarded',
  );
  if (node === ring.ownNode && slots.heldWords[slot] === 0 && slots.responded[slot] === 0) {
    reachable('put: the own replica refuses and nothing was forwarded');
    // Nothing was forwarded, so what the own replica says is what became of the write.
    respondStatus(context, slot, status);
  }
  settlePut(context, slot);
}

/** The deadline has come: what has not been acknowledged by now is not waited for. */
export function onPutDue(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  sometimes(slots.responded[slot] === 1, 'put: an answered write ends at its deadline');
  sometimes(slots.responded[slot] === 0, 'sweep: a put runs out of time');
  if (slots.responded[slot] === 0) respondTimeout(context, slot);
  slots.release(slot);
}

/** Answers where the outcome is clear, and frees the slot when nothing more can come. */
function settlePut(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const answered = slots.answered[slot]!;
  const outstanding = slots.asked[slot]! & ~answered & ~slots.failed[slot]!;
  if (slots.responded[slot] === 0) {
    const required = slots.required[slot]!;
    if (bitCount(answered) >= required) {
      const held = slots.held[slot];
      const entries = slots.heldWords[slot]! / ENTRY_WORDS;
      respondWritten(context, slot, held ?? EMPTY, 0, held === undefined ? 0 : entries);
    } else if (bitCount(answered) + bitCount(outstanding) < required) {
      // [P3] The record may live on in some replica.
      reachable('put: too few replicas are left and the outcome is unknown');
      respondStatus(context, slot, ERRORS.TIMEOUT.code);
    }
  }
  if (outstanding === 0 && slots.responded[slot] === 1) slots.release(slot);
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

function isStoreSent(
  context: CoordinatorContext,
  slot: number,
  node: number,
  policy: number,
  record: Int32Array,
  recordOffset: number,
): boolean {
  return sendStore(context, slot, node, policy, record, recordOffset, 0, PRIORITY.foreground);
}
