/**
 * When a frame's sender stops waiting, in one word: within a node, where instants of all threads
 * compare, FRAME.due holds it; between nodes the time that remains travels instead.
 *
 * data plane
 *
 * Invariants:
 *   FD1 an instant is before another as long as they are less than 2^31 ms apart
 */

/** Milliseconds of the node's monotonic clock modulo 2^32, rounded up; never 0, which names none. */
export function dueWord(instant: number): number {
  return Math.ceil(instant) | 0 || 1;
}

/** Of a frame that holds the operations of both: it waits as long as its longest operation. */
export function laterDue(left: number, right: number): number {
  if (left === 0) return right;
  return right === 0 || ((left - right) | 0) > 0 ? left : right;
}

/** Whether it is `nowWord` (`dueWord` of now) or earlier. False where none is named. */
export function isDuePassed(due: number, nowWord: number): boolean {
  return due !== 0 && ((due - nowWord) | 0) <= 0;
}
