/**
 * Marks that say what a test must have met (after Antithesis' assertions): a rare path that no seed of
 * the simulator ever took is a path that nothing has judged. A mark asks for nothing and changes
 * nothing. Names are literals, each used once: 'replica: a put waits behind a read of the same key';
 * the simulator's catalogue is read from the sources by them.
 *
 * data plane
 *
 * Invariants:
 *   PB1 a mark is told to the observer each time it is reached with its condition true, else never
 */
import { listening } from './probe-observer.ts';

/** This place is reached and `condition` holds, in some run. REQUIRES: `name` is a literal. */
export function sometimes(condition: boolean, name: string): void {
  const { observer } = listening;
  if (observer !== undefined && condition) observer.hit(name);
}

/** This place is reached, in some run. REQUIRES: `name` is a literal. */
export function reachable(name: string): void {
  const { observer } = listening;
  if (observer !== undefined) observer.hit(name);
}
