import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandResult } from './checkout-copy.ts';
import { BugJudge, type JudgedCopy } from './judge-bug.ts';
import type { SeededBug } from './patch-text.ts';

const PASSED: CommandResult = { exitCode: 0, output: '400 passed, 0 failed' };
const SIMULATOR = 'node test/dist/sim.js --seeds 400 --from 1 --stop-at-first';

function bugOf(command: string): SeededBug {
  const files = ['packages/a/src/a.ts'];
  const projects = ['packages/a'];
  return { name: 'a', bug: 'b', command: command.split(' '), files, projects };
}

function seedFailed(seed: number): CommandResult {
  return { exitCode: 1, output: `seed ${seed} failed at commit x\n  O1 lost\n1 passed, 1 failed` };
}

/** Judges a bug where `run` answers commands, with the patch and without it. */
function judged(
  command: string,
  run: (command: string, isPatched: boolean) => CommandResult,
  broken: { readonly apply?: boolean; readonly build?: boolean } = {},
): string {
  let isPatched = false;
  const failure: CommandResult = { exitCode: 1, output: 'no' };
  const copy: JudgedCopy = {
    withPatch: (_, __, use) => {
      isPatched = true;
      const result = use(broken.apply === true ? failure : PASSED);
      isPatched = false;
      return result;
    },
    build: () => (isPatched && broken.build === true ? failure : PASSED),
    run: (words) => run(words.join(' '), isPatched),
  };
  const verdict = new BugJudge(copy, false).judge(bugOf(command), 'a.patch');
  return verdict.kind === 'caught' ? `caught ${verdict.text}` : `${verdict.state} ${verdict.text}`;
}

test('[JB1] the simulator is caught by its first run and the median of three', () => {
  const found = (first: number, second: number, third: number) => (command: string) => {
    if (command.includes('--seed ')) return PASSED;
    const from = Number(/--from (\d+)/.exec(command)![1]!);
    const seeds = [first, second, third][Math.floor(from / 1000)]!;
    return seeds === 0 ? PASSED : seedFailed(from + seeds - 1);
  };
  assert.is(judged(SIMULATOR, found(2, 30, 4)), 'caught 2, 30, 4 seeds, median 4: O1 lost');
  assert.is(judged(SIMULATOR, found(2, 0, 40)), 'caught 2, none, 40 seeds, median 40: O1 lost');
  assert.is(judged(SIMULATOR, found(2, 0, 0)), 'SURVIVED 2, none, none');
  assert.is(judged(SIMULATOR, found(0, 1, 1)), 'SURVIVED none, 1, 1');
});

test('[JB1] what does not apply, does not build or does not end is not caught', () => {
  const command = 'node x.test.js';
  const fails = (_: string, isPatched: boolean): CommandResult =>
    isPatched ? { exitCode: 1, output: '  FAIL  "[A1] a rule"\n\nTotal: 1' } : PASSED;
  assert.is(judged(command, fails), 'caught [A1] a rule');
  assert.is(judged(command, fails, { apply: true }), 'DOES NOT APPLY no');
  assert.is(judged(command, fails, { build: true }), 'DOES NOT BUILD no');
  assert.is(
    judged(command, () => PASSED),
    'SURVIVED none',
  );
  const hangs = (): CommandResult => ({ exitCode: undefined, output: '' });
  assert.is(judged(command, hangs), 'GAVE NO VERDICT no verdict');
  const crashes = (): CommandResult => ({ exitCode: 1, output: 'cannot find module' });
  assert.is(judged(SIMULATOR, crashes).startsWith('GAVE NO VERDICT'), true);
});

test('[JB2] what fails without the patch too proves nothing', () => {
  const always = (): CommandResult => ({ exitCode: 1, output: 'no' });
  assert.is(judged('node x.test.js', always), 'FAILS WITHOUT IT TOO node x.test.js');
  const seed7 = (command: string): CommandResult =>
    command.includes('--from 2001') ? seedFailed(2001) : seedFailed(7);
  assert.is(judged(SIMULATOR, seed7), 'FAILS WITHOUT IT TOO node test/dist/sim.js --seed 7');
});

test.run();
