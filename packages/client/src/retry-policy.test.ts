import { Prng } from '@clockwise/kernel/prng';
import { ERRORS, type ErrorName } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jitteredBackoffMs, retryDelayMs, type FailedTry } from './retry-policy.ts';

const LIMITS = { backoffMsMin: 10, backoffMsMax: 200, repeatWindowMs: 20_000 };
const FAILED: FailedTry = {
  code: 'OVERLOADED',
  tryCount: 1,
  remainingMs: 2000,
  ageMs: 5,
  retryAfterMs: 0,
  isAmbiguous: false,
};

function delay(failed: Partial<FailedTry>): number {
  return retryDelayMs({ ...FAILED, ...failed }, LIMITS, new Prng(1));
}

test('[RP1] a retry exactly where the error table says retryable', () => {
  for (const code of Object.keys(ERRORS) as ErrorName[]) {
    assert.is(delay({ code }) >= 0, ERRORS[code].retryable, code);
  }
});

test('[RP2] no retry that would begin after the deadline', () => {
  assert.is(delay({ remainingMs: 4 }), -1);
  assert.is(delay({ remainingMs: 0 }), -1);
  assert.is(delay({ retryAfterMs: 2000 }), -1);
});

test('[RP2] no retry before the node asked for it', () => {
  assert.is(delay({ retryAfterMs: 700 }), 700);
});

test('[RP3] delays double with jitter up to the bound', () => {
  const prng = new Prng(7);
  for (let count = 1; count < 40; count += 1) {
    const bound = Math.min(10 * 2 ** (count - 1), 200);
    const delayMs = jitteredBackoffMs(count, LIMITS, prng);
    assert.ok(delayMs >= bound / 2 && delayMs <= bound, `${count}: ${delayMs}`);
  }
});

test('[RP3] the first retry after a lost connection waits only for a connection', () => {
  assert.is(delay({ code: 'CONNECTION_LOST' }), 0);
  assert.ok(delay({ code: 'CONNECTION_LOST', tryCount: 2 }) > 0);
});

test('[RP4] an ambiguous write is not repeated past the window of operation ids', () => {
  const remainingMs = 50_000;
  assert.is(delay({ remainingMs, ageMs: 19_999, isAmbiguous: true }), -1);
  assert.ok(delay({ remainingMs, ageMs: 19_000, isAmbiguous: true }) >= 0);
  assert.ok(delay({ remainingMs, ageMs: 40_000, isAmbiguous: false }) >= 0);
});

test.run();
