// `npm run properties`: every property test many times over, each time with fresh seeds.
//
//   npm run properties -- [--factor 50] [PATTERN ...]
//
// `npm test` draws each property a few hundred times; what fails once in ten thousand draws is found
// here, before somebody else's change meets it. Files one after the other, chosen like those of
// `npm test`. A failure prints the seed; the exit code is 1 if anything failed. A seed that is found
// belongs into a named test.
//
// The boundary: properties/many-runs.ts puts properties/fast-check-many-runs.ts in the place of
// fast-check in the test's process, which asks every property `--factor` times.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FACTOR_VARIABLE } from './properties/factor.ts';
import { discover } from './runner/discover.ts';

const MANY_RUNS = fileURLToPath(new URL('./properties/many-runs.js', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { factor: { type: 'string', default: '50' } },
  allowPositionals: true,
});
const { factor } = values;
if (!/^[1-9]\d*$/.test(factor)) throw new Error(`--factor ${factor}: a number from 1`);

const { files, faults } = discover(root, positionals, true);
for (const fault of faults) console.log(fault);
const failed: string[] = [];
for (const { name, compiled } of files) {
  if (!/from 'fast-check'/.test(readFileSync(path.join(root, name), 'utf8'))) continue;
  console.log(`\n== ${name}`);
  const result = spawnSync(
    process.execPath,
    ['--enable-source-maps', '--import', MANY_RUNS, compiled],
    { stdio: 'inherit', env: { ...process.env, [FACTOR_VARIABLE]: factor } },
  );
  if (result.status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nno property failed' : `\nfailed: ${failed.join(' ')}`);
process.exitCode = failed.length > 0 || faults.length > 0 ? 1 : 0;
