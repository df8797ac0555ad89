import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readRequest } from './header.ts';

test('a file without requests gets the defaults', () => {
  const request = { alone: false, full: false, fileMs: 60_000, testMs: 10_000 };
  assert.equal(readRequest("import { test } from 'uvu';\n"), request);
});

test('requests stand in any comment before the code', () => {
  const text =
    '// One.\n\n/* runner: limit 120s\n * runner: alone */\n// runner: test limit 90s\nrun();';
  assert.equal(readRequest(text), {
    alone: true,
    full: false,
    fileMs: 120_000,
    testMs: 90_000,
  });
});

test('a request after the first line of code does not count', () => {
  assert.is(readRequest('run();\n// runner: alone\n').alone, false);
});

test('the limit of a test is never above that of its file', () => {
  assert.is(readRequest('// runner: limit 5s\n').testMs, 5000);
});

test.run();
