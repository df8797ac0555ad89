// O7 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { A, dot, ledgerOf, record } from './hand-made.ts';

test('[O7] one dot for two writes is a violation, one write seen often is none', () => {
  const one = record([[dot(A, 1), 1]], [dot(A, 1)]);
  assert.equal(ledgerOf(one, one).violations, []);
  assert.equal(ledgerOf(one, one).size, 1);
  const other = record([[dot(A, 1), 2]], [dot(A, 1)]);
  assert.is(ledgerOf(one, other).violations.length, 1);
});

test.run();
