import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileLines, summaryLines } from './report.ts';
import type { FileResult } from './run-file.ts';

const GOOD: FileResult = {
  name: 'a.test.ts',
  passed: 3,
  failed: 0,
  failures: [],
  seconds: 1.23,
  output: '• • •   (3 / 3)\n',
};
const BAD: FileResult = {
  ...GOOD,
  name: 'b.test.ts',
  passed: 1,
  failed: 2,
  failures: ['first\n  at b.ts', 'second'],
  output: '• ✘ ✘   (1 / 3)\nseed 42\n',
};

test('a good file is one line', () => {
  assert.is(fileLines(GOOD), 'ok     1.2 s    3  a.test.ts');
});

test('a bad file shows its failures and what it wrote, without the marks of uvu', () => {
  assert.is(
    fileLines(BAD),
    'FAIL   1.2 s    1  b.test.ts\n    first\n      at b.ts\n    second\n  -- it wrote:\n    seed 42',
  );
});

test('the last line counts tests, and a fault counts as one', () => {
  const lines = summaryLines([GOOD, BAD], ['the pattern "x" matches no test file'], 2).split('\n');
  assert.is(lines.at(-1), '4 passed, 3 failed');
  assert.ok(lines.includes('FAIL b.test.ts'));
  assert.ok(lines.includes('FAIL the pattern "x" matches no test file'));
});

test.run();
