/**
 * The highest hybrid time that a client has seen in any answer. Every write carries it, so that what a
 * session writes is later than what it read, whichever clocks stamp it.
 *
 * data plane
 *
 * Invariants:
 *   SK1 it never goes back
 */
export class SessionClock {
  low = 0;
  high = 0;

  observe(low: number, high: number): void {
    if (!isLaterTime(low, high, this.low, this.high)) return;
    this.low = low;
    this.high = high;
  }
}

/** Hybrid times are unsigned 64 bits in two words. */
export function isLaterTime(
  low: number,
  high: number,
  otherLow: number,
  otherHigh: number,
): boolean {
  return high === otherHigh ? low >>> 0 > otherLow >>> 0 : high >>> 0 > otherHigh >>> 0;
}
