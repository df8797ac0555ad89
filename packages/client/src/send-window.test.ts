import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SEND_WINDOW_MIN, SendWindow } from './send-window.ts';

test('[SW1] the window stays between its bounds, whatever comes', () => {
  const prng = new Prng('send window');
  for (const sizeMax of [3, 8, 100, 4096]) {
    const window = new SendWindow(sizeMax);
    assert.is(window.size, sizeMax);
    for (let now = 0; now < 5000; now += 1) {
      if (prng.chance(0.01)) window.congested(now, now);
      else window.succeeded(1);
      assert.ok(window.size >= Math.min(SEND_WINDOW_MIN, sizeMax) && window.size <= sizeMax);
    }
  }
});

test('[SW2] what was in flight together halves it once; what is sent later halves it again', () => {
  const window = new SendWindow(64);
  for (const now of [10, 11, 30]) window.congested(5, now);
  assert.is(window.size, 32);
  window.congested(10, 40);
  assert.is(window.size, 16, 'it was sent at the instant of the halving');
  window.congested(39, 41);
  assert.is(window.size, 16);
});

test('[SW1] a window of successes makes room for one more', () => {
  const window = new SendWindow(32);
  window.congested(0, 1);
  for (let count = 0; count < 15; count += 1) window.succeeded(1);
  assert.is(window.size, 16);
  window.succeeded(1);
  assert.is(window.size, 17);
  for (let count = 0; count < 1000; count += 1) window.succeeded(1);
  assert.is(window.size, 32);
});

test('what has waited for longer than it has left, and has less left than an answer takes, is too late', () => {
  const window = new SendWindow(32);
  assert.not(window.isTooLate(500, 1), 'nobody knows how long an answer takes');
  window.succeeded(40);
  assert.is(window.latencyMs, 40);
  window.succeeded(80);
  assert.is(window.latencyMs, 45);
  assert.ok(window.isTooLate(460, 40));
  assert.not(window.isTooLate(440, 60));
  assert.not(window.isTooLate(0, 5), 'who names so little time is sent at once');
});

test('silence raises what an answer is thought to take, and halves only where half the time was waited', () => {
  const window = new SendWindow(32);
  window.succeeded(10);
  window.silent(0, 20, 500);
  assert.is(window.latencyMs, 25);
  assert.is(window.size, 32);
  window.silent(20, 300, 500);
  assert.is(window.latencyMs, 350);
  assert.is(window.size, 16);
  window.silent(300, 600, 2000);
  assert.is(window.size, 16);
});

test('[SW4] a window that rests lets nothing out, and then what it did before', () => {
  const window = new SendWindow(8);
  window.rest(50);
  window.rest(20);
  assert.equal([window.sizeAt(49), window.sizeAt(50)], [0, 8]);
});

test('[SW3] a window that only halves is found smaller by at most twice as many requests as it held', () => {
  const prng = new Prng('shrinking window');
  for (let round = 0; round < 200; round += 1) {
    const sizeMax = 1 + prng.below(5000);
    const window = new SendWindow(sizeMax);
    const sentAt: number[] = [];
    let foundSmaller = 0;
    for (let now = 1; now < 400; now += 1) {
      while (sentAt.length < window.size && prng.chance(0.999)) sentAt.push(now);
      for (let left = prng.below(sentAt.length + 1); left > 0; left -= 1) {
        const [sent] = sentAt.splice(prng.below(Math.min(sentAt.length, 8)), 1);
        window.congested(sent!, now + 0.5);
        if (window.hasShrunkSince(sent!)) foundSmaller += 1;
      }
    }
    assert.ok(foundSmaller <= 2 * sizeMax, `${foundSmaller} of ${sizeMax}`);
    assert.is(foundSmaller > 0, sizeMax > SEND_WINDOW_MIN);
  }
});

test.run();
