/** Runs plans in worker threads, one at a time in each, and hands reports over as they come. */
import { Worker } from 'node:worker_threads';
import type { RunPlan } from './run-plan.ts';
import type { SeedReport } from './seed-worker.ts';

export interface SeedPoolOptions {
  /** The plan of that number, from 0 on; undefined: there are no more. */
  readonly next: (index: number) => RunPlan | undefined;
  readonly workerCount: number;
  readonly onReport: (report: SeedReport) => void;
  /** Asked after each report: true ends the run early. */
  readonly isEnough: () => boolean;
}

export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  let index = 0;
  let isOver = false;
  const take = (): RunPlan | undefined => {
    if (isOver) return undefined;
    const plan = options.next(index);
    index += 1;
    return plan;
  };
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
    try {
      for (let plan = take(); plan !== undefined; plan = take()) {
        options.onReport(await runOne(worker, plan));
        if (options.isEnough()) isOver = true;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: options.workerCount }, work));
}

function runOne(worker: Worker, plan: RunPlan): Promise<SeedReport> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => {
      reject(new Error(`seed ${plan.configuration.seed} killed its worker`, { cause: error }));
    };
    worker.once('error', onError);
    worker.once('message', (report: SeedReport) => {
      worker.off('error', onError);
      resolve(report);
    });
    worker.postMessage(plan);
  });
}
