// Losses on histories made by hand: the judge is silent where all is well, and not where it is not.
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

test('[O1] what is there, or was replaced by a write that knew it, is not lost', () => {
  assert.equal(oracles([first, firstRead], final([dot(A, 1)], [['v1', dot(A, 1)]])), []);
  const second = put(3, { context: [dot(A, 1)], answer: [dot(A, 2)] });
  assert.equal(oracles([first, firstRead, second], final([dot(A, 2)], [['v3', dot(A, 2)]])), []);
  const unknown = put(3, { context: [dot(A, 1)], outcome: 'unknown', completedAt: Infinity });
  assert.equal(oracles([first, firstRead, unknown], final([dot(A, 2)], [['v3', dot(A, 2)]])), []);
});

test('[O1] an acknowledged write whose context is not covered at rest is lost', () => {
  assert.equal(oracles([first], final([], [])), ['O1']);
  assert.equal(oracles([put(1, { answer: [dot(A, 1)], tries: 3 })], final([], [])), ['O1']);
});

test('[O1] a put that is gone, and that nobody who wrote knew, is lost', () => {
  const other = put(3, { context: [], answer: [dot(A, 1), dot(B, 1)] });
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.equal(oracles([first, firstRead, other], atRest), ['O1']);
});

test('[O1] an overwrite may replace what its record held, and nothing where it was over before', () => {
  const overwrite = put(3, { context: undefined, answer: [dot(A, 1), dot(B, 1)] });
  const atRest = final([dot(A, 1), dot(B, 1)], [['v3', dot(B, 1)]]);
  assert.equal(oracles([first, overwrite], atRest), []);
  const before = put(0, { context: undefined, answer: [dot(B, 1)] });
  const gone = final([dot(A, 1), dot(B, 1)], [['v0', dot(B, 1)]]);
  assert.equal(oracles([before, first], gone), ['O1']);
  // Sent twice, it may have been applied again, later.
  assert.equal(oracles([{ ...before, tries: 2 }, first], gone), []);
  assert.equal(oracles([before, first], gone, false), []);
});

test('[O3] what an acknowledged write replaced does not come back, at rest or in a read', () => {
  const second = put(3, { context: [dot(A, 1)], answer: [dot(A, 2)] });
  const both: readonly Shown[] = [
    ['v1', dot(A, 1)],
    ['v3', dot(A, 2)],
  ];
  assert.equal(oracles([first, firstRead, second], final([dot(A, 2)], both)), ['O3']);
  const atRest = final([dot(A, 2)], [['v3', dot(A, 2)]]);
  assert.equal(oracles([first, second, read(4, [dot(A, 2)], both)], atRest), ['O3']);
  // At level one it may come from a replica that has not heard.
  const stale = { ...read(4, [dot(A, 1)], [['v1', dot(A, 1)]]), level: 1 };
  assert.equal(oracles([first, second, stale], atRest), []);
  const overwrite = { ...second, context: undefined };
  assert.equal(oracles([first, firstRead, overwrite], final([dot(A, 2)], both)), ['O3']);
});

test('[P3] what was answered as not applied is seen nowhere', () => {
  const refused = put(1, { outcome: 'not-applied', code: 'OVERLOADED' });
  assert.equal(oracles([refused], final([], [])), []);
  const atRest = final([dot(A, 1)], [['v1', dot(A, 1)]]);
  assert.equal(oracles([refused, firstRead], atRest), ['P3']);
});

test.run();
