import { test } from 'uvu';
import * as expect from 'uvu/assert';
import { assert, AssertionError, unreachable } from './assert.ts';

test('what holds passes; what does not throws an AssertionError that says what must hold', () => {
  assert(true, 'one is one');
  let caught: unknown;
  try {
    assert(false, 'the sky is green');
  } catch (error) {
    caught = error;
  }
  expect.instance(caught, AssertionError);
  expect.is((caught as AssertionError).message, 'the sky is green');
  expect.is((caught as AssertionError).name, 'AssertionError');
});

test('a member that nobody decided about is named', () => {
  expect.throws(() => unreachable({ kind: 'new' } as never), /unreachable: \{"kind":"new"\}/);
});

test.run();
