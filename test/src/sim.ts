/**
 * `npm run sim`: runs seeds of the simulator and judges them.
 *
 * Says which marks of the cores (kernel/probe) no seed hit; with `--probes`, which share of the seeds
 * hit each. Ends in `N passed, N failed`, and with exit code 1 if any failed. A failing seed prints
 * itself, the commit, what it drew, its faults and the end of its trace, and leaves all that in a file;
 * `--seed` or `--failure` plays it again, with an equal trace hash; `--shrink` takes away from it what
 * it does not need and prints the rest in order of time.
 */
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { commandOptions, duration, integer } from './command-options.ts';
import { failureLines, writeFailure } from './simulation/failure-report.ts';
import { loadedLines } from './simulation/loaded-run.ts';
import { readCatalogue } from './simulation/probe-catalogue.ts';
import { rewriteProbeLists } from './simulation/probe-lists.ts';
import { probeLines, ProbeTally } from './simulation/probe-tally.ts';
import { readableRun } from './simulation/readable-run.ts';
import { planOf, readFailure, type RunPlan } from './simulation/run-plan.ts';
import { runPlan } from './simulation/run-seed.ts';
import { runSeeds } from './simulation/seed-pool.ts';
import { reportPlan, type SeedReport } from './simulation/seed-worker.ts';
import { shrink } from './simulation/shrink.ts';
import { SimTotals } from './simulation/sim-totals.ts';
import { runUsualSeeds } from './simulation/usual-seeds.ts';

const SHRINK_TRIALS_MAX = 1500;
const HOUR_MS = 3_600_000;
const PROGRESS_MS = 60_000;
const SEED_MAX = 2 ** 31;
const WORKERS_MAX = 64;

const USAGE = `npm run sim -- --seeds 200 [--from 1] [--workers 2] [--stop-at-first] [--probes]
npm run sim -- --hours 1 [--from 1]                 fresh seeds until the time is over
npm run sim -- --seed 17 [--trace FILE] [--until MS] [--only TEXT] [--shrink]
npm run sim -- --failure results/simulation/seed-17.json [--shrink] [...]
npm run sim -- --loaded                             speed: five nodes under load, one core
npm run sim -- --rewrite-probe-lists                test/probes as the usual seeds have it now`;

const { values: options } = commandOptions(USAGE, {
  options: {
    seeds: { type: 'string', default: '200' },
    hours: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    failure: { type: 'string' },
    trace: { type: 'string' },
    until: { type: 'string' },
    only: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    shrink: { type: 'boolean', default: false },
    loaded: { type: 'boolean', default: false },
    'stop-at-first': { type: 'boolean', default: false },
    probes: { type: 'boolean', default: false },
    'rewrite-probe-lists': { type: 'boolean', default: false },
  },
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function hasFailed({ violations }: SeedReport): boolean {
  return violations.length > 0;
}

/** Lines of a trace begin with the virtual time. */
function isWanted(line: string): boolean {
  const untilMs = Number(options.until ?? Infinity);
  return Number.parseFloat(line) <= untilMs && line.includes(options.only ?? '');
}

function replay(plan: RunPlan): boolean {
  const lines: string[] = [];
  const isTraced = options.trace !== undefined;
  const report = reportPlan(plan, isTraced ? (line) => lines.push(line) : undefined);
  if (options.trace !== undefined) {
    writeFileSync(options.trace, `${lines.filter(isWanted).join('\n')}\n`);
  }
  if (hasFailed(report)) {
    for (const line of failureLines(report)) print(line);
    print(`written to ${writeFailure(report)}`);
  }
  print(`seed ${report.seed}: trace hash ${report.traceHash}, ${JSON.stringify(report.counters)}`);
  return !hasFailed(report);
}

function shrinkFailing(plan: RunPlan): boolean {
  const run = (tried: RunPlan) => {
    const { violations, evidence } = runPlan(tried);
    return { oracles: violations.map(({ oracle }) => oracle), history: evidence.history };
  };
  if (run(plan).oracles.length === 0) {
    print('this run does not fail: there is nothing to shrink');
    return true;
  }
  const small = shrink(plan, { run, trialsMax: SHRINK_TRIALS_MAX, say: print });
  const report = reportPlan(small);
  const { evidence, begunAt } = runPlan(small);
  const { configuration, schedule } = small;
  const { history } = evidence;
  const { violations } = report;
  print('');
  for (const line of readableRun({ configuration, schedule, history, begunAt, violations })) {
    print(line);
  }
  print(`\nwritten to ${writeFailure(report, '-shrunk')}; its trace: --failure FILE --trace FILE`);
  return false;
}

async function runMany(): Promise<boolean> {
  const from =
    options.from === undefined
      ? randomInt(1, SEED_MAX)
      : integer('from', options.from, 0, SEED_MAX);
  const untilMs =
    options.hours === undefined
      ? Infinity
      : performance.now() + duration('hours', options.hours) * HOUR_MS;
  const seedCount =
    options.hours === undefined ? integer('seeds', options.seeds, 1, SEED_MAX) : Infinity;
  const workerCount = integer('workers', options.workers, 1, WORKERS_MAX);
  const totals = new SimTotals();
  const tally = new ProbeTally();
  const howMany =
    options.hours === undefined ? `${seedCount} seeds` : `${options.hours} h of seeds`;
  print(`${howMany} from ${from} on, ${workerCount} workers`);
  const begunAt = performance.now();
  const seconds = (): number => (performance.now() - begunAt) / 1000;
  let nextProgress = begunAt + PROGRESS_MS;
  await runSeeds({
    next: (index) => (index < seedCount ? planOf(String(from + index)) : undefined),
    workerCount,
    onReport: (report) => {
      totals.add(report);
      tally.add(report.hits);
      if (hasFailed(report)) {
        for (const line of failureLines(report)) print(line);
        print(`  written to ${writeFailure(report)}`);
      }
      if (options.hours !== undefined && performance.now() > nextProgress) {
        nextProgress += PROGRESS_MS;
        print(
          `${totals.seedCount} seeds, ${totals.failedSeeds.length} failed, ${seconds().toFixed(0)} s`,
        );
      }
    },
    isEnough: () =>
      performance.now() > untilMs || (options['stop-at-first'] && totals.failedSeeds.length > 0),
  });
  for (const line of totals.lines(seconds())) print(line);
  for (const line of probeLines(readCatalogue(), tally, options.probes)) print(line);
  const failedCount = totals.failedSeeds.length;
  if (failedCount > 0) print(`failed: ${totals.failedSeeds.join(' ')}`);
  print(`${totals.seedCount - failedCount} passed, ${failedCount} failed`);
  return failedCount === 0;
}

async function rewriteLists(): Promise<boolean> {
  const tally = new ProbeTally();
  for (const { hits } of await runUsualSeeds()) tally.add(hits);
  for (const name of rewriteProbeLists(readCatalogue(), tally)) print(`newly dead: ${name}`);
  return true;
}

async function main(): Promise<boolean> {
  if (options.loaded) {
    for (const line of loadedLines()) print(line);
    return true;
  }
  if (options['rewrite-probe-lists']) return rewriteLists();
  const plan =
    options.failure === undefined
      ? options.seed === undefined
        ? undefined
        : planOf(options.seed)
      : readFailure(readFileSync(options.failure, 'utf8')).plan;
  if (plan === undefined) return runMany();
  return options.shrink ? shrinkFailing(plan) : replay(plan);
}

process.exitCode = (await main()) ? 0 : 1;
