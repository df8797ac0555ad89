// Makes a fresh checkout runnable with nothing but Node and npm: installs with the pinned pnpm when
// the lockfile changed, then compiles. Every `npm` command of the root package.json runs it first.
//
//   --install-only   stop after the install
//   --quiet          print nothing unless something fails
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MIN = [20, 19];
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const flags = new Set(process.argv.slice(2));
const quiet = flags.has('--quiet');

function fail(message, status = 1) {
  console.error(message);
  process.exit(status);
}

function run(command, args, what) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
    encoding: 'utf8',
  });
  if (result.error) fail(`${what} could not start: ${result.error.message}`);
  if (result.signal) fail(`${what} was stopped by ${result.signal}`);
  if (result.status === 0) return;
  if (quiet) console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  fail(`${what} failed with exit code ${result.status}`, result.status ?? 1);
}

function nodeIsTooOld() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
}

/** pnpm leaves a copy of the lockfile that it installed; an equal one means nothing to do. */
function installIsCurrent() {
  const installed = path.join(root, 'node_modules/.pnpm/lock.yaml');
  if (!existsSync(installed)) return false;
  return readFileSync(installed).equals(readFileSync(path.join(root, 'pnpm-lock.yaml')));
}

if (nodeIsTooOld()) {
  fail(`Clockwise needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}
if (!installIsCurrent()) {
  const { config } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  if (!quiet) console.error(`Installing packages with pnpm ${config.pnpm} ...`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const pnpm = ['exec', '--yes', '--prefer-offline', `--package=pnpm@${config.pnpm}`, '--', 'pnpm'];
  run(npm, [...pnpm, 'install', '--frozen-lockfile', '--prefer-offline'], 'pnpm install');
}
if (!flags.has('--install-only')) {
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-b'], 'tsc -b');
}
