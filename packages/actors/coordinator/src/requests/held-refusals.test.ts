import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HeldRefusals, type RefusalListener, REST_MS_MAX } from './held-refusals.ts';

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

/** A rest of a connection that asked during the one before. */
function beginImpatient(
  refusals: HeldRefusals,
  connection: number,
  generation: number,
  now: number,
  until: number,
): void {
  refusals.beginRest(connection, generation, now - 20, now - 10);
  assert.is(
    refusals.hold(connection, get(0), now - 15, LATER),
    false,
    'a first rest is not held to',
  );
  refusals.beginRest(connection, generation, now, until);
}

test('[HF1] what is held is told at the end of the rest, in its order, once', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  beginImpatient(refusals, 1, 0, 0, 100);
  beginImpatient(refusals, 2, 0, 0, 200);
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
  beginImpatient(refusals, 1, 0, 0, 100);
  assert.ok(refusals.hold(1, get(1), 10, LATER));
  assert.ok(refusals.rests(1, 0, 103));
  assert.ok(refusals.hold(1, get(2), 103, LATER));
  refusals.tellDue(105, listener);
  assert.is(listener.told.length, 2);
});

test('[HF2] who waits not long enough is not held', () => {
  const refusals = new HeldRefusals(4, 16);
  beginImpatient(refusals, 1, 0, 1000, 1100);
  assert.is(refusals.hold(1, get(2), 1040, 1179), false, '60 ms of 139, and 20 to tell');
  assert.ok(refusals.hold(1, get(3), 1040, 1180), '60 ms of 140');
});

test('[HF5] only who asked during its last rest is held, from the first on, unless that is long ago', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  /** Of a rest in which it asks at once and, if so, later too. */
  const held = (now: number, asksLater: boolean, generation = 0): boolean[] => {
    refusals.beginRest(1, generation, now, now + 100);
    const isHeld = [0, ...(asksLater ? [1] : [])].map((after) =>
      refusals.hold(1, get(1), now + after, now + LATER),
    );
    refusals.tellDue(now + 100, listener);
    return isHeld;
  };
  assert.equal(held(0, false), [false]);
  assert.equal(held(200, true), [false, false], 'what came with the first does not count');
  assert.equal(held(400, true), [true, true]);
  assert.equal(held(600, false), [true]);
  assert.equal(held(800, true, 1), [false, false], 'another connection');
  assert.equal(held(1000, true, 1), [true, true]);
  assert.equal(held(20_000, true, 1), [false, false]);
  refusals.beginRest(1, 1, 21_000, 21_100);
  assert.equal(held(21_200, true, 1), [false, false], 'it kept its rest');
});

test('[HF5] a rest is shorter than what a client takes for silence', () => {
  const refusals = new HeldRefusals(4, 16);
  beginImpatient(refusals, 1, 0, 1000, 3000);
  assert.ok(refusals.hold(1, get(1), 1001, 60_000));
  assert.is(refusals.nextAt, 1000 + REST_MS_MAX);
});

test('[HF3] no more than there is room for, and the room comes back', () => {
  const refusals = new HeldRefusals(4, 2);
  const listener = new Listener();
  for (let round = 1; round <= 3; round += 1) {
    const now = round * 1000;
    if (round === 1) beginImpatient(refusals, 1, 0, now, now + 100);
    else refusals.beginRest(1, 0, now, now + 100);
    const held = [1, 2, 3].map((id) => refusals.hold(1, get(id), now + 1, now + LATER));
    assert.equal(held, [true, true, false]);
    refusals.tellDue(now + 105, listener);
    assert.is(listener.told.length, round * 2);
  }
});

test('[HF4] nobody is told what a connection asked that has ended, nor who came after it', () => {
  const refusals = new HeldRefusals(4, 16);
  const listener = new Listener();
  beginImpatient(refusals, 1, 7, 0, 100);
  beginImpatient(refusals, 2, 7, 0, 100);
  for (const connection of [1, 2]) assert.ok(refusals.hold(connection, get(1), 1, LATER));
  listener.closed.add('1/7').add('2/7');
  assert.is(refusals.rests(1, 8, 2), false, 'the next one did not ask');
  beginImpatient(refusals, 1, 8, 2, 150);
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
      refusals.beginRest(connection, generation, now, until);
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
