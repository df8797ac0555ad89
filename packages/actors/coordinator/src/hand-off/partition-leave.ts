/**
 * A partition that the ring takes from this node is dropped by its shard, but not before all that the
 * node owes others of its own objects in it has been handed over: a mark stands for the node's own record.
 *
 * Invariants:
 *   PL1 a shard is told to drop a partition only in the epoch of this coordinator's ring, and only when
 *       its marks and dirty range were counted and nothing of them is owed. (None come any more: only an
 *       owner makes marks.)
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { OWED_KIND } from './hint-ledger.ts';

type GivenUp = Extract<ActorMessage, { readonly kind: 'partition-given-up' }>;
type Answer = Extract<ActorMessage, { readonly kind: 'partition-answer' }>;

/** The ring-manager's word: passed on to the shard, or refused for now. */
export function leavePartition(context: CoordinatorContext, message: GivenUp): void {
  const { request, partition } = message;
  const reason = refusalOf(context, message);
  if (reason !== undefined) {
    answerLeave(context, { kind: 'partition-answer', request, partition, ok: false, reason });
    return;
  }
  const shard = context.ring.shardOfPartition[partition]!;
  context.out.effect({ kind: 'tell', to: `replica-${shard}`, message });
}

/** The shard's answer. */
export function answerLeave({ out }: CoordinatorContext, message: Answer): void {
  out.effect({ kind: 'tell', to: 'ring-manager', message });
}

/** [PL1] */
function refusalOf(
  { ring, ledger }: CoordinatorContext,
  { partition, epoch }: GivenUp,
): string | undefined {
  if (epoch !== ring.epoch) return `the ring that rules here is of epoch ${ring.epoch}`;
  if (partition >= ring.shardOfPartition.length) return `there is no partition ${partition}`;
  for (const kind of [OWED_KIND.mark, OWED_KIND.dirty]) {
    const place = ledger.placeOf(kind, partition);
    if (!ledger.isClear(place)) return 'objects of it are owed to others, or are not counted yet';
  }
  return undefined;
}
