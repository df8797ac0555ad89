/** Buffers that are used again: lent once at a time, and not kept without bound. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SpareBuffers } from './spare-buffers.ts';

test('[SB1] what is given back is lent again where that size is wanted, and only once', () => {
  const spares = new SpareBuffers(1024 * 1024);
  const [small, large] = [spares.take(1000), spares.take(5000)];
  spares.give(large);
  spares.give(small);
  assert.is(spares.take(800), small);
  assert.is.not(spares.take(800), large, 'too large for that');
  assert.is(spares.take(6000), large);
  assert.is.not(spares.take(6000), large);
  spares.give(large);
  assert.throws(() => spares.give(large), /SB1/);
});

test('[SB1] who keeps a buffer for long gets exactly the words he wants, of one that is hardly larger', () => {
  const spares = new SpareBuffers(1024 * 1024);
  const given = spares.takeFitting(1200);
  spares.give(given);
  assert.is(spares.takeFitting(900).buffer === given.buffer, false, 'a third larger');
  const fitting = spares.takeFitting(1000);
  assert.is(fitting.buffer, given.buffer);
  assert.is(fitting.length, 1000);
  spares.give(fitting);
  assert.is(spares.takeFitting(1200).buffer, given.buffer, 'it is given back whole');
});

test('[SB2] what is too large is left to the garbage collector; what was given back first makes room', () => {
  const spares = new SpareBuffers(1024 * 4);
  const [first, second, third] = [spares.take(512), spares.take(256), spares.take(512)];
  const large = spares.take(2048);
  for (const buffer of [first, large, second, third]) spares.give(buffer);
  assert.is.not(spares.take(2048), large);
  assert.is(spares.take(512), third);
  assert.is.not(spares.take(512), first, 'it made room');
  assert.is(spares.take(256), second);
});

test.run();
