/** One worker of `npm run sim`: takes a plan, runs it, sends back what came of it. */
import { parentPort } from 'node:worker_threads';
import type { HighestLoad } from '../checkers/bounded.ts';
import { type RunCounters, runPlan } from './run-seed.ts';
import type { RunPlan } from './run-plan.ts';

/** What crosses the threads: plain data. */
export interface SeedReport {
  readonly seed: string;
  readonly traceHash: string;
  readonly violations: readonly string[];
  readonly plan: RunPlan;
  readonly counters: RunCounters;
  /** By mark: how often it was hit. */
  readonly hits: ReadonlyMap<string, number>;
  /** [O9] The highest of each load, and its limit. */
  readonly loads: Readonly<Record<string, HighestLoad>>;
}

export function reportPlan(plan: RunPlan, log?: (line: string) => void): SeedReport {
  const result = runPlan(plan, { log });
  return {
    seed: result.seed,
    traceHash: result.traceHash,
    violations: result.violations.map(({ oracle, text }) => `${oracle} ${text}`),
    plan,
    counters: result.counters,
    hits: result.hits,
    loads: result.loads,
  };
}

parentPort?.on('message', (plan: RunPlan) => parentPort?.postMessage(reportPlan(plan)));
