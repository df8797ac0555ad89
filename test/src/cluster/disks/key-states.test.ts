import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyStates } from './key-states.ts';

test('[KS1] what is acknowledged replaces what might have been, and what is not known comes besides', () => {
  const states = new KeyStates();
  assert.equal(states.statesOf('a'), [undefined]);
  states.unknown('a', 1);
  assert.equal(states.statesOf('a'), [undefined, 1]);
  states.acknowledged('a', 2);
  states.unknown('a', undefined);
  states.unknown('a', 3);
  assert.equal(states.statesOf('a'), [2, undefined, 3]);
  states.acknowledged('a', undefined);
  assert.equal(states.statesOf('a'), [undefined]);
  assert.equal(states.keys, ['a']);
});

test.run();
