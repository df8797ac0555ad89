// What clients can know of dots.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  A,
  B,
  dot,
  final,
  first,
  firstRead,
  oracles,
  put,
  read,
  type Shown,
} from './hand-made-history.ts';

test('[KD2] the dot of a put that nobody saw is known from its answer', () => {
  const unseen = put(3, { context: [dot(A, 1)], answer: [dot(A, 1), dot(B, 7)] });
  const knew = put(5, { context: [dot(A, 1), dot(B, 7)], answer: [dot(A, 1), dot(B, 8)] });
  const atRest = final([dot(A, 1), dot(B, 8)], [['v5', dot(B, 8)]]);
  assert.equal(oracles([first, firstRead, unseen, knew], atRest), []);
  const knewNot = { ...knew, context: [dot(A, 1), dot(B, 6)] };
  assert.equal(oracles([first, firstRead, unseen, knewNot], atRest), ['O1']);
});

test('[KD1, O7] a dot names one value, and a put that was sent once has one dot', () => {
  const second = put(3, { answer: [dot(A, 1), dot(B, 1)] });
  const twice = read(4, [dot(A, 1), dot(B, 1)], [['v3', dot(A, 1)]]);
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.ok(oracles([first, firstRead, second, twice], atRest).includes('O7'));
  const shown: readonly Shown[] = [['v1', dot(B, 1)]];
  const moved = read(4, [dot(A, 1), dot(B, 1)], shown);
  const moving = final([dot(A, 1), dot(B, 1)], shown);
  assert.equal(oracles([first, firstRead, moved], moving), ['O1']);
  const repeated = put(1, { answer: [dot(A, 1)], tries: 2 });
  assert.equal(oracles([repeated, firstRead, moved], moving), []);
});

test.run();
