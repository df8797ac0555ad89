/** Runs seeds in worker threads, one at a time in each, and hands reports over as they come. */
import { Worker } from 'node:worker_threads';
import type { SeedReport } from './seed-worker.ts';

export interface SeedPoolOptions {
  readonly seeds: readonly string[];
  readonly workerCount: number;
  readonly onReport: (report: SeedReport) => void;
  /** Ask after each report: true ends the run early. */
  readonly isEnough: () => boolean;
}

export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  const waiting = options.seeds.toReversed();
  const count = Math.min(options.workerCount, waiting.length);
  await Promise.all(Array.from({ length: count }, () => runWorker(waiting, options)));
}

async function runWorker(waiting: string[], options: SeedPoolOptions): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
  try {
    for (let seed = waiting.pop(); seed !== undefined; seed = waiting.pop()) {
      options.onReport(await runOne(worker, seed));
      if (options.isEnough()) return;
    }
  } finally {
    await worker.terminate();
  }
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
