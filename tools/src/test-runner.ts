// The command behind `npm test`: runs every test file, or those whose path contains one of the
// patterns given, each in a process of its own. Exit code 1 when anything failed.
//
//   node tools/dist/test-runner.js [--jobs N] [--full] [PATTERN...]
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
const { values, positionals } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2' },
    full: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: a number from 1`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    killEverything();
    process.exit(1);
  });
}

const beganAt = process.hrtime.bigint();
const { files, faults } = discover(root, positionals, values.full);
const results: FileResult[] = [];
await schedule(files, jobs, async (file) => {
  const result = await runFile(file);
  results.push(result);
  console.log(fileLines(result));
});
const seconds = Number(process.hrtime.bigint() - beganAt) / 1e9;
console.log(summaryLines(results, faults, seconds));
process.exitCode = faults.length > 0 || results.some((result) => result.failed > 0) ? 1 : 0;
