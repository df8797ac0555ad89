/** When a kind of job that failed may be tried again: a little later each time. */

/** Milliseconds that a failed job waits at first, doubled up to 2^5 times. */
const RETRY_MS = 100;
const RETRY_DOUBLINGS_MAX = 5;

export class JobRetry {
  #failedCount = 0;
  atMs = 0;

  succeeded(): void {
    this.#failedCount = 0;
    this.atMs = 0;
  }

  failed(nowMs: number): void {
    this.atMs = nowMs + RETRY_MS * 2 ** Math.min(this.#failedCount, RETRY_DOUBLINGS_MAX);
    this.#failedCount += 1;
  }
}
