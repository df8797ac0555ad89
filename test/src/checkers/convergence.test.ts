// O4 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConvergence } from './convergence.ts';

test('[O4] replicas that answer alike agree, others do not', () => {
  const state = (node: string, ...words: number[]) => {
    return { bucketId: 1, key: 'k', node, words: new Int32Array(words) };
  };
  assert.equal(checkConvergence([state('n1', 1, 2), state('n2', 1, 2)]), []);
  assert.is(checkConvergence([state('n1', 1, 2), state('n2', 1, 3)]).length, 1);
  assert.is(checkConvergence([state('n1', 1, 2), state('n2', 1)]).length, 1);
});

test.run();
