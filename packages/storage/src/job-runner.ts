/**
 * Who runs an embedded store's jobs: worker threads in production (runtime/embedded), the test itself
 * in tests. The store asks from time to time what has ended. Jobs may run side by side and end in any
 * order: who needs one to be over before another waits for the end of it before it asks.
 */
import type { DiskResult } from './disk.ts';
import type { JobInput, JobOutput } from './jobs.ts';

export interface JobResult {
  readonly job: number;
  readonly result: DiskResult<JobOutput>;
}

export interface JobRunner {
  /** The job's number, never given again. */
  submit(job: JobInput): number;
  /** Jobs that ended since the last call. */
  poll(): readonly JobResult[];
  /** Returns when a job has ended that `poll` did not tell of yet. REQUIRES: one is under way. */
  wait(): void;
}
