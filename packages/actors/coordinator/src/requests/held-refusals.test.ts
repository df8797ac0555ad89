import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HeldRefusals, type RefusalListener } from './held-refusals.ts';

const LATER = 10_000;

/** Remembers who was told what. */
class Listener implements RefusalListener {
  readonly told: [connection: number, requestId: number][] = [];
  readonly closed = new Set<string>();

  isOpen(connection: number, generation: number): boolean {
    return !this.closed.has(`${connection}/${generation}`);
  }

  tell(connection: number, requestId: number): void {
    this.told.push([connection, requestId]);
  }
}

function get(requestId: number): { requestId: number; opcode: number } {
  return { requestId, opcode: 1 };
}

test('[HF1] what is held is told at the end of the rest, in its order, once', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  refusals.begin(1, 0, 0, 100);
  refusals.begin(2, 0, 0, 200);
  for (const id of [11, 12, 13]) assert.ok(refusals.hold(1, get(id), id, LATER));
  assert.ok(refusals.hold(2, get(21), 50, LATER));
  assert.is(refusals.nextAt, 100);
  refusals.tellDue(99, listener);
  assert.equal(listener.told, []);
  refusals.tellDue(104, listener);
  assert.equal(listener.told, [
    [1, 11],
    [1, 12],
    [1, 13],
  ]);
  assert.is(refusals.nextAt, 200);
  assert.is(refusals.rests(1, 0, 104), false);
  assert.ok(refusals.rests(2, 0, 104));
  refusals.tellDue(204, listener);
  refusals.tellDue(1000, listener);
  assert.is(listener.told.length, 4);
  assert.is(refusals.count, 0);
  assert.is(refusals.nextAt, Infinity);
});

test('[HF1] who asks between the end of its rest and the telling is told with the others', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  refusals.begin(1, 0, 0, 100);
  assert.ok(refusals.hold(1, get(1), 10, LATER));
  assert.ok(refusals.rests(1, 0, 103));
  assert.ok(refusals.hold(1, get(2), 103, LATER));
  refusals.tellDue(105, listener);
  assert.is(listener.told.length, 2);
});

test('[HF2] [HF5] who waits not long enough, or could not know, is not held', () => {
  const refusals = new HeldRefusals(4, 16);
  refusals.begin(1, 0, 1000, 1100);
  assert.is(refusals.hold(1, get(1), 1000, LATER), false, 'came with the first');
  assert.is(refusals.hold(1, get(2), 1040, 1159), false, '60 ms of 119');
  assert.ok(refusals.hold(1, get(3), 1040, 1160), '60 ms of 120');
});

test('[HF5] who asked during its last rest is held from the first on, unless that is long ago', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  const heldAtOnce = (now: number, generation = 0): boolean => {
    refusals.begin(1, generation, now, now + 100);
    const isHeld = refusals.hold(1, get(1), now, now + LATER);
    if (!isHeld) assert.ok(refusals.hold(1, get(2), now + 1, now + LATER));
    refusals.tellDue(now + 100, listener);
    return isHeld;
  };
  assert.is(heldAtOnce(0), false);
  assert.is(heldAtOnce(200), true);
  assert.is(heldAtOnce(400), true);
  assert.is(heldAtOnce(600, 1), false, 'another connection');
  assert.is(heldAtOnce(800, 1), true);
  assert.is(heldAtOnce(20_000, 1), false);
  refusals.begin(1, 1, 21_000, 21_100);
  assert.is(heldAtOnce(21_200, 1), false, 'it kept to its rest');
});

test('[HF3] no more than there is room for, and the room comes back', () => {
  const refusals = new HeldRefusals(4, 2);
  const listener = new Listener();
  for (let round = 1; round <= 3; round += 1) {
    const now = round * 1000;
    refusals.begin(1, 0, now, now + 100);
    const held = [1, 2, 3].map((id) => refusals.hold(1, get(id), now + 1, now + LATER));
    assert.equal(held, [true, true, false]);
    refusals.tellDue(now + 105, listener);
    assert.is(listener.told.length, round * 2);
  }
});

test('[HF4] nobody is told what a connection asked that has ended, nor who came after it', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  refusals.begin(1, 7, 0, 100);
  refusals.begin(2, 7, 0, 100);
  for (const connection of [1, 2]) assert.ok(refusals.hold(connection, get(1), 1, LATER));
  listener.closed.add('1/7').add('2/7');
  assert.is(refusals.rests(1, 8, 2), false, 'the next one did not ask');
  refusals.begin(1, 8, 2, 150);
  assert.is(refusals.count, 1);
  assert.ok(refusals.hold(1, get(5), 3, LATER));
  refusals.tellDue(200, listener);
  assert.equal(listener.told, [[1, 5]]);
  assert.is(refusals.count, 0);
});

test('[HF1] [HF3] [HF4] drawn: each is told at once or held and told, but to those that are gone', () => {
  const prng = new Prng('refusals');
  const connections = 5;
  const refusals = new HeldRefusals(connections, 20);
  const listener = new Listener();
  const generations = Array.from({ length: connections }, () => 0);
  let held: { connection: number; generation: number; requestId: number; until: number }[] = [];
  const untils = Array.from({ length: connections }, () => 0);
  let requestId = 0;
  for (let now = 0; now < 20_000; now += prng.below(4)) {
    const connection = prng.below(connections);
    const generation = generations[connection]!;
    if (prng.below(200) === 0) {
      listener.closed.add(`${connection}/${generation}`);
      generations[connection] = generation + 1;
    } else if (refusals.rests(connection, generation, now)) {
      requestId += 1;
      const until = untils[connection]!;
      if (refusals.hold(connection, get(requestId), now, now + prng.below(1000))) {
        held.push({ connection, generation, requestId, until });
      }
    } else {
      const until = now + 1 + prng.below(120);
      untils[connection] = until;
      refusals.begin(connection, generation, now, until);
      held = held.filter((one) => one.connection !== connection || one.generation === generation);
    }
    assert.ok(held.length <= 20);
    if (refusals.nextAt > now) continue;
    listener.told.length = 0;
    refusals.tellDue(now, listener);
    const due = held.filter(({ until }) => until <= now);
    held = held.filter(({ until }) => until > now);
    const expected = due
      .filter((one) => listener.isOpen(one.connection, one.generation))
      .map((one) => one.requestId);
    const byNumber = (one: number, other: number): number => one - other;
    assert.equal(listener.told.map(([, id]) => id).toSorted(byNumber), expected.toSorted(byNumber));
  }
  assert.ok(requestId > 1000);
});

test.run();
