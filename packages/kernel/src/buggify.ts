/**
 * Sites where a simulator may force what is rare but legal (after FoundationDB's BUGGIFY): a refusal
 * although there is room, a chunk frozen early, a block read for nothing. Whoever calls the code around
 * a site must be able to bear what the site forces, for it happens by itself, only seldom.
 *
 * data plane
 *
 * Invariants:
 *   BG1 without an observer no site ever fires
 */
import { listening } from './probe-observer.ts';

/** REQUIRES: `name` is a literal, used once. Evaluate it last: it draws. */
export function buggify(name: string): boolean {
  const { observer } = listening;
  return observer !== undefined && observer.forces(name);
}
