/**
 * What `main` tells about a shard that the supervisor gave up for good: nobody is left who would.
 *
 * Invariants:
 *   GU1 a shard that is given up is said to be fenced, once; what ends otherwise is not
 */
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { UnitState } from '@clockwise/runtime/supervisor/unit';

/** Undefined where there is nothing to tell. */
export function givenUpShard(unit: string, state: UnitState): ActorMessage | undefined {
  const match = /^replica-(\d+)$/.exec(unit);
  if (match === null || state.kind !== 'given-up') return undefined;
  return { kind: 'shard-state', shard: Number(match[1]), state: 'fenced', reason: state.reason };
}
