// runner: limit 60s
// runner: test limit 40s
/** The embedded store on disks of which the n-th call of a kind fails, for n to 50 and every kind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultKinds } from './fault-cases.ts';
import { runFault } from './fault-run.ts';

const WRITES = 150;

test('F5 F6 F8 F12 F17 F18 O8 one call fails, the n-th of its kind, for n to 50', () => {
  const touched = new Map<string, number>();
  const sums = { fenced: 0, failedReads: 0, refused: 0 };
  for (const { name, caseOf } of faultKinds('once', false)) {
    for (let nth = 1; nth <= 50; nth += 1) {
      const outcome = runFault(caseOf(nth, WRITES));
      if (!outcome.isTouched) break;
      touched.set(name, nth);
      sums.fenced += outcome.isFenced ? 1 : 0;
      sums.failedReads += outcome.failedReads;
      sums.refused += outcome.refused;
    }
  }
  for (const name of ['write EIO', 'datasync EIO', 'create EIO', 'read EIO', 'remove EIO']) {
    assert.ok(touched.get(name)! >= 5, `${name}: ${touched.get(name)}`);
  }
  assert.ok(sums.fenced > 20 && sums.failedReads > 0 && sums.refused > 0, JSON.stringify(sums));
});

test('F5 F12 F17 F18 O8 every call of a kind fails from the n-th on, until a reopening', () => {
  for (const { caseOf } of faultKinds('on', true)) {
    for (const nth of [1, 2, 4, 8, 16, 32]) runFault(caseOf(nth, WRITES));
  }
});

test('F5 [LST3] a log that fails while an edition releases it ends a range drop, and nobody waits for ever', () => {
  const kind = faultKinds('d', true).find(({ name }) => name.startsWith('remove EIO'))!;
  assert.ok(runFault(kind.caseOf(13, 200)).isTouched);
});

test.run();
