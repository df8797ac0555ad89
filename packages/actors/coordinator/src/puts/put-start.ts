/**
 * A put or delete that has its slot: to this node's own replica where the list names it, else on to a
 * node that the list names; and where none of those can be used, to this node as a stand-in. data plane.
 *
 * Invariants:
 *   P7 a stand-in makes a dot only where no primary is usable
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { CONNECTION_STATE } from '@clockwise/protocol/connection-table';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { OPERATION, REQUEST_FLAG } from '@clockwise/protocol/frame';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { levelIsMet } from '../levels.ts';
import { ownersOf, owedWord, wholeList } from '../hand-off/owed-records.ts';
import {
  allPositions,
  standInFor,
  standInPositions,
  takeStandIn,
  usablePositions,
} from '../positions.ts';
import { passOn } from '../peers/proxy-core.ts';
import { startPut } from './put-core.ts';
import { type KeyToken, sendWrite } from '../peers/replica-operations.ts';
import { PUT_PHASE, SLOT_STATE } from '../requests/request-slots.ts';
import { startAsking } from './retried-put.ts';
import type { BucketView } from '../ring-view.ts';
import { FIELD } from '../requests/slot-layout.ts';

const BYTES_PER_WORD = 4;

/**
 * Returns STATUS_OK where the write is on its way, else the status of a refusal.
 * REQUIRES: the slot's request, partition, shard, level and W are set.
 */
export function startWrite(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots, ring } = context;
  const { stride, table } = ring.tables[bucket.replicationClass]!;
  const isSole = stride === 1;
  // Of the only copy, in this node, every level is met, and its replica asks itself about a retry.
  if (
    isSole &&
    table[slots.words[slot + FIELD.partition]!] === ring.ownNode &&
    context.shardIsUp[slots.words[slot + FIELD.shard]!] === 1
  ) {
    return startSoleWrite(context, slot, bucket, words, offset, token);
  }
  const asks = !isSole && (slots.flags[slot]! & REQUEST_FLAG.retry) !== 0;
  return routeWrite(context, slot, bucket, words, offset, token, asks);
}

/** As startPut, of which only this concerns the only copy; the answer is taken by sole-copy.ts. */
function startSoleWrite(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  words: Int32Array,
  offset: number,
  token: KeyToken,
): number {
  const { slots } = context;
  if (!sendWrite(context, slot, bucket, false, words, offset, token, 0)) {
    reachable('put: the shard of the only copy takes no more writes');
    return ERRORS.OVERLOADED.code;
  }
  slots.beginPut(slot, PUT_PHASE.writing);
  slots.words[slot + FIELD.openPrimaries] = 1;
  slots.words[slot + FIELD.isSole] = 1;
  return STATUS_OK;
}

/** The same, where `asks` says whether a retried write asks first. */
export function routeWrite(
  context: CoordinatorContext,
  slot: number,
  bucket: BucketView,
  words: Int32Array,
  offset: number,
  token: KeyToken,
  asks: boolean,
): number {
  const { slots, ring } = context;
  const placement = ring.tables[bucket.replicationClass]!;
  const isShardUp = context.shardIsUp[slots.shard[slot]!] === 1;
  const isStrict = (slots.flags[slot]! & REQUEST_FLAG.strict) !== 0;
  const usable = usablePositions(context, slot);
  const orphans = allPositions(context, slot) & ~usable;
  const stoodIn = isStrict || orphans === 0 ? 0 : standInPositions(context, slot, orphans);
  let own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  sometimes(own >= 0 && !isShardUp, 'intake: the own shard is down under a write');
  if (own < 0 || !isShardUp) {
    // [P7]
    own = usable === 0 && isShardUp ? ownStandIn(context, slot, stoodIn) : -1;
    if (own < 0) return passElsewhere(context, slot, usable, words, offset);
  }
  const isPossible = levelIsMet(context, slot, usable | stoodIn);
  sometimes(!isPossible, 'intake: fewer than W replicas can be reached');
  if (!isPossible) return ERRORS.UNAVAILABLE.code;
  if (asks) return startAsking(context, slot, words, offset, token);
  if ((usable & (1 << own)) === 0) {
    if (!isAdmitted(context, slot, words, offset)) return ERRORS.HINTS_FULL.code;
    reachable('put: no primary can be used, and this node stands in and makes the dot');
    context.counters.standInPuts += 1;
    takeStandIn(context, slot, own);
  }
  const isStarted = startPut(context, slot, bucket, own, words, offset, token);
  return isStarted ? STATUS_OK : ERRORS.OVERLOADED.code;
}

/** Whether this node may keep one more copy for the owners of the slot's partition. */
function isAdmitted(
  { ring, slots, ledger, wallTimeMs }: CoordinatorContext,
  slot: number,
  words: Int32Array,
  offset: number,
): boolean {
  const replicationClass = slots.replicationClass[slot]!;
  const owed = owedWord(ring, wholeList(ring, replicationClass));
  const owners = ownersOf(ring, replicationClass, slots.partition[slot]!, owed);
  const byteCount = words[offset + OPERATION.wordCount]! * BYTES_PER_WORD;
  return ledger.admits(owners, byteCount, Math.floor(wallTimeMs / 1000));
}

/** The first of a set of positions for which this node is the one to stand in, or -1. */
function ownStandIn(context: CoordinatorContext, slot: number, positions: number): number {
  for (let left = positions; left !== 0; left &= left - 1) {
    const position = 31 - Math.clz32(left & -left);
    if (standInFor(context, slot, position) === context.ring.ownNode) return position;
  }
  return -1;
}

function passElsewhere(
  context: CoordinatorContext,
  slot: number,
  usable: number,
  words: Int32Array,
  offset: number,
): number {
  const { slots, connections } = context;
  const connection = slots.connection[slot]!;
  // Who has gone is not known any more: it may have been a peer. [PX1]
  const isPassedOn =
    connections.state[connection] === CONNECTION_STATE.peer ||
    !connections.isOpen(connection, slots.connectionGeneration[slot]!);
  sometimes(usable === 0, 'intake: no replica of a write can be reached');
  sometimes(isPassedOn, 'intake: a write that was passed on finds the shard down');
  if (isPassedOn) return ERRORS.UNAVAILABLE.code;
  slots.state[slot] = SLOT_STATE.proxied;
  slots.keepRequest(slot, words, offset, words[offset + OPERATION.wordCount]!);
  return passOn(context, slot);
}
