import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLaterTime, SessionClock } from './session-clock.ts';

test('[SK1] the highest time stays, compared as unsigned', () => {
  const clock = new SessionClock();
  const times = [
    [5, 1],
    [4, 1],
    [-1, 1],
    [0, 2],
    [9, -1],
    [7, 0x7fff_ffff],
    [8, -1],
  ] as const;
  const shown = times.map(([low, high]) => {
    clock.observe(low, high);
    return [clock.low, clock.high];
  });
  assert.equal(shown, [
    [5, 1],
    [5, 1],
    [-1, 1],
    [0, 2],
    [9, -1],
    [9, -1],
    [9, -1],
  ]);
  assert.not(isLaterTime(3, 3, 3, 3));
});

test.run();
