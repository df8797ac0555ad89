/**
 * How many requests one connection may have in flight: halved when its node has too much work or too
 * little time, one more after each window of successes. Pure: instants are arguments.
 *
 * data plane
 *
 * Invariants:
 *   SW1 it lies between the least and the most, whatever comes
 *   SW2 requests that were in flight together halve it once
 *   SW3 while there are refusals only, at most twice as many requests as the most it may be find it smaller
 *       than when they were sent
 *   SW4 nothing goes out before the end of a rest
 */

/** So that a client in trouble still learns when the trouble is over. */
export const SEND_WINDOW_MIN = 8;

/** Of the mean of round trips: what a new one counts. */
const LATENCY_SHARE = 1 / 8;
const SILENCE_FACTOR = 1.25;

export class SendWindow {
  size: number;
  /** How long an answer takes of late; 0: there was none yet. */
  latencyMs = 0;
  readonly #sizeMin: number;
  readonly #sizeMax: number;
  #successCount = 0;
  #halvedAt = -Infinity;
  /** When it last became smaller. */
  #shrunkAt = -Infinity;
  #openAt = -Infinity;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
    this.#sizeMin = Math.min(SEND_WINDOW_MIN, sizeMax);
    this.size = sizeMax;
  }

  /** `elapsedMs`: since it was sent. */
  succeeded(elapsedMs: number): void {
    const share = this.latencyMs === 0 ? 1 : LATENCY_SHARE;
    this.latencyMs += (elapsedMs - this.latencyMs) * share;
    if (this.size === this.#sizeMax) return;
    this.#successCount += 1;
    if (this.#successCount < this.size) return;
    this.#successCount = 0;
    this.size += 1;
  }

  /**
   * Whether a request that has waited to be sent would most likely be answered too late: to send it
   * nevertheless would keep a window busy that those behind it need.
   */
  isTooLate(waitedMs: number, remainingMs: number): boolean {
    return remainingMs < this.latencyMs && waitedMs > remainingMs;
  }

  /**
   * No answer came in the time there was: answers take longer than was thought. What had less than half
   * of its call's time in flight says no more than that.
   */
  silent(sentAt: number, now: number, timeoutMs: number): void {
    const elapsedMs = now - sentAt;
    this.latencyMs = Math.max(this.latencyMs, elapsedMs * SILENCE_FACTOR);
    if (elapsedMs * 2 >= timeoutMs) this.congested(sentAt, now);
  }

  /** A request was refused for load, or ran out of time. [SW2] */
  congested(sentAt: number, now: number): void {
    if (sentAt < this.#halvedAt) return;
    this.#halvedAt = now;
    this.#successCount = 0;
    const sizeBefore = this.size;
    this.size = Math.max(this.#sizeMin, this.size >>> 1);
    if (this.size < sizeBefore) this.#shrunkAt = now;
  }

  /** A node that refused what can hardly be less is left alone for as long as it asked. [SW4] */
  rest(untilMs: number): void {
    this.#openAt = Math.max(this.#openAt, untilMs);
  }

  /** How many may be in flight now. */
  sizeAt(now: number): number {
    return now < this.#openAt ? 0 : this.size;
  }

  /** Whether fewer than were in flight with a request that was sent then would go out now. [SW3] */
  hasShrunkSince(sentAt: number): boolean {
    return sentAt <= this.#shrunkAt;
  }
}
