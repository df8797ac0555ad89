/**
 * Who runs an embedded store's jobs: a worker thread in production (runtime/embedded), the test itself
 * in tests. The store asks from time to time what has ended.
 */
import type { DiskResult } from './disk.ts';
import type { JobInput, JobOutput } from './jobs.ts';

export interface JobResult {
  readonly job: number;
  readonly result: DiskResult<JobOutput>;
}

export interface JobRunner {
  /** The job's number, never given again. Jobs are run one after the other, in this order. */
  submit(job: JobInput): number;
  /** Jobs that ended since the last call. */
  poll(): readonly JobResult[];
  /** Returns when a job has ended that `poll` did not tell of yet. REQUIRES: one is under way. */
  wait(): void;
}
