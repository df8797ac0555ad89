/** Buffers that are used again: lent once at a time, and not kept without bound. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SpareBuffers } from './spare-buffers.ts';

test('[SB1] what is given back is lent again, the smallest that is large enough, and only once', () => {
  const spares = new SpareBuffers();
  const [small, large] = [spares.take(100), spares.take(1000)];
  spares.give(large);
  spares.give(small);
  assert.is(spares.take(80), small);
  assert.is(spares.take(80), large);
  assert.is.not(spares.take(80), large);
  spares.give(large);
  assert.throws(() => spares.give(large), /SB1/);
});

test('[SB2] what would be too much is left to the garbage collector', () => {
  const spares = new SpareBuffers();
  const kept = spares.take(1024 * 1024);
  const left = spares.take(3 * 1024 * 1024);
  spares.give(kept);
  spares.give(left);
  assert.is.not(spares.take(3 * 1024 * 1024), left);
  assert.is(spares.take(1), kept);
});

test.run();
