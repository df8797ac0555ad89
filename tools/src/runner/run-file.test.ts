// Each fault that uvu passes over in silence, on a fixture file that commits it.
// runner: limit 120s
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runFile } from './run-file.ts';

const LIMIT_MS = 30_000;

interface Expectation {
  readonly rule: string;
  readonly fixture: string;
  readonly fails: RegExp;
  readonly passed?: number;
  readonly fileMs?: number;
  readonly testMs?: number;
}

const EXPECTATIONS: readonly Expectation[] = [
  { rule: 'a failing test', fixture: 'failing-test', fails: /this one does not/, passed: 1 },
  { rule: 'a forgotten test.run()', fixture: 'forgotten-run', fails: /^no test ran/ },
  {
    rule: 'a test over its time',
    fixture: 'slow-test',
    fails: /"waits too long" took longer than its limit of 1 s/,
    testMs: 1000,
  },
  {
    rule: 'a test that spins over its time',
    fixture: 'spinning-test',
    fails: /"spins" took longer than its limit of 1 s/,
    testMs: 1000,
  },
  {
    rule: 'a file over its time',
    fixture: 'slow-file',
    fails: /the file took longer than its limit of 1 s/,
    fileMs: 1000,
  },
  {
    rule: 'an open handle',
    fixture: 'open-handle',
    fails: /^open handles keep the process alive: .*TCPServerWrap/,
    passed: 1,
  },
  { rule: 'a skipped test', fixture: 'skipped-test', fails: /^1 tests skipped/, passed: 1 },
  { rule: 'tests kept out by only', fixture: 'only-test', fails: /^1 tests skipped/, passed: 1 },
  {
    rule: 'an unhandled rejection',
    fixture: 'unhandled-rejection',
    fails: /in "forgets a promise": unhandled rejection: .*nobody awaits me/,
  },
  { rule: 'a throwing hook', fixture: 'throwing-hook', fails: /the cluster did not start/ },
  { rule: 'a throwing import', fixture: 'throwing-import', fails: /broken at import/ },
  {
    rule: 'an early exit',
    fixture: 'early-exit',
    fails: /ended inside "leaves early" with code 0/,
  },
  {
    rule: 'a promise that never settles',
    fixture: 'endless-promise',
    fails: /ended inside "waits for nothing"/,
  },
  {
    rule: 'a process left behind',
    fixture: 'left-process',
    fails: /^processes left behind: .*setTimeout/,
    passed: 1,
  },
  { rule: 'a thrown string', fixture: 'thrown-string', fails: /not an Error/ },
];

function run(
  fixture: string,
  fileMs: number = LIMIT_MS,
  testMs: number = LIMIT_MS,
  propertySeed?: number,
): ReturnType<typeof runFile> {
  const compiled = fileURLToPath(new URL(`../../fixtures/${fixture}.mjs`, import.meta.url));
  const request = { alone: false, full: false, fileMs, testMs };
  return runFile({ name: fixture, compiled, propertySeed, ...request }, 300);
}

test('a good file passes with every suite counted', async () => {
  const result = await run('good');
  assert.equal(result.failures, []);
  assert.is(result.passed, 3);
  assert.is(result.failed, 0);
});

test('properties draw from the seed that the file is given', async () => {
  const { failures } = await run('draws', LIMIT_MS, LIMIT_MS, 4711);
  assert.match(failures.join('\n'), /seed: 4711\b/);
});

for (const { rule, fixture, fails, passed = 0, fileMs, testMs } of EXPECTATIONS) {
  test(`${rule} fails the file`, async () => {
    const result = await run(fixture, fileMs, testMs);
    assert.match(result.failures.join('\n'), fails);
    assert.is(result.failed, 1);
    assert.is(result.passed, passed);
  });
}

test.run();
