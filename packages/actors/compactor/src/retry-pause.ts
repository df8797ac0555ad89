/** How long whoever failed rests before it tries again: twice as long each time, up to a bound. */

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
const DOUBLINGS_MAX = 10;

/** `failures` in a row before this one. */
export function retryPauseMs(failures: number): number {
  return Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, DOUBLINGS_MAX));
}
