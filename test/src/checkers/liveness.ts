/**
 * O11, liveness: when faults have ended and T_live has passed, whatever was begun has ended, with an
 * answer or with its client's patience. (That keys can be read then is asked by whoever reads them at
 * rest.)
 *
 * Invariants:
 *   O11 after healing every operation ends
 */
import type { Violation } from './history.ts';

export interface JudgedClient {
  readonly site: string;
  /** Nothing that it began is under way. */
  readonly isIdle: boolean;
}

export function checkLiveness(clients: readonly JudgedClient[]): Violation[] {
  return clients
    .filter(({ isIdle }) => !isIdle)
    .map(({ site }) => ({ oracle: 'O11', text: `an operation of ${site} never ended` }));
}
