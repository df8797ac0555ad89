/** What a failing run leaves: lines for people, and a file from which it is played again. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configurationText } from './configuration.ts';
import { failureText } from './run-plan.ts';
import { reportPlan, type SeedReport } from './seed-worker.ts';

const TRACE_LINES_PRINTED = 40;
const VIOLATIONS_PRINTED = 8;
/** Under the checkout; git leaves it alone. */
const FOLDER = 'results/simulation';

export function commitName(): string {
  const git = (...parameters: string[]): string | undefined => {
    const result = spawnSync('git', parameters, { encoding: 'utf8' });
    return result.status === 0 ? result.stdout.trim() : undefined;
  };
  const head = git('rev-parse', '--short', 'HEAD');
  if (head === undefined) return 'unknown (this is no git checkout)';
  return git('status', '--porcelain') === '' ? head : `${head} with changes`;
}

/** Returns the file's name. */
export function writeFailure(report: SeedReport, suffix: string = ''): string {
  mkdirSync(FOLDER, { recursive: true });
  const file = path.join(FOLDER, `seed-${report.seed}${suffix}.json`);
  const { seed, traceHash, violations, plan } = report;
  const commit = commitName();
  const text = failureText({ seed, commit, node: process.version, traceHash, violations, plan });
  writeFileSync(file, text);
  return file;
}

export function failureLines(report: SeedReport): string[] {
  const { seed, violations, plan, traceHash, counters } = report;
  const trace: string[] = [];
  reportPlan(plan, (line) => trace.push(line));
  const more = violations.length - VIOLATIONS_PRINTED;
  return [
    '',
    `seed ${seed} failed at commit ${commitName()}, node ${process.version}`,
    ...violations.slice(0, VIOLATIONS_PRINTED).map((violation) => `  ${violation}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `  trace hash ${traceHash}, ${JSON.stringify(counters)}`,
    `  configuration ${configurationText(plan.configuration)}`,
    ...plan.schedule.map((fault) => `  fault ${JSON.stringify(fault)}`),
    `  the last of ${trace.length} lines of the trace (all of them: --seed ${seed} --trace FILE):`,
    ...trace.slice(-TRACE_LINES_PRINTED).map((line) => `  ${line}`),
    `  again:   npm run sim -- --seed ${seed}`,
    `  smaller: npm run sim -- --seed ${seed} --shrink`,
    '',
  ];
}
