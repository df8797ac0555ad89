// Writes that are sent again, and what their sessions have seen, on a replica with a clock of its own.
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_FLAG } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import { type SampleOperation, textOfBytes } from './sample-operations.ts';

const write = (value: string, more: object = {}): SampleOperation => ({
  kind: 'write',
  key: 'a',
  value,
  session: 5,
  ...more,
});

function only(replies: readonly Reply[]): Reply {
  assert.is(replies.length, 1);
  return replies[0]!;
}
function valuesOf({ records }: Reply): string[] {
  return (records[0]?.siblings ?? []).map(({ value }) => textOfBytes(value)).toSorted();
}
function hybridOf({ records }: Reply): bigint {
  return records[0]!.siblings.reduce((most, { hybrid }) => (hybrid > most ? hybrid : most), 0n);
}
function atMs(milliseconds: number): bigint {
  return BigInt(milliseconds) << 16n;
}
function figureOf(world: ReplicaWorld, name: string): unknown {
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const { message } = world.messages.at(-1)!;
  return message.kind === 'figures' ? message.figures[name] : undefined;
}

test('[V14] an overwrite sent again replaces what its session had seen, and nothing that came later', () => {
  const world = new ReplicaWorld();
  const seen = hybridOf(only(world.ask([write('old', { sequence: 1 })])));
  const retry = { sequence: 2, retry: true, seen };
  assert.equal(valuesOf(only(world.ask([write('again', retry)]))), ['again']);
  const both = only(world.ask([write('again', { ...retry, sequence: 3 })]));
  assert.equal(valuesOf(both), ['again', 'again'], 'the first of the two came later than seen');
  assert.equal(valuesOf(only(world.ask([write('first try', { sequence: 4, seen })]))), [
    'first try',
  ]);
});

test('[V14] [V9] sent again to who knows it, it makes nothing, whatever was seen', () => {
  const world = new ReplicaWorld();
  world.ask([write('one', { sequence: 1 })]);
  world.ask([write('two', { sequence: 2 })]);
  const reply = only(world.ask([write('one', { sequence: 1, retry: true, seen: 0n })]));
  assert.is(reply.flags, REPLY_FLAG.duplicate);
  assert.equal(valuesOf(reply), ['two']);
});

test('[V14] what was seen too far ahead to be followed says nothing about what is here', () => {
  const world = new ReplicaWorld();
  world.ask([write('old', { sequence: 1 })]);
  const seen = atMs(world.wallTimeMs + 61_000);
  const reply = only(world.ask([write('again', { sequence: 2, retry: true, seen })]));
  assert.is(reply.status, STATUS_OK);
  assert.equal(valuesOf(reply), ['again', 'old']);
  assert.ok(hybridOf(reply) < seen);
});

test('A1 [V15] lww: what a session writes through a slow clock is later than what it has seen', () => {
  const [fast, slow] = [new ReplicaWorld(), new ReplicaWorld(undefined, 2)];
  fast.wallTimeMs += 50_000;
  const first = only(fast.ask([write('v1', { sequence: 1, lww: true })]));
  const seen = hybridOf(first);
  const second = only(slow.ask([write('v2', { sequence: 2, lww: true, seen })]));
  assert.ok(hybridOf(second) > seen);
  for (const [world, reply] of [
    [fast, second],
    [slow, first],
  ] as const) {
    const [record] = reply.records;
    const stored = only(world.ask([{ kind: 'store', record: record!, lww: true }]));
    assert.equal(valuesOf(stored), ['v2']);
  }
});

test('[V15] lww: a session that has seen a time too far ahead is refused, other sessions are not', () => {
  const world = new ReplicaWorld();
  const seen = atMs(world.wallTimeMs + 61_000);
  const ahead = write('mine', { sequence: 1, lww: true, seen });
  assert.is(only(world.ask([ahead])).status, ERRORS.CLOCK_AHEAD.code);
  assert.is(world.loggedStepCount, 0);
  assert.is(only(world.ask([write('theirs', { sequence: 2, lww: true })])).status, STATUS_OK);
  // What was made is answered as such, also where this node follows its time no more.
  const made = write('theirs', { sequence: 2, lww: true, retry: true, seen });
  assert.is(only(world.ask([made])).flags, REPLY_FLAG.duplicate);
});

test('[V15] lww: sent again, a write has the time of its first try, and loses to what is later', () => {
  const world = new ReplicaWorld();
  const old = only(world.ask([write('old', { sequence: 1, lww: true })]));
  world.wallTimeMs += 5000;
  world.ask([write('between', { sequence: 2, lww: true })]);
  world.wallTimeMs += 5000;
  const retry = { sequence: 3, lww: true, retry: true, seen: hybridOf(old) };
  const late = only(world.ask([write('mine', { ...retry, ageMs: 7000 })]));
  assert.is(late.flags, REPLY_FLAG.duplicate);
  assert.equal(valuesOf(late), ['between']);
  assert.is(figureOf(world, 'lwwDiscardedConcurrent'), 1);
  const inTime = only(world.ask([write('mine', { ...retry, ageMs: 3000 })]));
  assert.equal(valuesOf(inTime), ['mine']);
  assert.is(hybridOf(inTime), atMs(world.wallTimeMs - 3000));
});

test('A1 lww: a write that names what it replaces, and replaces something else, is counted', () => {
  const world = new ReplicaWorld();
  const lww = true;
  const one = only(world.ask([write('one', { sequence: 1, lww })]));
  const context = one.records[0]!.context;
  world.ask([write('two', { sequence: 2, lww, context })]);
  assert.is(figureOf(world, 'lwwDiscardedConcurrent'), 0, 'it had seen it');
  assert.equal(valuesOf(only(world.ask([write('three', { sequence: 3, lww, context })]))), [
    'three',
  ]);
  assert.is(figureOf(world, 'lwwDiscardedConcurrent'), 1, 'it had not seen two');
  world.ask([write('four', { sequence: 4, lww, context: [] })]);
  assert.is(figureOf(world, 'lwwDiscardedConcurrent'), 2, 'it wanted to replace nothing');
  world.ask([write('five', { sequence: 5, lww })]);
  assert.is(figureOf(world, 'lwwDiscardedConcurrent'), 2, 'an overwrite means what is there');
});

test('[V15] lww: an age that reaches behind what was seen counts from what was seen', () => {
  const world = new ReplicaWorld();
  const old = only(world.ask([write('old', { sequence: 1, lww: true })]));
  const seen = hybridOf(old);
  const retry = { sequence: 2, lww: true, retry: true, seen, ageMs: 900_000 };
  const reply = only(world.ask([write('mine', retry)]));
  assert.equal(valuesOf(reply), ['mine']);
  assert.is(hybridOf(reply), seen + 1n);
});

test('[HC4] after a restart with a clock that is behind, a write is later than what it replaces', () => {
  const before = new ReplicaWorld();
  before.wallTimeMs += 40_000;
  const old = only(before.ask([write('old', { sequence: 1 })]));
  before.writeLog();
  const world = before.restart(2);
  world.wallTimeMs = before.wallTimeMs - 40_000;
  const reply = only(world.ask([write('new', { sequence: 2 })]));
  assert.equal(valuesOf(reply), ['new']);
  assert.ok(hybridOf(reply) > hybridOf(old));
});

test('A4 [V14] a hinted overwrite sent again follows the same rules on the copy', () => {
  const world = new ReplicaWorld();
  const hint = { hint: true, owed: 1 };
  const seen = hybridOf(only(world.ask([write('old', { ...hint, sequence: 1 })])));
  world.ask([write('later', { ...hint, sequence: 2, context: [] })]);
  const reply = only(world.ask([write('again', { ...hint, sequence: 3, retry: true, seen })]));
  assert.equal(valuesOf(reply), ['again', 'later']);
});

test.run();
