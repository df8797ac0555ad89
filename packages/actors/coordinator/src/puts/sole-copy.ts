/**
 * Requests for keys whose only copy is in this node: nobody is chosen, nothing is merged or forwarded, and
 * whatever its shard says is the answer. Most of what other requests go through does not concern them;
 * they are the usual ones of a single node, and this is all that they cost. data plane.
 *
 * Boundary: what an error of the shard becomes is put-core.ts's and get-core.ts's to say.
 *
 * Invariants:
 *   SC1 an answer is taken here only for the request that asked, in its generation, and only where it names
 *       a record as it is in its own bucket
 */
import { reachable } from '@clockwise/kernel/probe';
import { STATUS_OK } from '@clockwise/protocol/errors';
import { REPLICA_REPLY, REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import { isHidden } from '@clockwise/record/hidden';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { answerSoleRead } from '../gets/get-core.ts';
import { respondSoleWritten } from '../requests/respond.ts';
import { FIELD, isPlace } from '../requests/slot-layout.ts';

/** [SC1] False: it is no such answer, or one that is not a success. */
export function takeSoleAnswer(
  context: CoordinatorContext,
  shard: number,
  words: Int32Array,
  offset: number,
): boolean {
  const { slots } = context;
  const slot = words[offset + REPLICA_REPLY.slot]!;
  if (!isPlace(slot, slots.end)) return false;
  const fields = slots.words;
  if (
    fields[slot + FIELD.isSole] === 0 ||
    fields[slot + FIELD.generation] !== words[offset + REPLICA_REPLY.slotGeneration] ||
    context.explains.count > 0
  ) {
    return false;
  }
  const kindWord = words[offset + REPLICA_REPLY.kind]!;
  if ((kindWord & STATUS_MASK) !== 0 || words[offset + REPLICA_REPLY.recordWords] === 0) {
    return false;
  }
  const record = context.chunkWords(shard, words[offset + REPLICA_REPLY.chunk]!);
  const recordOffset = words[offset + REPLICA_REPLY.offset]!;
  if (isHidden(record, recordOffset)) return false;
  const kind = kindWord & 0xff;
  if (kind === REPLY_KIND.written) {
    if (((kindWord >>> 24) & REPLY_FLAG.duplicate) !== 0) fields[slot + FIELD.duplicate] = 1;
    const durability = words[offset + REPLICA_REPLY.durability]!;
    reachable('put: the only copy is acknowledged');
    fields[slot + FIELD.answered] = 1;
    respondSoleWritten(context, slot, durability, record, recordOffset);
    slots.release(slot);
    return true;
  }
  if (kind !== REPLY_KIND.read) return false;
  answerSoleRead(context, slot, STATUS_OK, record, recordOffset);
  return true;
}

/** Where the status is in the kind word of an answer. */
const STATUS_MASK = 0xffff << 8;
