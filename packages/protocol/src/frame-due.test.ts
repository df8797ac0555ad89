import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dueWord, isDuePassed, laterDue } from './frame-due.ts';

const AROUND = [5, 1000.5, 2 ** 31 - 3, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, 2 ** 41];

test('[FD1] a due instant has passed from then on, over the turn of the word too', () => {
  for (const instant of AROUND) {
    const due = dueWord(instant);
    assert.is.not(due, 0);
    assert.not(isDuePassed(due, dueWord(instant - 2)));
    assert.ok(isDuePassed(due, dueWord(instant + 2)));
    assert.ok(isDuePassed(due, dueWord(instant + 60_000)));
  }
  assert.not(isDuePassed(0, dueWord(1e9)), 'where none is named, none passes');
});

test('[FD1] of two dues the later is kept, and any rather than none', () => {
  for (const instant of AROUND) {
    const due = dueWord(instant);
    const later = dueWord(instant + 2000);
    assert.is(laterDue(due, later), later);
    assert.is(laterDue(later, due), later);
    assert.is(laterDue(0, due), due);
    assert.is(laterDue(due, 0), due);
  }
});

test.run();
