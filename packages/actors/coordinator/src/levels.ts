/**
 * Consistency levels: from the 8 bits on the wire to a number of replicas. data plane.
 *
 * Invariants:
 *   LV1 a level that asks for more replicas than the partition has is refused, never lowered
 */
import { LEVEL } from '@clockwise/protocol/frame';

export const LEVEL_IMPOSSIBLE = -1;

/**
 * How many of `replicaCount` replicas a level asks for, or LEVEL_IMPOSSIBLE. Levels that count per
 * data centre equal a quorum where there is one data centre.
 */
export function replicasRequired(
  level: number,
  bucketLevel: number,
  replicaCount: number,
  dataCentreCount: number,
): number {
  const named = level === LEVEL.bucketDefault ? bucketLevel : level;
  if (named >= 1 && named <= LEVEL.numberMax) {
    return named <= replicaCount ? named : LEVEL_IMPOSSIBLE;
  }
  if (named === LEVEL.quorum) return (replicaCount >> 1) + 1;
  if (named === LEVEL.all) return replicaCount;
  const perDataCentre = named === LEVEL.localQuorum || named === LEVEL.eachQuorum;
  return perDataCentre && dataCentreCount === 1 ? (replicaCount >> 1) + 1 : LEVEL_IMPOSSIBLE;
}
