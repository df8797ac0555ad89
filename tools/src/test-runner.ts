// The command behind `npm test`: runs every test file, or those whose path contains one of the
// patterns given, each in a process of its own. Exit code 1 when anything failed.
//
//   node tools/dist/test-runner.js [--jobs N] [--full] [--fresh-seeds] [PATTERN...]
//
// Properties draw from the seed of their file (runner/property-seed.ts), with --fresh-seeds from a new
// one each time.
//
// The boundary: runner/discover.ts finds files, runner/run-file.ts runs one, runner/verdict.ts
// judges, runner/report.ts prints. What a file may ask of the runner: runner/header.ts.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { discover } from './runner/discover.ts';
import { fileLines, summaryLines } from './runner/report.ts';
import { killEverything, runFile, type FileResult } from './runner/run-file.ts';
import { schedule } from './runner/schedule.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const USAGE = 'npm test [-- [--jobs N] [--full] [--fresh-seeds] [PATTERN...]]';

function refuse(reason: string): never {
  console.error(`${reason}\n${USAGE}`);
  process.exit(2);
}

interface Options {
  readonly help: boolean;
  readonly jobs: string;
  readonly full: boolean;
  readonly 'fresh-seeds': boolean;
  readonly patterns: readonly string[];
}

function parsed(): Options {
  try {
    const { values, positionals } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        jobs: { type: 'string', default: '2' },
        full: { type: 'boolean', default: false },
        'fresh-seeds': { type: 'boolean', default: false },
      },
      allowPositionals: true,
    });
    return { ...values, patterns: positionals };
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const options = parsed();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const jobs = Number(options.jobs);
if (!Number.isInteger(jobs) || jobs < 1) refuse(`--jobs ${options.jobs}: an integer from 1`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    killEverything();
    process.exit(1);
  });
}

const beganAt = process.hrtime.bigint();
const { files, faults } = discover(root, options.patterns, options.full);
const results: FileResult[] = [];
await schedule(files, jobs, async (file) => {
  const isFresh = options['fresh-seeds'];
  const result = await runFile(isFresh ? { ...file, propertySeed: undefined } : file);
  results.push(result);
  console.log(fileLines(result));
});
const seconds = Number(process.hrtime.bigint() - beganAt) / 1e9;
console.log(summaryLines(results, faults, seconds));
process.exitCode = faults.length > 0 || results.some((result) => result.failed > 0) ? 1 : 0;
