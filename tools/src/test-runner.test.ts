import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const RUNNER = fileURLToPath(new URL('./test-runner.js', import.meta.url));

function run(...patterns: string[]): { status: number | null; lastLine: string | undefined } {
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, ...patterns], {
    encoding: 'utf8',
  });
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

test('a pattern that matches no file fails the run', () => {
  assert.equal(run('no-such-test-file'), { status: 1, lastLine: '0 passed, 1 failed' });
});

test('a good file passes, and the last line counts its tests', () => {
  const expected = { status: 0, lastLine: '4 passed, 0 failed' };
  assert.equal(run('tools/src/runner/header.test.ts'), expected);
});

test.run();
