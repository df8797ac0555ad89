import { ClockwiseError, type ErrorName } from '@clockwise/client';
import { ERRORS } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { failureLine, type Attempt } from './error-line.ts';
import { EXIT } from './exit-code.ts';
import { selfCommand } from './self-command.ts';

const self = selfCommand();
const NAMES = Object.keys(ERRORS) as ErrorName[];
const write: Attempt = { kind: 'write', what: 'put k', readBack: 'get k' };
const read: Attempt = { kind: 'read', what: 'get k', readBack: undefined };

test('[EL1] a write says what is known of it, and the exit code agrees', () => {
  for (const name of NAMES) {
    const { line, exitCode } = failureLine(new ClockwiseError(name), write, self);
    const { outcome } = ERRORS[name];
    assert.ok(line.includes(ERRORS[name].text), line);
    assert.is(line.includes('It may have been written or not.'), outcome === 'unknown', name);
    assert.is(line.includes('Nothing was written.'), outcome === 'not-applied', name);
    assert.is(exitCode === EXIT.unknownOutcome, outcome === 'unknown', name);
    if (outcome === 'unknown') assert.ok(line.endsWith(self('get k')), line);
  }
});

test('[EL1] a read changes nothing: it is unreachable or refused', () => {
  for (const name of NAMES) {
    const { line, exitCode } = failureLine(new ClockwiseError(name), read, self);
    assert.ok(exitCode === EXIT.unreachable || exitCode === EXIT.refused, name);
    assert.not.match(line, /written/);
  }
  const codeOf = (name: ErrorName): number =>
    failureLine(new ClockwiseError(name), read, self).exitCode;
  assert.is(codeOf('TIMEOUT'), EXIT.unreachable);
  assert.is(codeOf('UNAVAILABLE'), EXIT.unreachable);
  assert.is(codeOf('NO_SUCH_BUCKET'), EXIT.refused);
});

test('[EL2] every line is one line and ends in the next command', () => {
  for (const name of NAMES) {
    for (const attempt of [read, write, { ...write, readBack: undefined }]) {
      const error = new ClockwiseError(name, { message: 'two\nlines \u001b[31m' });
      const { line } = failureLine(error, attempt, self);
      assert.not.ok(line.includes('\n') || line.includes('\u001b'), line);
      assert.match(line, /Next: npm run clockwise -- [a-z]/);
    }
  }
});

test.run();
