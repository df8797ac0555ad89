/** One worker of `npm run sim`: takes a seed, runs it, sends back what came of it. */
import { parentPort } from 'node:worker_threads';
import { configurationText } from './configuration.ts';
import { type RunCounters, runSeed } from './run-seed.ts';

/** What crosses the threads: plain data, all in words. */
export interface SeedReport {
  readonly seed: string;
  readonly traceHash: string;
  readonly violations: readonly string[];
  readonly configuration: string;
  readonly schedule: readonly string[];
  readonly counters: RunCounters;
  /** By mark: how often it was hit. */
  readonly hits: ReadonlyMap<string, number>;
}

export function reportSeed(seed: string, log?: (line: string) => void): SeedReport {
  const result = runSeed(seed, log === undefined ? {} : { log });
  return {
    seed,
    traceHash: result.traceHash,
    violations: result.violations.map(({ oracle, text }) => `${oracle} ${text}`),
    configuration: configurationText(result.configuration),
    schedule: result.schedule.map((fault) => JSON.stringify(fault)),
    counters: result.counters,
    hits: result.hits,
  };
}

parentPort?.on('message', (seed: string) => parentPort?.postMessage(reportSeed(seed)));
