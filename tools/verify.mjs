// What must hold before a commit: format, types, lint, tidy, tests. It is plain JavaScript because
// it runs before anything is compiled.
//
//   npm run verify                everything
//   npm run verify -- --changed   what the commits since origin/main (or the last commit, where
//                                 there is no origin/main) and the working tree touch
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { changed: { type: 'boolean', default: false } } });
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const LINTED = /\.(?:ts|mts|js|mjs)$/;
const done = [];

function git(...args) {
  const result = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

function changedFiles() {
  const base = git('merge-base', 'HEAD', 'origin/main') ?? git('rev-parse', 'HEAD~1') ?? EMPTY_TREE;
  const tracked = git('diff', '--name-only', '--no-renames', base);
  const untracked = git('ls-files', '--others', '--exclude-standard');
  if (tracked === undefined || untracked === undefined) throw new Error('--changed needs git');
  return [...new Set(`${tracked}\n${untracked}`.split('\n'))].filter((name) => name !== '');
}

/** Runs one step and tells how long it took. False: it failed. */
function step(name, script, args) {
  console.log(`\n== ${name}`);
  const beganAt = process.hrtime.bigint();
  const result = spawnSync(process.execPath, [path.join(root, script), ...args], {
    cwd: root,
    stdio: ['ignore', 1, 2],
  });
  if (result.error) throw result.error;
  const seconds = Number(process.hrtime.bigint() - beganAt) / 1e9;
  done.push({ name, ok: result.status === 0, note: `${seconds.toFixed(1)} s` });
  return result.status === 0;
}

function skip(name, note) {
  done.push({ name, ok: true, note });
  return true;
}

function checkTests(changed) {
  if (changed === undefined) return step('tests', 'tools/dist/test-runner.js', ['--fresh-seeds']);
  const selected = spawnSync(
    process.execPath,
    [path.join(root, 'tools/dist/changed-tests.js'), ...changed],
    { cwd: root, encoding: 'utf8' },
  );
  if (selected.status !== 0) throw new Error(`the tests could not be chosen: ${selected.stderr}`);
  const names = selected.stdout.split('\n').filter((name) => name !== '');
  if (names.length === 0) return skip('tests', 'none is touched');
  return step('tests', 'tools/dist/test-runner.js', ['--fresh-seeds', ...names]);
}

function verify() {
  const changed = values.changed ? changedFiles() : undefined;
  const present = changed?.filter((name) => existsSync(path.join(root, name)));
  const linted = present?.filter((name) => LINTED.test(name));
  const prettier = ['--check', '--ignore-unknown', '--log-level', 'warn'];
  if (present?.length === 0) skip('format', 'nothing is touched');
  else
    step('format', 'node_modules/prettier/bin/prettier.cjs', [...prettier, ...(present ?? ['.'])]);
  if (!step('types', 'node_modules/typescript/bin/tsc', ['-b'])) return;
  const oxlint = ['--type-aware', '--deny-warnings', '--no-error-on-unmatched-pattern'];
  if (linted?.length === 0) skip('lint', 'nothing is touched');
  else step('lint', 'node_modules/oxlint/bin/oxlint', [...oxlint, ...(linted ?? [])]);
  step('tidy', 'tools/dist/tidy.js', []);
  checkTests(changed);
}

verify();
console.log('');
for (const { name, ok, note } of done) console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${note})`);
process.exitCode = done.every(({ ok }) => ok) ? 0 : 1;
