import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HandOffWindow, type WindowLimits } from './hand-off-window.ts';

const LIMITS: WindowLimits = {
  handOffWindowMax: 8,
  handOffBytesMax: 1000,
  handOffRoundMs: 1000,
  handOffLatencyMs: 20,
};

/** Sends all that is admitted; what comes of it is said by `answer`. */
function round(
  window: HandOffWindow,
  now: number,
  answer: 'acknowledged' | 'refused' | 'silent',
  elapsedMs = 10,
): number {
  let count = 0;
  for (; window.admits(1, now); count += 1) window.sent(1, now);
  for (let left = count; left > 0; left -= 1) window[answer](1, now, now + elapsedMs);
  return count;
}

test('a window grows by each timely answer, up to its limit', () => {
  const window = new HandOffWindow(LIMITS);
  const sizes = [0, 100, 200, 300, 400].map((now) => round(window, now, 'acknowledged'));
  assert.equal(sizes, [1, 2, 4, 8, 8]);
  assert.is(window.isProbing, false);
});

test('[HW3] a round that is refused halves the window once, however many were in it', () => {
  const window = new HandOffWindow(LIMITS);
  for (const now of [0, 100, 200, 300]) round(window, now, 'acknowledged');
  const sizes = [400, 500, 600].map((now) => {
    round(window, now, 'refused');
    return window.size;
  });
  assert.equal(sizes, [4, 2, 1]);
});

test('late answers halve it as refusals do; those between soon and late leave it', () => {
  const window = new HandOffWindow(LIMITS);
  for (const now of [0, 100, 200, 300]) round(window, now, 'acknowledged');
  round(window, 400, 'acknowledged', 50);
  assert.is(window.size, 8);
  round(window, 500, 'acknowledged', 81);
  assert.is(window.size, 4);
});

test('[HW5] to another data centre it grows as at home; there, too, it shrinks by answers that are late', () => {
  const far = new HandOffWindow(LIMITS, true);
  const sizes = [0, 200, 400, 600, 800].map((now) => round(far, now, 'acknowledged', 150));
  assert.equal(sizes, [1, 2, 4, 8, 8]);
  round(far, 1000, 'acknowledged', 150 + 81);
  assert.is(far.size, 4);
  const near = new HandOffWindow(LIMITS);
  for (const now of [0, 2500, 5000]) assert.is(round(near, now, 'acknowledged', 150), 1);
  const slow = new HandOffWindow(LIMITS, true);
  for (const now of [0, 2500, 5000]) assert.is(round(slow, now, 'acknowledged', 900), 1);
});

test('[HW5] what was quickest is forgotten with a probe, for the way may be another one then', () => {
  const window = new HandOffWindow(LIMITS, true);
  for (const now of [0, 100, 200]) round(window, now, 'acknowledged', 30);
  round(window, 400, 'silent', 2000);
  assert.is(window.isProbing, true);
  const sizes = [3400, 3600, 3800].map((now) => round(window, now, 'acknowledged', 150));
  assert.equal(sizes, [1, 2, 4]);
});

test('[HW2] a target that refuses three times at a window of one is only probed', () => {
  const window = new HandOffWindow(LIMITS);
  round(window, 0, 'acknowledged');
  round(window, 100, 'refused');
  assert.is(window.size, 1);
  let sent = 0;
  for (let now = 200; now < 10_200; now += 10) sent += round(window, now, 'refused', 1);
  assert.is(window.isProbing, true);
  assert.ok(sent <= 11, `${sent} in ten seconds`);
  assert.is(round(window, 12_000, 'acknowledged'), 1);
  assert.is(round(window, 12_010, 'acknowledged'), 2);
});

test('[HW4] a full window that falls silent is one probe a round from then on', () => {
  const window = new HandOffWindow(LIMITS);
  for (const now of [0, 100, 200, 300]) round(window, now, 'acknowledged');
  assert.is(round(window, 400, 'silent', 2000), 8);
  assert.is(window.isProbing, true);
  let sent = 0;
  for (let now = 2400; now < 12_400; now += 100) {
    if (!window.admits(1, now)) continue;
    window.sent(1, now);
    window.silent(1, now, now + 50);
    sent += 1;
  }
  assert.ok(sent <= 10, `${sent} in ten seconds`);
});

test('[HW1] one operation may be larger than the bytes of the window, and then goes alone', () => {
  const window = new HandOffWindow(LIMITS);
  for (const now of [0, 100, 200]) round(window, now, 'acknowledged');
  assert.is(window.admits(5000, 300), true);
  window.sent(5000, 300);
  assert.is(window.admits(1, 300), false);
  window.acknowledged(5000, 300, 310);
  window.sent(600, 320);
  assert.is(window.admits(600, 320), false);
  assert.is(window.admits(400, 320), true);
});

test('[HW1, HW2] whatever is answered, the window and its bytes hold', () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const prng = new Prng(`window ${seed}`);
    const window = new HandOffWindow(LIMITS);
    const open: { bytes: number; at: number }[] = [];
    let probes: number[] = [];
    for (let now = 0; now < 60_000; now += prng.below(300)) {
      const bytes = 1 + prng.below(600);
      if (window.admits(bytes, now) && prng.below(3) > 0) {
        if (window.isProbing) probes.push(now);
        window.sent(bytes, now);
        open.push({ bytes, at: now });
      } else if (open.length > 0) {
        const [one] = open.splice(prng.below(open.length), 1);
        const answers = ['acknowledged', 'refused', 'silent'] as const;
        window[answers[prng.below(3)]!](one!.bytes, one!.at, now);
        if (!window.isProbing) probes = [];
      }
      assert.ok(window.size >= 1 && window.size <= LIMITS.handOffWindowMax, `seed ${seed}`);
      assert.is(window.operationsInFlight, open.length);
      const total = open.reduce((sum, one) => sum + one.bytes, 0);
      assert.ok(total <= LIMITS.handOffBytesMax || open.length === 1, `seed ${seed}`);
      const gaps = probes.slice(1).map((at, index) => at - probes[index]!);
      assert.ok(
        gaps.every((gap) => gap >= LIMITS.handOffRoundMs),
        `seed ${seed}: ${gaps.join()}`,
      );
    }
  }
});

test.run();
