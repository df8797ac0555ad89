/**
 * A whole range of a partition that is owed by decision of the ring: to a node that becomes its owner by
 * those that hold it, to the owners by a node that gives it up. It is noted as dirty, and goes as such.
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { partitionStart } from '@clockwise/placement/token';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { SLOT_STATE } from '../requests/request-slots.ts';
import type { RingView } from '../ring-view.ts';
import { type NotedKey, sendNote } from './hidden-operations.ts';
import { owedWord } from './owed-records.ts';

type RangeOwed = Extract<ActorMessage, { readonly kind: 'range-owed' }>;

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

/**
 * Has the own shard note it; the ledger learns of it by the answer, and nobody waits. Where it could not be
 * noted it is counted as lost. Nodes that are no owners are owed nothing.
 */
export function oweRange(context: CoordinatorContext, message: RangeOwed): void {
  const { ring, slots, counters, now } = context;
  const { partition, replicationClass, epoch, nodeIds } = message;
  const placement = ring.tables[replicationClass];
  if (epoch !== ring.epoch || placement === undefined) return;
  let positions = 0;
  for (let position = 0; position < placement.stride; position += 1) {
    const node = placement.table[partition * placement.stride + position]!;
    if (nodeIds.includes(ring.nodes[node]!.nodeId)) positions |= 1 << position;
  }
  if (positions === 0) return;
  const slot = slots.take(SLOT_STATE.handOff, now);
  if (slot >= 0) {
    slots.shard[slot] = ring.shardOfPartition[partition]!;
    const key = rangeKey(ring, partition, replicationClass);
    const word = owedWord(ring, positions);
    const isSent = sendNote(context, slot, HIDDEN_BUCKET.dirty, key, word);
    slots.release(slot);
    if (isSent) return;
  }
  counters.notesLost += 1;
}
