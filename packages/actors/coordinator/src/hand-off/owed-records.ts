/**
 * Hidden records as hand-off and its ledger read them: to whom one is owed, since when, in which place
 * of the ledger it counts, and the word that names positions of the present ring. Pure.
 *
 * Invariants:
 *   OR1 what is owed by the positions of another epoch is owed to all present owners of its partition
 */
import { isSettled, HIDDEN_BUCKET, OWED, owedOf, visibleBucketId } from '@clockwise/record/hidden';
import {
  HEADER,
  keyOffset,
  RECENT,
  recentCount,
  recentsOffset,
  recordWordCount,
  SIBLING,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from '@clockwise/record/layout';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { partitionOf } from '@clockwise/placement/token';
import { hybridMilliseconds } from '@clockwise/versioning/hybrid-clock';
import type { HintLedger } from './hint-ledger.ts';
import type { OwedRecord } from './place-count.ts';
import type { RingView } from '../ring-view.ts';

const BYTES_PER_WORD = 4;
const EPOCH_MASK = 0xffff;

/** Positions of the present ring as an owed word. */
export function owedWord(ring: RingView, positions: number): number {
  return ((ring.epoch & EPOCH_MASK) << OWED.epochShift) | (positions & OWED.positionMask);
}

/** Whether the positions of an owed word are those of the present ring. */
export function isOfPresentRing(ring: RingView, owed: number): boolean {
  return owed >>> OWED.epochShift === (ring.epoch & EPOCH_MASK);
}

/** Whether they are of a ring before it. */
export function isOfEarlierRing(ring: RingView, owed: number): boolean {
  return owed >>> OWED.epochShift < (ring.epoch & EPOCH_MASK);
}

/** Bits of all positions of a replica list. */
export function wholeList(ring: RingView, replicationClass: number): number {
  return (1 << ring.tables[replicationClass]!.stride) - 1;
}

/** [OR1] Bits of the positions that are owed something. */
export function positionsOwed(ring: RingView, replicationClass: number, owed: number): number {
  const whole = wholeList(ring, replicationClass);
  if ((owed & OWED.positionMask) === 0) return 0;
  return isOfPresentRing(ring, owed) ? owed & whole : whole;
}

/** The nodes at the positions that are owed something. */
export function ownersOf(
  ring: RingView,
  replicationClass: number,
  partition: number,
  owed: number,
): number[] {
  const bits = positionsOwed(ring, replicationClass, owed);
  const { stride, table } = ring.tables[replicationClass]!;
  const nodes: number[] = [];
  for (let position = 0; position < stride; position += 1) {
    if ((bits & (1 << position)) !== 0) nodes.push(table[partition * stride + position]!);
  }
  return nodes;
}

/** Bits of the positions at which a node is owed something. */
export function positionsOf(
  ring: RingView,
  replicationClass: number,
  partition: number,
  owed: number,
  node: number,
): number {
  const bits = positionsOwed(ring, replicationClass, owed);
  const { stride, table } = ring.tables[replicationClass]!;
  let found = 0;
  for (let position = 0; position < stride; position += 1) {
    if (table[partition * stride + position] === node) found |= bits & (1 << position);
  }
  return found;
}

/** The replication class of what a hidden record is about. */
export function classOf(ring: RingView, words: Int32Array, record: number): number {
  const key = keyOffset(record);
  const ofRange = words[record + HEADER.bucketId] === HIDDEN_BUCKET.dirty;
  const said = ofRange ? words[key + 1]! : (words[record + HEADER.kind]! >>> 16) & 0xff;
  const bucket = ofRange ? undefined : ring.buckets.get(visibleBucketId(words, record));
  const replicationClass = bucket?.replicationClass ?? said;
  return replicationClass < ring.tables.length ? replicationClass : 0;
}

/** A hidden record as the ledger counts it; without nodes where it is settled. */
export function owedRecordOf(
  ring: RingView,
  ledger: HintLedger,
  words: Int32Array,
  record: number,
): OwedRecord {
  const kind = words[record + HEADER.bucketId]! - HIDDEN_BUCKET.hint;
  const partition = partitionOf(words[record + HEADER.tokenHigh]!, ring.partitionBits);
  const nodes = isSettled(words, record)
    ? []
    : ownersOf(ring, classOf(ring, words, record), partition, owedOf(words, record));
  return {
    place: ledger.placeOf(kind, partition),
    nodes,
    byteCount: recordWordCount(words, record) * BYTES_PER_WORD,
    seconds: secondsOf(words, record),
  };
}

/** What a node owes, for its status. */
export function hintsMessage(ring: RingView, ledger: HintLedger, wallTimeMs: number): ActorMessage {
  const nowSeconds = Math.floor(wallTimeMs / 1000);
  const targets = ledger.report().map(({ node, oldestSeconds, ...counts }) => ({
    nodeId: ring.nodes[node]!.nodeId,
    ...counts,
    oldestSeconds: Math.max(0, nowSeconds - oldestSeconds),
  }));
  return { kind: 'hints', isCounted: ledger.isCounted, targets };
}

/** Since when it waits: the time of its note, or of the youngest write in it. */
export function secondsOf(words: Int32Array, record: number): number {
  if (siblingCount(words, record) === 0) {
    if (recentCount(words, record) === 0) return 0;
    return words[recentsOffset(words, record) + RECENT.seconds]! >>> 0;
  }
  let youngestMs = 0;
  let sibling = siblingsOffset(words, record);
  for (let left = siblingCount(words, record); left > 0; left -= 1) {
    const low = words[sibling + SIBLING.hybridLow]!;
    youngestMs = Math.max(
      youngestMs,
      hybridMilliseconds(low, words[sibling + SIBLING.hybridHigh]!),
    );
    sibling += siblingWordCount(words, sibling);
  }
  return Math.floor(youngestMs / 1000);
}
