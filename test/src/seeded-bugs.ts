/**
 * The power of the judge: applies each small patch of test/seeded-bugs to a copy of the checkout, builds
 * what it touches, runs the patch's command there and demands that it fails.
 *
 *   node test/dist/seeded-bugs.js [PATTERN ...]
 *
 * A patch says in its first lines, as `bug: ...` and `command: ...`, what it breaks and what must
 * notice. Where the command is the simulator, the seeds that it took are printed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));
const PATCHES = path.join(ROOT, 'test/seeded-bugs');
const COMMAND_MS_MAX = 300_000;

interface SeededBug {
  readonly name: string;
  readonly file: string;
  readonly bug: string;
  readonly command: readonly string[];
  /** Folders of packages that the patch touches. */
  readonly packages: readonly string[];
}

interface Verdict {
  readonly name: string;
  readonly isKilled: boolean;
  readonly text: string;
}

function readBug(name: string): SeededBug {
  const file = path.join(PATCHES, name);
  const text = readFileSync(file, 'utf8');
  const field = (label: string): string => {
    const match = new RegExp(`^${label}: (.*)$`, 'm').exec(text);
    if (match === null) throw new Error(`${name} has no line "${label}: ..."`);
    return match[1]!;
  };
  const touched = [...text.matchAll(/^\+\+\+ b\/(packages\/.*?)\/src\//gm)].map(
    (match) => match[1]!,
  );
  return {
    name,
    file,
    bug: field('bug'),
    command: field('command').split(' '),
    packages: [...new Set(touched)],
  };
}

/** All but what is installed and git's own: that is shared, or not needed. */
function copyCheckout(): string {
  const copy = mkdtempSync(path.join(tmpdir(), 'clockwise-seeded-bug-'));
  const skipped = new Set(['node_modules', '.git'].map((name) => path.join(ROOT, name)));
  cpSync(ROOT, copy, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
    filter: (source) => !skipped.has(source),
  });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}

function run(
  copy: string,
  command: readonly string[],
): { readonly ok: boolean; readonly text: string } {
  const [program, ...parameters] = command;
  const result = spawnSync(program!, parameters, {
    cwd: copy,
    encoding: 'utf8',
    timeout: COMMAND_MS_MAX,
    maxBuffer: 1 << 28,
  });
  return { ok: result.status === 0, text: `${result.stdout}${result.stderr}` };
}

function mustRun(copy: string, command: readonly string[]): void {
  const result = run(copy, command);
  if (!result.ok) throw new Error(`${command.join(' ')} failed:\n${result.text}`);
}

function judge(bug: SeededBug): Verdict {
  const copy = copyCheckout();
  try {
    mustRun(copy, ['patch', '-p1', '--forward', '--batch', '-i', bug.file]);
    const compiler = path.join('node_modules', 'typescript', 'bin', 'tsc');
    mustRun(copy, ['node', compiler, '-b', ...bug.packages]);
    const { ok, text } = run(copy, bug.command);
    return { name: bug.name, isKilled: !ok, text: ok ? 'nobody noticed' : causeOf(text) };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** How many seeds it took, and what the first failing one said. */
function causeOf(text: string): string {
  const count = /(\d+) passed, (\d+) failed\s*$/.exec(text);
  const violation = /^seed .* failed at commit.*\n {2}(.*)$/m.exec(text)?.[1]?.slice(0, 140);
  if (count === null) return text.trim().split('\n').at(-1) ?? '';
  return `${Number(count[1]) + Number(count[2])} seeds: ${violation ?? 'failed'}`;
}

const patterns = process.argv.slice(2);
const names = readdirSync(PATCHES)
  .filter((name) => name.endsWith('.patch'))
  .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)));
let survived = 0;
for (const bug of names.toSorted().map(readBug)) {
  const verdict = judge(bug);
  if (!verdict.isKilled) survived += 1;
  const state = verdict.isKilled ? 'caught  ' : 'SURVIVED';
  process.stdout.write(`${state} ${verdict.name} (${bug.bug}): ${verdict.text}\n`);
}
process.stdout.write(`${names.length - survived} caught, ${survived} survived\n`);
process.exitCode = survived === 0 && names.length > 0 ? 0 : 1;
