/**
 * Whole ranges of a partition that are owed by decision of the ring: to a node that becomes its owner by
 * those that hold it, to the owners by a node that gives it up. A range is noted as dirty, and goes as such;
 * who has said so says it again until it has gone.
 *
 * Invariants:
 *   OG1 a range is said to be handed over only when the store has acknowledged its note in this life of the
 *       coordinator, and the partition's dirty ranges were counted since and are none
 */
import { partitionOf, partitionStart } from '@clockwise/placement/token';
import { HIDDEN_BUCKET, owedOf } from '@clockwise/record/hidden';
import { HEADER } from '@clockwise/record/layout';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { SLOT_STATE } from '../requests/request-slots.ts';
import type { RingView } from '../ring-view.ts';
import { type NotedKey, sendNote } from './hidden-operations.ts';
import { OWED_KIND } from './hint-ledger.ts';
import { classOf, isOfPresentRing, owedWord } from './owed-records.ts';

const CLASSES_MAX = 8;

interface WantedRange {
  readonly positions: number;
  isNoted: boolean;
}

export class OwedRanges {
  /** By partition and replication class. */
  readonly #wanted: Map<number, WantedRange> = new Map();

  /** A shard of this node acknowledges a hidden record. */
  acknowledged(ring: RingView, words: Int32Array, record: number): void {
    if (this.#wanted.size === 0 || words[record + HEADER.bucketId] !== HIDDEN_BUCKET.dirty) return;
    const partition = partitionOf(words[record + HEADER.tokenHigh]!, ring.partitionBits);
    const wanted = this.#wanted.get(keyOf(partition, classOf(ring, words, record)));
    const owed = owedOf(words, record);
    if (wanted === undefined || !isOfPresentRing(ring, owed)) return;
    if ((wanted.positions & ~owed) === 0) wanted.isNoted = true;
  }

  /** [OG1] Whether all of it has gone to the positions; where nobody has noted it yet, it is noted. */
  isHandedOver(
    context: CoordinatorContext,
    partition: number,
    replicationClass: number,
    positions: number,
  ): boolean {
    const key = keyOf(partition, replicationClass);
    const wanted = this.#wanted.get(key);
    const isWanted = wanted !== undefined && (positions & ~wanted.positions) === 0;
    if (isWanted && wanted.isNoted) {
      return context.ledger.isClear(context.ledger.placeOf(OWED_KIND.dirty, partition));
    }
    const all = positions | (wanted?.positions ?? 0);
    this.#wanted.set(key, { positions: all, isNoted: false });
    noteRange(context, partition, replicationClass, all);
    return false;
  }

  /** Whoever says it from now on means it anew. */
  forget(partition: number, replicationClass: number): void {
    this.#wanted.delete(keyOf(partition, replicationClass));
  }
}

function keyOf(partition: number, replicationClass: number): number {
  return partition * CLASSES_MAX + replicationClass;
}

/** Under which a partition is noted as dirty, for one replication class. */
export function rangeKey(ring: RingView, partition: number, replicationClass: number): NotedKey {
  return {
    bucketId: partition,
    token: { high: partitionStart(partition, ring.partitionBits), low: 0 },
    words: Int32Array.of(replicationClass),
    offset: 0,
    byteCount: 4,
  };
}

/** Nobody waits for the answer: what it acknowledges is learned as from any other. */
function noteRange(
  context: CoordinatorContext,
  partition: number,
  replicationClass: number,
  positions: number,
): void {
  const { ring, slots, now } = context;
  const slot = slots.take(SLOT_STATE.handOff, now);
  if (slot < 0) return;
  slots.shard[slot] = ring.shardOfPartition[partition]!;
  const key = rangeKey(ring, partition, replicationClass);
  sendNote(context, slot, HIDDEN_BUCKET.dirty, key, owedWord(ring, positions));
  slots.release(slot);
}
