import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AbortSignals } from './abort-signals.ts';

test('[AS1] one listener for many operations, none when the last is gone', () => {
  const cancelled: number[] = [];
  const signals = new AbortSignals((slot, signal) => {
    cancelled.push(slot);
    signals.remove(slot, signal);
  });
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>): void => {
    count += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    count -= 1;
    remove(...args);
  };
  for (let slot = 0; slot < 100; slot += 1) signals.add(slot, signal);
  assert.is(count, 1);
  for (let slot = 0; slot < 100; slot += 1) signals.remove(slot, signal);
  assert.is(count, 0);
  for (const slot of [3, 1, 2]) signals.add(slot, signal);
  signals.remove(1, signal);
  controller.abort();
  assert.equal(cancelled, [3, 2]);
  assert.is(count, 0);
});

test.run();
