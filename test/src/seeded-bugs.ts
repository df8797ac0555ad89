/**
 * `npm run seeded-bugs`: the power of the judge. Applies each small patch of test/seeded-bugs to a copy of
 * the checkout, builds what it touches, runs the patch's command there and demands that it fails, and
 * that what failed passes without the patch.
 *
 * Where the command is the simulator, the seeds that it took are printed, from each first seed and their
 * median. A patch that does not apply, does not build or survives, and one whose command fails without it
 * too, is a failure: exit code 1. What a patch says of itself: seeded-bugs/patch-text.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandOptions, refuse } from './command-options.ts';
import { CheckoutCopy } from './seeded-bugs/checkout-copy.ts';
import { BugJudge } from './seeded-bugs/judge-bug.ts';
import { parseBug, type SeededBug } from './seeded-bugs/patch-text.ts';

const ROOT = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));
const PATCHES = path.join(ROOT, 'test/seeded-bugs');
const ENDING = '.patch';
const COMMAND_MS_MAX = 600_000;

const USAGE = `npm run seeded-bugs [-- PATTERN ...]          those whose name contains a pattern; all
npm run seeded-bugs -- --quick [PATTERN ...]  commands of the simulator from one first seed, not three
npm run seeded-bugs -- --list [PATTERN ...]   name, bug and command of each`;

const { values: options, positionals: patterns } = commandOptions(USAGE, {
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fileOf(name: string): string {
  return path.join(PATCHES, `${name}${ENDING}`);
}

function chosenBugs(): SeededBug[] {
  const names = readdirSync(PATCHES)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)));
  return names.toSorted().map((name) => parseBug(name, readFileSync(fileOf(name), 'utf8')));
}

/** Returns how many were not caught. */
function judgeAll(bugs: readonly SeededBug[]): number {
  const copy = new CheckoutCopy(ROOT, COMMAND_MS_MAX);
  let failedCount = 0;
  try {
    const built = copy.build();
    if (built.exitCode !== 0) throw new Error(`the checkout does not build:\n${built.output}`);
    const judge = new BugJudge(copy, options.quick);
    for (const bug of bugs) {
      const verdict = judge.judge(bug, fileOf(bug.name));
      if (verdict.kind === 'failed') failedCount += 1;
      const state = verdict.kind === 'failed' ? verdict.state : 'caught';
      print(`${state} ${bug.name} (${bug.bug}): ${verdict.text}`);
    }
  } finally {
    copy.remove();
  }
  return failedCount;
}

const bugs = chosenBugs();
if (options.list) {
  for (const { name, bug, command } of bugs) print(`${name}\n  ${bug}\n  ${command.join(' ')}`);
  print(`${bugs.length} bugs`);
} else {
  if (bugs.length === 0) refuse(`no patch is called ${patterns.join(' or ')}`);
  const failedCount = judgeAll(bugs);
  print(`${bugs.length - failedCount} caught, ${failedCount} not caught`);
  process.exitCode = failedCount === 0 ? 0 : 1;
}
