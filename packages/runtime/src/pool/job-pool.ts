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
 *   JP4 where no thread can be started, for want of descriptors or otherwise, the jobs that wait for one
 *       fail, and are never begun; the next job tries again (F18)
 *   JP5 a thread that is ended while it loads the jobs ends nothing but itself
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
  /** Of all jobs that have not ended: taken back before a thread has begun with them. */
  readonly #waiting: Set<AbortController> = new Set();
  readonly #jobsMax: number;

  constructor(options: JobPoolOptions) {
    this.#jobsMax = options.threadsMax + options.jobsQueuedMax;
    this.#piscina = new Piscina({
      filename: LOADER.href,
      workerData: options.module.href,
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
    // Told of a thread that ended without a job: mostly one that could not be started.
    this.#piscina.on('error', (error: Error) => {
      this.#takeBack(new ThreadFailure(error.message));
    });
  }

  /** `task` is plain data and shared memory. Rejects where the job threw: errors lose their code. */
  async run(owner: string, task: unknown): Promise<DiskResult<unknown>> {
    let jobs = this.#running.get(owner);
    if (jobs === undefined) {
      jobs = new Set();
      this.#running.set(owner, jobs);
    }
    // [JP2] The pool counts no jobs that can be taken back.
    if (this.#waiting.size >= this.#jobsMax) throw new Error('too many jobs wait');
    const job = this.#begin(task);
    jobs.add(job);
    try {
      return await job;
    } finally {
      jobs.delete(job);
    }
  }

  async #begin(task: unknown): Promise<DiskResult<unknown>> {
    for (;;) {
      const taken = new AbortController();
      this.#waiting.add(taken);
      try {
        return (await this.#piscina.run(task, { signal: taken.signal })) as DiskResult<unknown>;
      } catch (error) {
        this.#waiting.delete(taken);
        const reason: unknown = taken.signal.aborted ? taken.signal.reason : error;
        if (reason === AGAIN) continue;
        // [JP3] The pool starts no other thread for what waits behind it.
        this.#takeBack(AGAIN);
        if (isOfThread(reason)) return failedBy(reason);
        throw error;
      } finally {
        this.#waiting.delete(taken);
      }
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

  /** As long as there is a thread, it takes what waits; without one, no job that is left has begun. */
  #takeBack(reason: unknown): void {
    if (this.#piscina.threads.length > 0) return;
    for (const taken of this.#waiting) taken.abort(reason);
  }
}

/** [JP5] */
const LOADER = new URL('./load-job.cjs', import.meta.url);

/** Why a job is taken back that is to be tried in another thread. */
const AGAIN = 'again';

/** [JP4] */
class ThreadFailure extends Error {
  override readonly name = 'ThreadFailure';
}

/** The job had no thread yet. */
function isOfThread(reason: unknown): reason is Error {
  if (reason instanceof ThreadFailure) return true;
  return reason instanceof Error && (reason as NodeJS.ErrnoException).code === NO_THREAD;
}

const NO_THREAD = 'ERR_WORKER_INIT_FAILED';

function failedBy({ message }: Error): DiskResult<unknown> {
  const code = /EMFILE|ENFILE/.test(message) ? 'EMFILE' : 'OTHER';
  return { ok: false, code, detail: `no thread for a job: ${message}` };
}
