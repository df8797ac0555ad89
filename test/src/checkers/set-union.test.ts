// O2 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { write } from './hand-made.ts';
import type { FinalState } from './history.ts';
import { checkSetUnion } from './set-union.ts';

test('[O2] each acknowledged element is in the union, and nothing else', () => {
  const elementsOf = (value: string) => value.split(' ');
  const addedBy = (value: string) => elementsOf(value)[0]!;
  const history = [write(1, { value: 'a' }), write(2, { value: 'b a' })];
  const final = (...values: string[]) => [{ bucketId: 1, key: 'k', values, context: [] }];
  const count = (finals: FinalState[]) =>
    checkSetUnion(history, finals, elementsOf, addedBy).length;
  assert.is(count(final('b a')), 0);
  assert.is(count(final('a', 'b')), 0);
  assert.is(count(final('b')), 1);
  assert.is(count(final('b a', 'c')), 1);
});

test.run();
