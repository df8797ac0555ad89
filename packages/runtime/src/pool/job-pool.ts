/**
 * JobPool: the process's piscina pool for work that takes long: flush, merge, checksum. Jobs are
 * files of the composition root (server/pool/*) with one function as default export, which returns
 * a DiskResult.
 *
 * Boundary: 26 us a round trip, so work comes in batches, never per operation.
 *
 * Invariants:
 *   JP1 `settle(owner)` resolves when every job that the owner had asked for has ended
 *   JP2 at most `jobsQueuedMax` jobs wait; one more is refused
 *   JP3 a job that ends its thread, for want of memory or otherwise, fails alone; others go on (F19)
 */
import type { DiskResult } from '@clockwise/storage/disk';
import { Piscina } from 'piscina';

export interface JobPoolOptions {
  /** The file whose default export runs jobs. */
  readonly module: URL;
  readonly threadsMax: number;
  readonly jobsQueuedMax: number;
  readonly idleTimeoutMs: number;
  /** Of each thread's heap; buffers lie outside of it. As the system has it, if not said. */
  readonly heapMegabytesMax?: number;
}

export class JobPool {
  readonly #piscina: Piscina;
  readonly #running = new Map<string, Set<Promise<DiskResult<unknown>>>>();

  constructor(options: JobPoolOptions) {
    this.#piscina = new Piscina({
      filename: options.module.href,
      minThreads: 0,
      maxThreads: options.threadsMax,
      maxQueue: options.jobsQueuedMax,
      idleTimeout: options.idleTimeoutMs,
      // Workers wait for messages, so that a job may do asynchronous things.
      atomics: 'disabled',
      ...(options.heapMegabytesMax === undefined
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytesMax } }),
    });
  }

  /** `task` is plain data and shared memory. Rejects where the job threw: errors lose their code. */
  async run(owner: string, task: unknown): Promise<DiskResult<unknown>> {
    let jobs = this.#running.get(owner);
    if (jobs === undefined) {
      jobs = new Set();
      this.#running.set(owner, jobs);
    }
    const job: Promise<DiskResult<unknown>> = this.#piscina.run(task);
    jobs.add(job);
    try {
      return await job;
    } finally {
      jobs.delete(job);
    }
  }

  async settle(owner: string): Promise<void> {
    const jobs = this.#running.get(owner);
    // How a job of an actor that is gone ends matters to nobody; that it has ended does.
    if (jobs !== undefined) await Promise.allSettled(jobs);
  }

  async close(): Promise<void> {
    await this.#piscina.close();
  }
}
