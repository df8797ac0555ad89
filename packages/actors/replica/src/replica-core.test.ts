import { LANE } from '@clockwise/kernel/core';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { DURABILITY, REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import type { Dot, RecordObject } from '@clockwise/record/build';
import { partitionOf } from '@clockwise/placement/token';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PARTITION_BITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import {
  bytesOfText,
  type SampleOperation,
  textOfBytes,
  token64,
  tokenOf,
} from './sample-operations.ts';

const write = (key: string, value: string, more: object = {}): SampleOperation => ({
  kind: 'write',
  key,
  value,
  ...more,
});
const read = (key: string): SampleOperation => ({ kind: 'read', key });

function valuesOf(reply: Reply | undefined): string[] {
  return (reply?.records[0]?.siblings ?? []).map(({ value }) => textOfBytes(value));
}

function only(replies: readonly Reply[]): Reply {
  assert.is(replies.length, 1);
  return replies[0]!;
}

/** A record of another replica, `counter` writes old, that knows what `knows` knows. */
function foreign(key: string, counter: bigint, value: string, knows?: RecordObject): RecordObject {
  const dot = { incarnation: 99n, counter };
  return {
    bucketId: 1,
    token: token64(1, key),
    key: bytesOfText(key),
    replicationClass: 0,
    context: [...(knows?.context ?? []), dot],
    siblings: [
      {
        dot,
        operation: { session: 0n, sequence: 0 },
        tombstone: false,
        codec: 0,
        expirySeconds: 0,
        hybrid: 5n,
        value: bytesOfText(value),
      },
    ],
    recents: [],
  };
}

/** A world in which `keys` are in a table and no longer in memory. */
function worldWithTable(...keys: string[]): ReplicaWorld {
  const world = new ReplicaWorld();
  for (const key of keys) world.ask([write(key, `old ${key}`)]);
  world.evict();
  return world;
}

test('[R1] operations on a key that is being read wait behind it, and run in the order they came', () => {
  const world = worldWithTable('a');
  const replies = world.ask([
    read('a'),
    write('a', 'one'),
    read('a'),
    write('a', 'two'),
    read('a'),
  ]);
  assert.equal(replies, []);
  assert.is(world.reads.length, 1, 'one read for all of them');
  const ended = world.endRead(0).toSorted((left, right) => left.slot - right.slot);
  assert.equal(ended.map(valuesOf), [['old a'], ['one'], ['one'], ['two'], ['two']]);
});

test('[R1] what comes for a waiting key in a later step waits too, other keys go on', () => {
  const world = worldWithTable('a');
  world.ask([read('a')]);
  assert.equal(valuesOf(only(world.ask([write('b', 'other')]))), ['other']);
  assert.equal(world.ask([write('a', 'new')], 1), []);
  const ended = world.endRead(0);
  assert.equal(ended.map(valuesOf), [['old a'], ['new']]);
  assert.equal(
    ended.map(({ target }) => target),
    [0, 1],
  );
});

test('[R2] a read that fails is an error for all that waited, never "not found", A4', () => {
  for (const how of ['failed', 'damaged'] as const) {
    const world = worldWithTable('a');
    const record = foreign('a', 1n, 'theirs');
    world.ask([read('a'), write('a', 'new'), { kind: 'store', record }]);
    const ended = world.endRead(0, how);
    assert.equal(
      ended.map(({ status }) => status),
      Array.from({ length: 3 }, () => ERRORS.READ_FAILED.code),
    );
    assert.is(world.loggedStepCount, 0, 'nothing was appended');
    world.ask([read('a')]);
    assert.equal(valuesOf(only(world.endRead(0))), ['old a'], 'the next read succeeds');
  }
});

test('[W1] no dot is made for a key whose read failed; the counter given next is the next one', () => {
  const world = worldWithTable('a');
  world.ask([write('a', 'new')]);
  world.endRead(0, 'failed');
  const [dot] = only(world.ask([write('b', 'x')])).records[0]!.context;
  assert.equal(dot, { incarnation: 1n, counter: 2n });
});

test('[W1] a write to a key in a table supersedes what the table holds', () => {
  const world = worldWithTable('a');
  world.ask([write('a', 'new')]);
  const reply = only(world.endRead(0));
  assert.equal(valuesOf(reply), ['new']);
  assert.equal(reply.records[0]!.context, [{ incarnation: 1n, counter: 2n }]);
});

test('[W2] counters ascend over keys, refusals and duplicates without repetition', () => {
  const world = new ReplicaWorld();
  const counters: bigint[] = [];
  const once = { session: 5, sequence: 1 };
  for (const operation of [
    write('a', '1', once),
    write('a', '1', once),
    write('b', '2', { context: [{ incarnation: 1n, counter: 77n }] }),
    write('b', '3'),
    write('a', '4', { context: [] }),
  ]) {
    const reply = only(world.ask([operation]));
    if (reply.status !== STATUS_OK || (reply.flags & REPLY_FLAG.duplicate) !== 0) continue;
    const own = reply.records[0]!.siblings.map(({ dot }) => dot.counter);
    counters.push(own.reduce((most, counter) => (counter > most ? counter : most)));
  }
  assert.is(counters.length, 3);
  assert.ok(counters[0]! < counters[1]! && counters[1]! < counters[2]!);
});

test('a context that claims dots not given yet is refused, and changes nothing', () => {
  const world = new ReplicaWorld();
  world.ask([write('a', 'one')]);
  const claimed = [{ incarnation: 1n, counter: 1000n }];
  const reply = only(world.ask([write('a', 'two', { context: claimed })]));
  assert.is(reply.status, ERRORS.BAD_REQUEST.code);
  assert.equal(valuesOf(only(world.ask([read('a')]))), ['one']);
});

test('[RP1] writes, and reads of what is not released yet, wait for the log; the others do not', () => {
  const world = new ReplicaWorld();
  assert.is(only(world.ask([write('a', 'one')])).lane, LANE.durable);
  assert.is(only(world.ask([read('a')])).lane, LANE.durable);
  assert.is(only(world.ask([read('nothing')])).lane, LANE.now);
  assert.equal(
    world.writeLog().map(({ kind }) => kind),
    [REPLY_KIND.written, REPLY_KIND.read],
  );
  assert.is(only(world.ask([read('a')])).lane, LANE.now);
});

test('[RP1] a duplicate is answered when the first is durable, and made once', () => {
  const world = new ReplicaWorld();
  const once = write('a', 'one', { session: 5, sequence: 1, forward: true });
  const kinds = (replies: Reply[]): number[][] => replies.map(({ kind, lane }) => [kind, lane]);
  const expected = [
    [REPLY_KIND.forward, LANE.now],
    [REPLY_KIND.written, LANE.durable],
  ];
  assert.equal(kinds(world.ask([once])), expected);
  const again = world.ask([once]);
  assert.equal(kinds(again), expected);
  assert.equal(
    again.map(({ flags }) => flags),
    [REPLY_FLAG.duplicate, REPLY_FLAG.duplicate],
  );
  assert.is(world.memtable.nextSequence, 2);
  world.writeLog();
  assert.equal(kinds(world.ask([once])), [expected[0], [REPLY_KIND.written, LANE.now]]);
});

test('[RP1] a duplicate of what a table holds is found behind the read', () => {
  const world = new ReplicaWorld();
  const once = write('a', 'one', { session: 5, sequence: 1 });
  world.ask([once]);
  world.evict();
  world.ask([once]);
  const reply = only(world.endRead(0));
  assert.is(reply.flags, REPLY_FLAG.duplicate);
  assert.is(reply.lane, LANE.now);
});

test('[RP1] what was replayed is durable: its reads do not wait for a log that has nothing to do', () => {
  const before = new ReplicaWorld();
  before.ask([write('a', 'one')]);
  before.writeLog();
  const world = before.restart(2);
  const reply = only(world.ask([read('a')]));
  assert.equal(valuesOf(reply), ['one']);
  assert.is(reply.lane, LANE.now);
});

test('[S1] a store that brings nothing new appends nothing', () => {
  const world = new ReplicaWorld();
  const record = foreign('a', 3n, 'theirs');
  assert.is(only(world.ask([{ kind: 'store', record }])).lane, LANE.durable);
  assert.is(only(world.ask([{ kind: 'store', record }])).lane, LANE.durable, 'not durable yet');
  world.writeLog();
  const older = foreign('a', 2n, 'before');
  for (const again of [record, older]) {
    const reply = only(world.ask([{ kind: 'store', record: again }]));
    assert.is(reply.kind, REPLY_KIND.stored);
    assert.is(reply.lane, LANE.now);
    assert.equal(valuesOf(reply), ['theirs']);
  }
  assert.is(world.memtable.nextSequence, 2);
  assert.is(world.loggedStepCount, 0);
});

test('[S1] a store that is concurrent is joined, one that dominates replaces', () => {
  const world = new ReplicaWorld();
  const own = only(world.ask([write('a', 'ours')])).records[0]!;
  const joined = only(world.ask([{ kind: 'store', record: foreign('a', 1n, 'theirs') }]));
  assert.equal(valuesOf(joined), ['ours', 'theirs']);
  const later = foreign('a', 2n, 'later', own);
  assert.equal(valuesOf(only(world.ask([{ kind: 'store', record: later }]))), ['later']);
});

test('in a lww bucket a store keeps one sibling and counts what it dropped', () => {
  const world = new ReplicaWorld();
  world.ask([write('a', 'ours', { lww: true })]);
  const record = foreign('a', 1n, 'long ago');
  const joined = only(world.ask([{ kind: 'store', record, lww: true }]));
  assert.equal(valuesOf(joined), ['ours']);
  assert.is(joined.records[0]!.context.length, 2);
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const figures = world.messages.at(-1)!.message;
  assert.ok(figures.kind === 'figures' && figures.figures['lwwDiscardedConcurrent'] === 1);
});

test('[S2] I a forged counter of this incarnation is stored, and no dot is made under that name any more', () => {
  const world = new ReplicaWorld();
  const dotOf = (reply: Reply): Dot => reply.records[0]!.siblings.at(-1)!.dot;
  const names = new Set<bigint>();
  for (let round = 1; round <= 9; round += 1) {
    const { incarnation } = dotOf(only(world.ask([write(`before-${round}`, 'x')])));
    assert.not(names.has(incarnation), 'a name that was left is not taken again');
    names.add(incarnation);
    const record = foreign('a', BigInt(round), 'x');
    const lie = { ...record, context: [{ incarnation, counter: 1n << 40n }, ...record.context] };
    lie.context.sort((left, right) => (left.incarnation < right.incarnation ? -1 : 1));
    assert.is(only(world.ask([{ kind: 'store', record: lie }])).status, STATUS_OK);
    // What the lie covers is not what is made now: nobody takes it for known.
    const made = only(world.ask([write('a', `y-${round}`)]));
    assert.is(made.status, STATUS_OK);
    assert.is.not(dotOf(made).incarnation, incarnation);
    world.writeLog();
  }
  const told = world.messages.flatMap(({ message }) =>
    message.kind === 'name-ahead' ? [message.count] : [],
  );
  assert.equal(told, [1, 2, 4, 8]);
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const figures = world.messages.at(-1)!.message;
  assert.ok(figures.kind === 'figures' && figures.figures['namesAhead'] === 9);
});

test('[RP2] H4 what a coordinator had asked is answered to nobody once it has gone, and its successor is', () => {
  const world = worldWithTable('a');
  world.ask([read('a'), write('a', 'new'), { kind: 'scan', partition: 0 }]);
  world.ask([read('a')], 1);
  world.step([], [{ kind: 'channel-down', target: 0 }]);
  world.step([], [{ kind: 'channel-up', target: 0 }]);
  assert.equal(world.ask([read('a')]), []);
  const replies = world.endReads();
  assert.equal(
    replies.map(({ target }) => target).toSorted((left, right) => left - right),
    [0, 1],
  );
  for (const reply of replies) assert.equal(valuesOf(reply), ['new']);
});

test('each group is synced if any write of its steps asks for that, and not otherwise', () => {
  const world = new ReplicaWorld();
  const asked: boolean[] = [];
  for (const durability of [DURABILITY.interval, DURABILITY.none, DURABILITY.sync]) {
    const reply = only(world.ask([write('a', 'x', { durability })]));
    assert.is(reply.durability, durability);
    asked.push(world.needsSync);
    world.writeLog();
  }
  assert.equal(asked, [false, false, true]);
});

test('writes beyond the memory are refused one by one, reads go on', () => {
  const world = new ReplicaWorld();
  const value = 'v'.repeat(300);
  const statuses = Array.from({ length: 100 }, (_, index) =>
    only(world.ask([write(`key ${index}`, value)])),
  );
  const refused = statuses.filter(({ status }) => status !== STATUS_OK);
  assert.ok(refused.length > 0 && refused.length < 100);
  assert.ok(refused.every(({ status, lane }) => status === 18 && lane === LANE.now));
  assert.equal(valuesOf(only(world.ask([read('key 0')]))), [value]);
  assert.is(only(world.ask([read('key 99')])).status, STATUS_NOT_FOUND);
  world.writeLog();
  world.flushAll();
  world.consumeAll();
  assert.is(only(world.ask([write('key 99', value)])).status, STATUS_OK);
});

test('[R3] a fenced shard appends nothing and answers nothing with a record', () => {
  const world = worldWithTable('a', 'b');
  world.ask([write('c', 'in memory')]);
  world.writeLog();
  world.ask([read('a'), write('a', 'new')]);
  world.ask([{ kind: 'scan', partition: partitionOf(tokenOf(1, 'b').high, PARTITION_BITS) }]);
  assert.is(world.reads.length, 2, 'the key, and the page of a scan');
  const ended = world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  const record = foreign('c', 1n, 'x');
  const after = world.ask([
    read('c'),
    write('c', 'late'),
    { kind: 'store', record },
    { kind: 'scan', partition: 0 },
  ]);
  const late = world.endReads();
  const all = [...ended, ...after, ...late];
  assert.is(ended.length, 2, 'each that waited for the key is answered once, at once');
  assert.ok(all.every(({ status, records }) => status >= 16 && records.length === 0));
  assert.is(world.loggedStepCount, 0);
  const told = world.messages.filter(({ message }) => message.kind === 'shard-state').slice(-2);
  assert.equal(
    told.map(({ to }) => to),
    ['main', 'compactor'],
  );
});

test('[R3] a fence during a flush leaves the files as they are: no manifest is asked for', () => {
  const world = new ReplicaWorld();
  world.ask([write('a', 'x')]);
  world.memtable.freeze();
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  world.endJob();
  assert.equal(world.jobs, []);
  assert.equal(world.floors, []);
});

test('a probe is answered at once, and roots are those of the sequence they name', () => {
  const world = new ReplicaWorld();
  assert.is(only(world.ask([{ kind: 'probe' }])).kind, REPLY_KIND.probed);
  world.ask([write('a', 'one')]);
  world.tell({ kind: 'roots-wanted', request: 4, partitions: [0, 1, 2, 3] }, 'anti-entropy');
  const { to, message } = world.messages.at(-1)!;
  assert.is(to, 'anti-entropy');
  assert.ok(message.kind === 'roots' && message.sequence === 1 && message.words.length === 8);
});

test.run();
