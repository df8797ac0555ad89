import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RESTART_RULES, RestartPolicy } from './restart-policy.ts';

/** Crash instants, then what the policy says to the last of them: delays without their jitter. */
const CASES: readonly { crashes: number[]; givesUp: boolean; expected: number | 'give-up' }[] = [
  { crashes: [0], givesUp: true, expected: 50 },
  { crashes: [0, 10], givesUp: true, expected: 100 },
  { crashes: [0, 10, 20], givesUp: true, expected: 200 },
  { crashes: [0, 10, 20, 30], givesUp: true, expected: 400 },
  { crashes: [0, 10, 20, 30, 59_999], givesUp: true, expected: 'give-up' },
  { crashes: [0, 10, 20, 30, 60_000], givesUp: true, expected: 400 },
  { crashes: [0, 60_000, 120_000, 180_000, 240_000, 300_000], givesUp: true, expected: 50 },
  { crashes: [0, 10, 20, 30, 40, 50, 60, 70], givesUp: false, expected: 800 },
];

for (const { crashes, givesUp, expected } of CASES) {
  test(`[RP1] [RP2] [RP3] crashes at ${crashes.join(', ')}: ${expected}`, () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const policy = new RestartPolicy({ ...RESTART_RULES, givesUp }, new Prng(seed));
      let decision = policy.crashed(crashes[0]!);
      for (const crash of crashes.slice(1)) {
        assert.is(decision.kind, 'restart', 'not given up before');
        decision = policy.crashed(crash);
      }
      if (expected === 'give-up') {
        assert.is(decision.kind, 'give-up');
      } else {
        assert.ok(decision.kind === 'restart');
        assert.ok(decision.delayMs >= expected * 0.75 && decision.delayMs <= expected * 1.25);
      }
    }
  });
}

test('[RP1] equal seeds give equal delays, the delay has a bound', () => {
  const rules = { ...RESTART_RULES, givesUp: false, delayMsMax: 100 };
  const first = new RestartPolicy(rules, new Prng('a'));
  const second = new RestartPolicy(rules, new Prng('a'));
  for (let crash = 0; crash < 10; crash += 1) {
    const decision = first.crashed(crash);
    assert.equal(decision, second.crashed(crash));
    assert.ok(decision.kind === 'restart' && decision.delayMs <= 125);
  }
});

test.run();
