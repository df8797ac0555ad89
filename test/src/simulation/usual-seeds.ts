/** The seeds of every test run: forty of a virtual minute each, in both cores. */
import { availableParallelism } from 'node:os';
import { planOf, type RunPlan } from './run-plan.ts';
import { runSeeds } from './seed-pool.ts';
import type { SeedReport } from './seed-worker.ts';

export const USUAL_SEEDS = 40;
const WORK_MS = 60_000;

export function usualPlan(index: number): RunPlan | undefined {
  return index < USUAL_SEEDS ? planOf(String(index + 1), { workMs: WORK_MS }) : undefined;
}

export async function runUsualSeeds(): Promise<readonly SeedReport[]> {
  const reports: SeedReport[] = [];
  await runSeeds({
    next: usualPlan,
    workerCount: availableParallelism(),
    onReport: (report) => reports.push(report),
    isEnough: () => false,
  });
  return reports;
}
