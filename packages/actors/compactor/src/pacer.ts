/**
 * How long the node rests between two beats of merges, so that foreground work does not feel them: the
 * pause is a multiple of the beat before it, and the multiple follows the latency that replicas report.
 *
 * The calm latency is a minimum that forgets slowly: 1 % a second upwards, at once downwards. Twice of it
 * is too much, 1.2 times of it is calm.
 *
 * Invariants:
 *   PC1 a pause is at most FACTOR_MAX beats: merges have a tenth of the time at least
 *   PC2 where level 0 has as many runs as slow writes down, there is no pause (merge-schedule: and one that
 *       has begun ends, MS3)
 */

/** [PC1] */
const FACTOR_MAX = 9;
const FACTOR_START = 1;
/** Above so many times the calm latency, and below so many. */
const BUSY_RATIO = 2;
const CALM_RATIO = 1.2;
const SLOWER_BY = 1.5;
/** So that a factor of 0 can rise. */
const SLOWER_STEP = 0.1;
const FASTER_BY = 0.8;
/** A factor below this is none. */
const FACTOR_MIN = 0.01;
const FORGET_A_MS = 0.01 / 1000;
/** Latencies below are all the same: a step of a loop has about that. */
const LATENCY_MS_MIN = 0.1;

export class MergePacer {
  readonly #runsSlow: number;
  #factor = FACTOR_START;
  #calmMs = Infinity;
  #calmAt = 0;

  constructor(runsSlow: number) {
    this.#runsSlow = runsSlow;
  }

  /** Beats that a pause is long now. */
  get factor(): number {
    return this.#factor;
  }

  /** The latency of foreground work as it is when nothing disturbs it; Infinity: not known yet. */
  get calmMs(): number {
    return this.#calmMs;
  }

  /** Milliseconds to rest after a beat. `latencyMs` 0: nobody did anything that could tell. */
  pauseAfter(elapsedMs: number, latencyMs: number, runs: number, now: number): number {
    if (latencyMs > 0) this.#follow(Math.max(latencyMs, LATENCY_MS_MIN), now);
    // [PC2]
    if (runs >= this.#runsSlow) return 0;
    return elapsedMs * this.#factor;
  }

  #follow(latencyMs: number, now: number): void {
    const passedMs = Math.max(0, now - this.#calmAt);
    this.#calmAt = now;
    this.#calmMs = Math.min(latencyMs, this.#calmMs * (1 + FORGET_A_MS * passedMs));
    if (latencyMs > BUSY_RATIO * this.#calmMs) {
      this.#factor = Math.min(FACTOR_MAX, this.#factor * SLOWER_BY + SLOWER_STEP);
    } else if (latencyMs < CALM_RATIO * this.#calmMs) {
      this.#factor *= FASTER_BY;
      if (this.#factor < FACTOR_MIN) this.#factor = 0;
    }
  }
}
