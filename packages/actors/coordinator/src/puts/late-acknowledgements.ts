/**
 * The end of a put: how long an answered one still waits for acknowledgements, and what is noted as owed
 * when it waits no longer. A note names the key and the positions, not the value: the coordinating
 * replica holds that. data plane.
 *
 * Invariants:
 *   P5 a position is noted as owed unless its primary or a stand-in has acknowledged, and only where the
 *      own replica holds the record
 *   P6 after its answer a put holds its slot for lateAcksMs at the most
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { positionOfReplica } from '@clockwise/placement/placement-table';
import { REQUEST, REQUEST_HEADER_WORDS } from '@clockwise/protocol/frame';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { sendNote } from '../hand-off/hidden-operations.ts';
import { owedWord } from '../hand-off/owed-records.ts';
import { allPositions } from '../positions.ts';
import { PUT_PHASE } from '../requests/request-slots.ts';

/**
 * [P6] The put was answered and others may still acknowledge. Where most slots are in use it is the
 * next sweep that ends it.
 */
export function waitForLate(context: CoordinatorContext, slot: number): void {
  const { slots, limits } = context;
  const isCrowded = slots.inUse * 2 > slots.capacity;
  sometimes(isCrowded, 'put: slots are too many to wait for late acknowledgements');
  const due = context.now + (isCrowded ? 0 : limits.lateAcksMs);
  if (due >= slots.due[slot]!) return;
  slots.due[slot] = due;
  context.watchDue(due);
}

/** Nothing more is waited for. REQUIRES: the put was answered. */
export function endPut(context: CoordinatorContext, slot: number): void {
  const { slots } = context;
  const phase = slots.phase[slot];
  const missing = allPositions(context, slot) & ~slots.answered[slot]!;
  // A write that the own shard has not answered in time may still be applied there.
  const mayBeThere = phase === PUT_PHASE.forwarded || phase === PUT_PHASE.writing;
  if (missing !== 0 && mayBeThere) noteOwed(context, slot, missing);
  slots.release(slot);
}

/**
 * [P5] What a stand-in has made needs no note: it keeps the record for all positions, and those that
 * stand in beside it keep theirs for its own position, too.
 */
function noteOwed(context: CoordinatorContext, slot: number, missing: number): void {
  const { slots, ring, counters } = context;
  const placement = ring.tables[slots.replicationClass[slot]!]!;
  const own = positionOfReplica(placement, slots.partition[slot]!, ring.ownNode);
  if (own < 0) return;
  const positions = missing & ~(1 << own);
  if (positions === 0) return;
  // Not where a stand-in answered for this node: a mark stands for a record that its node holds.
  const holders = (slots.answered[slot]! & ~slots.sloppy[slot]!) | slots.openPrimaries[slot]!;
  const hasRecord = (holders & (1 << own)) !== 0;
  if (hasRecord && isNoteSent(context, slot, positions)) {
    counters.notes += 1;
    return;
  }
  reachable('put: positions are owed and cannot be noted');
  counters.notesLost += 1;
}

/** The note follows the write in one channel, so that it is applied after it. */
function isNoteSent(context: CoordinatorContext, slot: number, positions: number): boolean {
  const { slots, notedKey } = context;
  const token = context.tokenOf(slot);
  notedKey.bucketId = slots.bucketId[slot]!;
  notedKey.token = token;
  notedKey.words = slots.keptWords(slot);
  const offset = slots.keptOffset(slot);
  notedKey.byteCount = notedKey.words[offset + REQUEST.keyAndContext]! & 0xffff;
  notedKey.offset = offset + REQUEST_HEADER_WORDS;
  return sendNote(context, slot, HIDDEN_BUCKET.mark, notedKey, owedWord(context.ring, positions));
}
