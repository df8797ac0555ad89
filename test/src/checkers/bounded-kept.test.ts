import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Bounded } from './bounded.ts';
import { KeptBounds } from './bounded-kept.ts';

const HINT_BYTES_MAX = 4096;

test('[O9] hinted copies are within their bytes, but for what is under way and what a start may admit', () => {
  const bounded = new Bounded();
  const kept = new KeptBounds(bounded, { ...DEFAULT_LIMITS, hintBytesMax: HINT_BYTES_MAX });
  kept.appended('n1', { hintBytes: 2 * HINT_BYTES_MAX, markCount: 3 }, 200);
  kept.appended('n2', { hintBytes: 2 * HINT_BYTES_MAX + 16 * 200, markCount: 2 }, 100);
  assert.equal(bounded.violations, []);
  assert.is(bounded.highest()['marks']?.value, 3);
  kept.appended('n2', { hintBytes: 2 * HINT_BYTES_MAX + 16 * 200 + 1, markCount: 2 }, 100);
  assert.equal(
    bounded.violations.map(({ oracle, text }) => [oracle, text.split(':')[0]]),
    [['O9', 'n2']],
  );
});

test.run();
