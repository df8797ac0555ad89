/**
 * `npm run sim`: runs seeds of the simulator and judges them.
 *
 *   npm run sim -- --seeds 200 [--from 1] [--workers 2] [--stop-at-first] [--probes]
 *   npm run sim -- --seed 17 [--trace FILE]
 *
 * Says which marks of the cores (kernel/probe) no seed hit; with `--probes`, which share of the seeds
 * hit each. Ends in `N passed, N failed`, and with exit code 1 if any failed. A failing seed prints
 * itself, the commit, what it drew, its faults and the end of its trace; `--seed` plays it again, with
 * an equal trace hash.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { readCatalogue } from './simulation/probe-catalogue.ts';
import { probeLines, ProbeTally } from './simulation/probe-tally.ts';
import { runSeeds } from './simulation/seed-pool.ts';
import { reportSeed, type SeedReport } from './simulation/seed-worker.ts';

const TRACE_LINES_PRINTED = 40;
const VIOLATIONS_PRINTED = 8;

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'string' },
    workers: { type: 'string' },
    'stop-at-first': { type: 'boolean', default: false },
    probes: { type: 'boolean', default: false },
  },
});

function commit(): string {
  const git = (...parameters: string[]): string | undefined => {
    const result = spawnSync('git', parameters, { encoding: 'utf8' });
    return result.status === 0 ? result.stdout.trim() : undefined;
  };
  const head = git('rev-parse', '--short', 'HEAD');
  if (head === undefined) return 'unknown (this is no git checkout)';
  return git('status', '--porcelain') === '' ? head : `${head} with changes`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printFailure(report: SeedReport): void {
  print(`\nseed ${report.seed} failed at commit ${commit()}, node ${process.version}`);
  for (const violation of report.violations.slice(0, VIOLATIONS_PRINTED)) print(`  ${violation}`);
  const more = report.violations.length - VIOLATIONS_PRINTED;
  if (more > 0) print(`  and ${more} more`);
  print(`  trace hash ${report.traceHash}, ${JSON.stringify(report.counters)}`);
  print(`  configuration ${report.configuration}`);
  for (const fault of report.schedule) print(`  fault ${fault}`);
  const lines: string[] = [];
  reportSeed(report.seed, (line) => lines.push(line));
  print(`  the last of ${lines.length} lines of the trace (all of them: --seed S --trace FILE):`);
  for (const line of lines.slice(-TRACE_LINES_PRINTED)) print(`  ${line}`);
  print(`  again: npm run sim -- --seed ${report.seed}\n`);
}

function replay(seed: string): boolean {
  const lines: string[] = [];
  const isTraced = options.trace !== undefined;
  const report = reportSeed(seed, isTraced ? (line) => lines.push(line) : undefined);
  if (options.trace !== undefined) writeFileSync(options.trace, `${lines.join('\n')}\n`);
  if (report.violations.length > 0) printFailure(report);
  print(`seed ${seed}: trace hash ${report.traceHash}, ${JSON.stringify(report.counters)}`);
  return report.violations.length === 0;
}

async function runMany(): Promise<boolean> {
  const from = options.from === undefined ? randomInt(1, 2 ** 31) : Number(options.from);
  const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => String(from + index));
  const workerCount = Number(options.workers ?? availableParallelism());
  const reports: SeedReport[] = [];
  const catalogue = readCatalogue();
  const tally = new ProbeTally();
  print(`${seeds.length} seeds from ${from} on, ${workerCount} workers`);
  const begunAt = performance.now();
  const hasFailed = (report: SeedReport): boolean => report.violations.length > 0;
  await runSeeds({
    seeds,
    workerCount,
    onReport: (report) => {
      reports.push(report);
      tally.add(report.hits);
      if (hasFailed(report)) printFailure(report);
    },
    isEnough: () => options['stop-at-first'] && reports.some(hasFailed),
  });
  printTotals(reports, (performance.now() - begunAt) / 1000);
  for (const line of probeLines(catalogue, tally, options.probes)) print(line);
  const failedCount = reports.filter(hasFailed).length;
  print(`${reports.length - failedCount} passed, ${failedCount} failed`);
  return failedCount === 0;
}

function printTotals(reports: readonly SeedReport[], seconds: number): void {
  const sum = (name: keyof SeedReport['counters']): number =>
    reports.reduce((total, report) => total + report.counters[name], 0);
  const idle = reports.filter(
    ({ counters }) => counters.succeeded * 2 < counters.operations || counters.operations === 0,
  );
  const virtualSeconds = sum('virtualMs') / 1000;
  print(
    `${virtualSeconds.toFixed(0)} virtual seconds in ${seconds.toFixed(1)} s, ` +
      `${sum('events')} events, ${sum('faults')} faults, ${sum('boots')} boots, ` +
      `${sum('operations')} operations (${sum('succeeded')} done), ${sum('records')} records, ` +
      `${sum('chunksPoisoned')} chunks recycled`,
  );
  print(`${idle.length} of the runs got less than half of their operations done and prove little`);
}

const isPassed = options.seed === undefined ? await runMany() : replay(options.seed);
process.exitCode = isPassed ? 0 : 1;
