import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OWED_KIND } from './hint-ledger.ts';
import { EVERYBODY } from './place-count.ts';
import { counted, ledgerOf, owed, PLACES } from './sample-ledger.ts';

const { copy, mark, dirty } = OWED_KIND;

test('all is unknown until each place was counted once', () => {
  const ledger = ledgerOf();
  for (let place = 0; place < PLACES; place += 1) {
    assert.is(ledger.isCounted, false);
    assert.is(ledger.wantsCount(place, 0), true);
    ledger.close(ledger.open(place, EVERYBODY));
    assert.is(ledger.wantsCount(place, 0), false);
  }
  assert.is(ledger.isCounted, true);
  assert.is(ledger.isIdle, true);
  ledger.forget(3);
  assert.is(ledger.isCounted, false);
  assert.is(ledger.wantsCount(3, 0), true);
});

test('a report names what each node is owed, and since when', () => {
  const ledger = counted();
  ledger.added(owed([1, 2], { place: ledger.placeOf(copy, 1), seconds: 4000 }), 0);
  ledger.added(owed([2], { place: ledger.placeOf(mark, 0), byteCount: 16 }), 0);
  ledger.added(owed([2], { place: ledger.placeOf(dirty, 0), byteCount: 8, seconds: 3000 }), 0);
  assert.equal(ledger.report(), [
    { node: 1, copies: 1, marks: 0, dirty: 0, bytes: 100, oldestSeconds: 4000 },
    { node: 2, copies: 1, marks: 1, dirty: 1, bytes: 124, oldestSeconds: 3000 },
  ]);
  assert.is(ledger.owesAnything(1), true);
  assert.is(ledger.owesAnything(3), false);
});

test('[HL1] what is added behind the pass that settles all the rest is still owed', () => {
  const ledger = counted();
  const first = owed([1]);
  ledger.added(first, 0);
  const count = ledger.open(0, 1);
  ledger.saw(count, first);
  ledger.added(owed([1]), 0);
  ledger.settled(count, first, true, 0);
  assert.is(ledger.owes(0, 1), true);
  ledger.close(count);
  assert.is(ledger.report()[0]!.copies, 1);
});

test('[HL2] a key that is written again and again is one copy, once it is counted', () => {
  const ledger = counted();
  for (let write = 0; write < 10; write += 1) ledger.added(owed([1]), 0);
  assert.is(ledger.report()[0]!.copies, 10);
  assert.is(ledger.wantsCount(0, 999), false);
  assert.is(ledger.wantsCount(0, 1000), true);
  const count = ledger.open(0, EVERYBODY);
  ledger.saw(count, owed([1]));
  ledger.close(count);
  assert.is(ledger.report()[0]!.copies, 1);
  assert.is(ledger.wantsCount(0, 5000), false);
});

test('under load a place is counted when it has grown by half, not at every write', () => {
  const ledger = counted({ hintBytesMax: 1e9 });
  let counts = 0;
  for (let write = 1; write <= 10_000; write += 1) {
    ledger.added(owed([1]), write);
    if (!ledger.wantsCount(0, write)) continue;
    counts += 1;
    const count = ledger.open(0, EVERYBODY);
    for (let seen = 0; seen < write; seen += 1) ledger.saw(count, owed([1]));
    ledger.close(count);
  }
  assert.ok(counts > 5 && counts < 25, `${counts} counts`);
});

test('[HL3] copies are admitted within their bytes, all targets together', () => {
  const ledger = counted();
  for (let write = 0; write < 9; write += 1) ledger.added(owed([write % 3], { seconds: 5000 }), 0);
  assert.is(ledger.admits([3], 100, 5000), true);
  assert.is(ledger.admits([3], 101, 5000), false);
  ledger.added(owed([1]), 0);
  assert.is(ledger.admits([3], 4, 5000), false);
  assert.is(ledger.excessCopyBytes, 0);
  ledger.added(owed([1]), 0);
  assert.is(ledger.excessCopyBytes, 100);
});

test('[HL3] a target whose oldest copy is too old is given no more, until that copy is gone', () => {
  const ledger = counted();
  const old = owed([1], { seconds: 5000 });
  ledger.added(old, 0);
  ledger.added(owed([2], { seconds: 5050 }), 0);
  assert.is(ledger.admits([1], 1, 5100), true);
  assert.is(ledger.admits([1], 1, 5101), false);
  assert.is(ledger.admits([1, 2], 1, 5101), true);
  assert.is(ledger.admits([1, 2], 1, 5151), false);
  assert.is(ledger.oldestCopySeconds, 5000);
  const count = ledger.open(0, 1);
  ledger.saw(count, old);
  ledger.settled(count, old, true, 0);
  ledger.close(count);
  assert.is(ledger.admits([1], 1, 5102), true);
  assert.is(ledger.oldestCopySeconds, 5050);
});

test('[HL1] what a pass for everybody gives up is owed until that pass has seen the whole place', () => {
  const ledger = counted();
  const [one, two] = [owed([1]), owed([1])];
  ledger.added(one, 0);
  ledger.added(two, 0);
  const delivery = ledger.open(0, 1);
  const upkeep = ledger.open(0, EVERYBODY);
  for (const count of [delivery, upkeep]) ledger.saw(count, one);
  ledger.settled(delivery, one, true, 0);
  ledger.settled(upkeep, one, true, 0);
  assert.is(ledger.owes(0, 1), true);
  ledger.abandon(upkeep);
  ledger.saw(delivery, two);
  ledger.close(delivery);
  assert.is(ledger.report()[0]!.copies, 1);
});

test('[HL1] what was settled before a count of everybody is not taken from what that found', () => {
  for (const isNotedAnew of [false, true]) {
    const ledger = counted();
    const [one, two] = [owed([1]), owed([1])];
    ledger.added(one, 0);
    if (!isNotedAnew) ledger.added(two, 0);
    const delivery = ledger.open(0, 1);
    ledger.saw(delivery, one);
    // The same key again, of which nothing is settled then; or another one, which a slow target has still to take.
    if (isNotedAnew) ledger.added(one, 0);
    else ledger.saw(delivery, two);
    const count = ledger.open(0, EVERYBODY);
    ledger.saw(count, isNotedAnew ? one : two);
    ledger.close(count);
    ledger.settled(delivery, one, true, 0);
    assert.is(ledger.report()[0]?.copies, 1);
    assert.ok(ledger.holdsAny(0));
    // The target is silent, and the pass ends.
    ledger.abandon(delivery);
    assert.is(ledger.owes(0, 1), true);
    assert.is(ledger.isIdle, false);
  }
});

test('marks beyond their limit are told', () => {
  const ledger = counted();
  const place = ledger.placeOf(mark, 0);
  for (let write = 0; write < 5; write += 1) ledger.added(owed([1], { place }), 0);
  assert.is(ledger.excessMarks, 2);
  assert.is(ledger.excessCopyBytes, 0);
});

test('[HL2] a count of everybody that a pass took from wants another when it is quiet', () => {
  const ledger = counted();
  ledger.added(owed([0]), 0);
  ledger.added(owed([1]), 0);
  const pass = ledger.open(0, 0);
  ledger.saw(pass, owed([0]));
  const whole = ledger.open(0, EVERYBODY);
  for (const node of [0, 1]) ledger.saw(whole, owed([node]));
  ledger.settled(pass, owed([0]), true, 5000);
  ledger.close(pass);
  ledger.close(whole);
  assert.equal(
    ledger.report().map(({ node }) => node),
    [0, 1],
  );
  assert.is(ledger.wantsCount(0, 5999), false);
  assert.is(ledger.wantsCount(0, 6000), true);
});

test('[HL2] a pass that is cut short when a count of everybody has overtaken it wants another', () => {
  const ledger = counted();
  ledger.added(owed([0, 1]), 0);
  ledger.added(owed([0]), 0);
  const pass = ledger.open(0, 0);
  ledger.saw(pass, owed([0]));
  const whole = ledger.open(0, EVERYBODY);
  for (const nodes of [[0, 1], [0]]) ledger.saw(whole, owed(nodes));
  ledger.close(whole);
  assert.is(ledger.wantsCount(0, 10_000), false);
  ledger.settled(pass, owed([0]), true, 0);
  ledger.abandon(pass);
  assert.is(ledger.report()[0]!.copies, 2);
  assert.is(ledger.wantsCount(0, 10_000), true);
});

test.run();
