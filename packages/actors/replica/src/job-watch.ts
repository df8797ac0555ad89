/**
 * How long the jobs of a shard have been under way: a disk that hangs ends none, and nothing else says
 * so. What it finds makes the node unhealthy; ending a job is nobody's business (it may still write).
 *
 * Invariants:
 *   JW1 a job is stuck from a minute after it was asked for until it ends (F10, F23)
 */
import type { Instant } from '@clockwise/kernel/core';

const STUCK_AFTER_MS = 60_000;

export class JobWatch {
  /** By job: when it was asked for. In order of asking. */
  readonly #askedAt: Map<number, Instant> = new Map();

  asked(job: number, now: Instant): void {
    this.#askedAt.set(job, now);
  }

  ended(job: number): void {
    this.#askedAt.delete(job);
  }

  figures(now: Instant): Record<string, number> {
    let jobsStuck = 0;
    for (const askedAt of this.#askedAt.values()) {
      if (now - askedAt >= STUCK_AFTER_MS) jobsStuck += 1;
    }
    return { jobs: this.#askedAt.size, jobsStuck };
  }
}
