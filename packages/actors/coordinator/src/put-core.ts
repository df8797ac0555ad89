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
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { copyWords } from '@clockwise/record/copy';
import { contextCount, contextOffset, ENTRY_WORDS } from '@clockwise/record/layout';
import type { BucketView } from './ring-view.ts';
import type { CoordinatorContext } from './coordinator-context.ts';
import { sendStore, sendWrite, type KeyToken } from './replica-operations.ts';
import { bitCount, respondStatus, respondWritten } from './respond.ts';

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
  if (!sendWrite(context, slot, bucket, forward, request, requestOffset, token)) {
    reachable('put: the own shard takes no more and the put is refused');
    return ERRORS.OVERLOADED.code;
  }
  context.slots.asked[slot] = 1 << ownPosition;
  return STATUS_OK;
}

/** The own replica has merged: the record goes to the other replicas, whatever the disk does. */
export function onForward(
  context: CoordinatorContext,
  slot: number,
  record: Int32Array,
  recordOffset: number,
): void {
  const { slots, ring } = context;
  if (slots.heldWords[slot] !== 0) return;
  keepContext(context, slot, record, recordOffset);
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const first = slots.partition[slot]! * placement.stride;
  const bucket = ring.buckets.get(slots.bucketId[slot]!)!;
  for (let position = 0; position < placement.stride; position += 1) {
    const node = placement.table[first + position]!;
    if (node === ring.ownNode) continue;
    const bit = 1 << position;
    if (sendStore(context, slot, node, bucket.policy, record, recordOffset)) {
      slots.asked[slot] = slots.asked[slot]! | bit;
    } else {
      reachable('put: a replica cannot be reached when the record is forwarded');
      slots.failed[slot] = slots.failed[slot]! | bit;
    }
  }
  settlePut(context, slot);
}

/** The own replica's acknowledgement. With N = 1 it is the only message, and carries the context. */
export function onWritten(
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
  const position = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  acknowledge(context, slot, position, durability);
}

/** Another replica's acknowledgement of a store. */
export function onStored(
  context: CoordinatorContext,
  slot: number,
  node: number,
  durability: number,
): void {
  const { slots, ring } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const position = positionOfReplica(placement, slots.partition[slot]!, node);
  if (position >= 0) acknowledge(context, slot, position, durability);
}

function acknowledge(
  context: CoordinatorContext,
  slot: number,
  position: number,
  durability: number,
): void {
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
  position: number,
  status: number,
): void {
  const { slots, ring } = context;
  slots.failed[slot] = slots.failed[slot]! | (1 << position);
  slots.status[slot] = status;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const node = placement.table[slots.partition[slot]! * placement.stride + position]!;
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
