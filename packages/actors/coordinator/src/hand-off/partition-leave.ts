/**
 * What the ring-manager says of partitions that change hands, in the ring of this coordinator: that nodes
 * are owed all of one, and that this node gives one up. The second is the first for all owners, and then the
 * word to the shard that drops it: not before all that this node owes of its own objects has been
 * handed over.
 *
 * Invariants:
 *   PL1 a shard is told to drop a partition only in the epoch of this coordinator's ring, of which this
 *       node is no owner, when all of it has gone to all owners (OG1), and its marks were counted and none is
 *       owed. (None come any more: only an owner makes marks.)
 */
import { isReplica } from '@clockwise/placement/placement-table';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { OWED_KIND } from './hint-ledger.ts';
import { wholeList } from './owed-records.ts';

type RangeOwed = Extract<ActorMessage, { readonly kind: 'range-owed' }>;
type GivenUp = Extract<ActorMessage, { readonly kind: 'partition-given-up' }>;
type Answer = Extract<ActorMessage, { readonly kind: 'partition-answer' }>;

const UNDER_WAY = 'objects of it are on their way to others';

/** All of the partition goes to nodes that own it. */
export function oweRange(context: CoordinatorContext, message: RangeOwed): void {
  const { ring, owedRanges } = context;
  const { partition, replicationClass, nodeIds } = message;
  const refusal = refusalOf(context, message);
  const placement = ring.tables[replicationClass];
  if (refusal !== undefined || placement === undefined) {
    answer(context, message, refusal ?? `there is no replication class ${replicationClass}`);
    return;
  }
  let positions = 0;
  for (let position = 0; position < placement.stride; position += 1) {
    const node = placement.table[partition * placement.stride + position]!;
    if (nodeIds.includes(ring.nodes[node]!.nodeId)) positions |= 1 << position;
  }
  const isDone =
    positions === 0 || owedRanges.isHandedOver(context, partition, replicationClass, positions);
  if (isDone) owedRanges.forget(partition, replicationClass);
  answer(context, message, isDone ? undefined : UNDER_WAY);
}

/** [PL1] Passed on to the shard, or refused for now. */
export function leavePartition(context: CoordinatorContext, message: GivenUp): void {
  const { ring, out } = context;
  const refusal = refusalOf(context, message) ?? ownerOf(context, message);
  if (refusal !== undefined || !isHandedOver(context, message)) {
    answer(context, message, refusal ?? UNDER_WAY);
    return;
  }
  const shard = ring.shardOfPartition[message.partition]!;
  out.effect({ kind: 'tell', to: `replica-${shard}`, message });
}

/** The shard's answer. */
export function passAnswer({ out }: CoordinatorContext, message: Answer): void {
  out.effect({ kind: 'tell', to: 'ring-manager', message });
}

function isHandedOver(context: CoordinatorContext, { partition }: GivenUp): boolean {
  const { ring, ledger, owedRanges } = context;
  let isWhole = ledger.isClear(ledger.placeOf(OWED_KIND.mark, partition));
  for (const replicationClass of ring.tables.keys()) {
    const all = wholeList(ring, replicationClass);
    if (!owedRanges.isHandedOver(context, partition, replicationClass, all)) isWhole = false;
  }
  return isWhole;
}

function refusalOf(
  { ring }: CoordinatorContext,
  { partition, epoch }: RangeOwed | GivenUp,
): string | undefined {
  if (epoch !== ring.epoch) return `the ring that rules here is of epoch ${ring.epoch}`;
  const isThere = partition < ring.shardOfPartition.length;
  return isThere ? undefined : `there is no partition ${partition}`;
}

function ownerOf({ ring }: CoordinatorContext, { partition, epoch }: GivenUp): string | undefined {
  const isOwner = ring.tables.some((table) => isReplica(table, partition, ring.ownNode));
  return isOwner ? `this node owns the partition in the ring of epoch ${epoch}` : undefined;
}

function answer(
  context: CoordinatorContext,
  { request, partition }: RangeOwed | GivenUp,
  refusal: string | undefined,
): void {
  const ok = refusal === undefined;
  passAnswer(context, { kind: 'partition-answer', request, partition, ok, reason: refusal ?? '' });
}
