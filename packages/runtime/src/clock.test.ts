import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RealClock } from './clock.ts';

test('[CK1] now never goes back', () => {
  const clock = new RealClock();
  let latest = clock.now();
  for (let reading = 0; reading < 10_000; reading += 1) {
    const now = clock.now();
    assert.ok(now >= latest);
    latest = now;
  }
});

test.run();
