/**
 * A store of another data centre's coordinator that this node, the relay, passes on to other positions
 * of its own data centre: to the primary of each, or to a stand-in where that cannot be used. What each
 * says is passed back to whoever asked, one answer for each position; the relay's own shard answers for
 * itself (peer-relay.ts). data plane.
 *
 * Invariants:
 *   FO4 a position is acknowledged to whoever asked only after the node there has acknowledged it
 *   FO5 of each position that a store was to be passed on to something is passed back, unless its time is
 *       over or its connection gone; what this node cannot pass on is passed back at once
 *   FO6 relays hold a quarter of the slots at the most
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { partitionOf } from '@clockwise/placement/token';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  PASSED_ON,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_KIND,
  TAG,
} from '@clockwise/protocol/frame';
import { HEADER } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { isListed, localPositions, positionOfNode } from '../positions.ts';
import { PUT_PHASE, SLOT_STATE } from '../requests/request-slots.ts';
import type { BucketView } from '../ring-view.ts';
import { sendTo, stopWaiting } from '../puts/stand-in-put.ts';

/** [FO6] Of all slots, one in so many. */
const SLOTS_SHARE = 4;

/** Passes a store on that a peer has sent; `remainingMs` 0: no bound is named. */
export function passStoreOn(
  context: CoordinatorContext,
  connection: number,
  words: Int32Array,
  offset: number,
  remainingMs: number,
): void {
  const { ring } = context;
  const record = offset + REPLICA_STORE_HEADER_WORDS;
  const wanted = words[offset + REPLICA_STORE.fanOut]!;
  const bucket = ring.buckets.get(words[record + HEADER.bucketId]!);
  const partition = partitionOf(words[record + HEADER.tokenHigh]!, ring.partitionBits);
  const slot = takeSlot(context, bucket, partition, remainingMs);
  if (slot < 0) {
    reachable('fan-out: a store cannot be passed on here');
    context.counters.fanOutsRefused += 1;
    const askerSlot = words[offset + REPLICA_REQUEST.slot]!;
    const askerGeneration = words[offset + REPLICA_REQUEST.slotGeneration]!;
    for (let left = wanted; left !== 0; left &= left - 1) {
      const passedOn = 1 + (31 - Math.clz32(left & -left));
      const { code } = ERRORS.UNAVAILABLE;
      answer(context, connection, askerSlot, askerGeneration, passedOn, code, 0);
    }
    return;
  }
  const { slots, fanOuts } = context;
  slots.connection[slot] = connection;
  slots.connectionGeneration[slot] = context.connections.generation[connection]!;
  fanOuts.askerSlot[slot] = words[offset + REPLICA_REQUEST.slot]!;
  fanOuts.askerGeneration[slot] = words[offset + REPLICA_REQUEST.slotGeneration]!;
  passToPositions(context, slot, wanted, words, record);
}

/** [FO6] A slot for a relay; -1 where there is none, or this node is no place to ask. */
function takeSlot(
  context: CoordinatorContext,
  bucket: BucketView | undefined,
  partition: number,
  remainingMs: number,
): number {
  const { slots, fanOuts, ring, limits, now } = context;
  if (bucket === undefined || !fanOuts.isNeeded) return -1;
  const placement = ring.tables[bucket.replicationClass]!;
  if (positionOfReplica(placement, partition, ring.ownNode) < 0) return -1;
  const share = slots.capacity / SLOTS_SHARE;
  const isFull = fanOuts.relaying >= share;
  if (isFull || buggify('fan-out: have no room to pass a store on')) return -1;
  // As after a put's answer: those that hang cost a crowded node no more than that.
  const isCrowded = slots.inUse * 2 > slots.capacity || fanOuts.relaying * 2 >= share;
  const waitMs = remainingMs === 0 ? limits.requestTimeoutMs : remainingMs;
  const due = now + (isCrowded ? Math.min(waitMs, limits.lateAcksMs) : waitMs);
  const slot = slots.take(SLOT_STATE.fanOut, due);
  if (slot < 0) return -1;
  fanOuts.relaying += 1;
  slots.beginPut(slot, PUT_PHASE.forwarded);
  slots.flags[slot] = 0;
  slots.bucketId[slot] = bucket.id;
  slots.replicationClass[slot] = bucket.replicationClass;
  slots.partition[slot] = partition;
  slots.shard[slot] = ring.shardOfPartition[partition]!;
  context.watchDue(due);
  return slot;
}

/** [FO5] */
function passToPositions(
  context: CoordinatorContext,
  slot: number,
  wanted: number,
  words: Int32Array,
  record: number,
): void {
  const { slots, counters, ring } = context;
  const own = 1 << positionOfNode(context, slot, ring.ownNode);
  const possible = localPositions(context, slot) & ~own;
  for (let left = wanted; left !== 0; left &= left - 1) {
    const bit = left & -left;
    const position = 31 - Math.clz32(bit);
    if ((possible & bit) !== 0) sendTo(context, slot, position, words, record);
    if (((slots.openPrimaries[slot]! | slots.openStandIns[slot]!) & bit) !== 0) {
      counters.passedOn += 1;
    } else {
      reachable('fan-out: nobody can be sent what is to be passed on');
      passBack(context, slot, position + 1, ERRORS.UNAVAILABLE.code, 0);
    }
  }
  endIfOver(context, slot);
}

/** A node that was passed a store has answered. */
export function onPassedOnReply(
  context: CoordinatorContext,
  slot: number,
  node: number,
  words: Int32Array,
  offset: number,
): void {
  const kindWord = words[offset + REPLICA_REPLY.kind]!;
  if ((kindWord & 0xff) !== REPLY_KIND.stored) return;
  const isPrimary = isListed(context, slot, node);
  const bit = stopWaiting(context, slot, node);
  if (bit === 0) return;
  const passedOn = 32 - Math.clz32(bit);
  const status = (kindWord >>> 8) & 0xffff;
  const durability = words[offset + REPLICA_REPLY.durability]!;
  if (status === STATUS_OK) {
    // [FO4]
    const speaker = isPrimary ? passedOn : passedOn | PASSED_ON.standIn;
    passBack(context, slot, speaker, status, durability);
  } else {
    reachable('fan-out: a node refuses what is passed on to it');
    // Who stood in and does not want to is not the position's primary: somebody else may take it.
    passBack(context, slot, passedOn, isPrimary ? status : ERRORS.UNAVAILABLE.code, durability);
  }
  endIfOver(context, slot);
}

/** The link to a node is gone. */
export function onPassedOnLost(context: CoordinatorContext, slot: number, node: number): void {
  const bit = stopWaiting(context, slot, node);
  if (bit === 0) return;
  reachable('fan-out: a node that was passed a store is lost');
  passBack(context, slot, 32 - Math.clz32(bit), ERRORS.UNAVAILABLE.code, 0);
  endIfOver(context, slot);
}

/** Nobody waits any more for those that have not answered. */
export function onPassedOnDue(context: CoordinatorContext, slot: number): void {
  reachable('fan-out: a node that was passed a store does not answer in time');
  end(context, slot);
}

function endIfOver(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  if ((slots.openPrimaries[slot]! | slots.openStandIns[slot]!) === 0) end(context, slot);
}

function end({ slots, fanOuts }: CoordinatorContext, slot: number): void {
  fanOuts.relaying -= 1;
  slots.release(slot);
}

/** What has become of a position, to whoever asked; `passedOn` names it as PASSED_ON has it. */
function passBack(
  context: CoordinatorContext,
  slot: number,
  passedOn: number,
  status: number,
  durability: number,
): void {
  const { slots, fanOuts, connections } = context;
  const connection = slots.connection[slot]!;
  const isOpen = connections.isOpen(connection, slots.connectionGeneration[slot]!);
  sometimes(!isOpen, 'fan-out: whoever asked has gone');
  if (!isOpen) return;
  const askerSlot = fanOuts.askerSlot[slot]!;
  const askerGeneration = fanOuts.askerGeneration[slot]!;
  answer(context, connection, askerSlot, askerGeneration, passedOn, status, durability);
}

function answer(
  context: CoordinatorContext,
  connection: number,
  askerSlot: number,
  askerGeneration: number,
  passedOn: number,
  status: number,
  durability: number,
): void {
  const sink = context.toConnection(connection);
  const start = sink.begin(TAG.replicaReply, REPLICA_REPLY_HEADER_WORDS);
  if (start < 0) return;
  const { words } = sink;
  words.fill(0, start, start + REPLICA_REPLY_HEADER_WORDS);
  words[start + REPLICA_REPLY.kind] = REPLY_KIND.stored | (status << 8);
  words[start + REPLICA_REPLY.slot] = askerSlot;
  words[start + REPLICA_REPLY.slotGeneration] = askerGeneration;
  words[start + REPLICA_REPLY.durability] = durability;
  words[start + REPLICA_REPLY.recordCount] = passedOn;
  sink.end(REPLICA_REPLY_HEADER_WORDS);
}
