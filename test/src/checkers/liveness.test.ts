import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkLiveness } from './liveness.ts';

test('[O11] a client whose operation never ends is named, one that has nothing under way is not', () => {
  const idle = { site: 'client-0', isIdle: true };
  const busy = { site: 'client-1', isIdle: false };
  assert.equal(checkLiveness([]), []);
  assert.equal(checkLiveness([idle]), []);
  assert.equal(checkLiveness([idle, busy]), [
    { oracle: 'O11', text: 'an operation of client-1 never ended' },
  ]);
});

test.run();
