import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failingSeedOf, median, parseBug, runsOf, violationOf } from './patch-text.ts';

const PATCH = [
  'bug: a count is one too high: always',
  'command: node test/dist/sim.js --seeds 9 --from 5 --stop-at-first',
  '',
  '--- a/packages/actors/replica/src/reply.ts',
  '+++ b/packages/actors/replica/src/reply.ts',
  '@@ -1,1 +1,1 @@',
  '-one',
  '+two',
  '--- a/packages/storage/src/disk.ts',
  '+++ b/packages/storage/src/disk.ts',
  '--- a/packages/storage/src/jobs.ts',
  '+++ b/packages/storage/src/jobs.ts',
].join('\n');

test('[SP1] a patch says its bug, its command, its files and what must be built', () => {
  const bug = parseBug('count', PATCH);
  assert.is(bug.bug, 'a count is one too high: always');
  assert.is(bug.command.length, 7);
  assert.is(bug.files.length, 3);
  assert.equal(bug.projects, ['packages/actors/replica', 'packages/storage']);
});

test('[SP1] what says no bug or command, makes a file, or changes what is not built is refused', () => {
  assert.throws(() => parseBug('x', PATCH.replace('bug:', 'Bug:')), /no line "bug: ..."/);
  assert.throws(() => parseBug('x', PATCH.replace('command:', '')), /no line "command: ..."/);
  assert.throws(() => parseBug('x', 'bug: a\ncommand: b\n'), /does not change files in place/);
  const making = PATCH.replace('--- a/packages/storage/src/jobs.ts', '--- /dev/null');
  assert.throws(() => parseBug('x', making), /does not change files in place/);
  const outside = PATCH.replaceAll('packages/storage/src/jobs.ts', 'package.json');
  assert.throws(() => parseBug('x', outside), /package\.json, which no project builds/);
});

test('[SP2] the simulator is run from three first seeds, anything else once', () => {
  const { command } = parseBug('count', PATCH);
  const firsts = (isQuick: boolean): (string | undefined)[] =>
    runsOf(command, isQuick).map((run) => run[5]);
  assert.equal(firsts(false), ['5', '1005', '2005']);
  assert.equal(firsts(true), ['5']);
  const other = ['node', 'packages/x/dist/x.test.js'];
  assert.equal(runsOf(other, false), [other]);
  assert.throws(() => runsOf(['node', 'test/dist/sim.js'], false), /does not say --from SEED/);
});

test('[SP3] the first seed that failed counts, though a later one failed before it', () => {
  const output = [
    'seed 12 failed at commit abc, node v20',
    '  O4 two replicas differ',
    'seed 11 failed at commit abc, node v20',
    '  O7 a dot names two writes',
    '  O1 and so on',
    '3 passed, 2 failed',
  ].join('\n');
  assert.is(failingSeedOf(output), 11);
  assert.is(violationOf(output, 11), 'O7 a dot names two writes');
  assert.is(failingSeedOf('400 passed, 0 failed'), undefined);
  const killed = 'Error: seed 3 killed its worker\n';
  assert.is(failingSeedOf(killed), 3);
  assert.is(violationOf(killed, 3), 'its worker died');
});

test('the median is the middle one, and no number where most found nothing', () => {
  assert.is(median([7]), 7);
  assert.is(median([20, 3, 7]), 7);
  assert.is(median([20, Infinity, 7]), 20);
  assert.is(median([Infinity, 5, Infinity]), Infinity);
});

test.run();
