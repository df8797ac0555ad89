/** How many replicas must answer: a number, or a name that the cluster resolves. */
import { LEVEL } from '@clockwise/protocol/frame';
import { badRequest } from './errors.ts';

export type ConsistencyLevel = number | 'one' | 'quorum' | 'all' | 'local-quorum' | 'each-quorum';

const NAMED: ReadonlyMap<string, number> = new Map([
  ['one', LEVEL.one],
  ['quorum', LEVEL.quorum],
  ['all', LEVEL.all],
  ['local-quorum', LEVEL.localQuorum],
  ['each-quorum', LEVEL.eachQuorum],
]);

/** The level's number on the wire; without one, the bucket's default. */
export function levelNumber(level: ConsistencyLevel | undefined): number {
  if (level === undefined) return LEVEL.bucketDefault;
  if (typeof level === 'number') {
    if (Number.isInteger(level) && level >= 1 && level <= LEVEL.numberMax) return level;
    throw badRequest(`a consistency level is an integer from 1 to ${LEVEL.numberMax}`);
  }
  const named = NAMED.get(level);
  if (named === undefined) throw badRequest(`${level} is no consistency level`);
  return named;
}
