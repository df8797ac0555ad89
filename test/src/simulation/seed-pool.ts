/** Runs seeds in worker threads, one at a time in each, and hands reports over as they come. */
import { Worker } from 'node:worker_threads';
import type { SeedReport } from './seed-worker.ts';

export interface SeedPoolOptions {
  /** The seed of that number, from 0 on; undefined: there are no more. */
  readonly next: (index: number) => string | undefined;
  readonly workerCount: number;
  readonly onReport: (report: SeedReport) => void;
  /** Asked after each report: true ends the run early. */
  readonly isEnough: () => boolean;
}

export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  let index = 0;
  let isOver = false;
  const take = (): string | undefined => {
    if (isOver) return undefined;
    const seed = options.next(index);
    index += 1;
    return seed;
  };
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
    try {
      for (let seed = take(); seed !== undefined; seed = take()) {
        options.onReport(await runOne(worker, seed));
        if (options.isEnough()) isOver = true;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: options.workerCount }, work));
}

function runOne(worker: Worker, seed: string): Promise<SeedReport> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => {
      reject(new Error(`seed ${seed} killed its worker`, { cause: error }));
    };
    worker.once('error', onError);
    worker.once('message', (report: SeedReport) => {
      worker.off('error', onError);
      resolve(report);
    });
    worker.postMessage(seed);
  });
}
