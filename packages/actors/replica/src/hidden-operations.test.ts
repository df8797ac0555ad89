// Hinted copies, notes of what is owed, and settles, on one replica with a real store.
import { LANE } from '@clockwise/kernel/core';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { type Dot, type RecordObject } from '@clockwise/record/build';
import { partitionOf } from '@clockwise/placement/token';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from './memory-disk.ts';
import { PARTITION_BITS, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { HiddenPart, Reply } from './reply-lanes.ts';
import {
  bytesOfText,
  type SampleOperation,
  textOfBytes,
  token64,
  tokenOf,
} from './sample-operations.ts';

const EPOCH = 3 << 16;
const PARTITION = partitionOf(tokenOf(1, 'a').high, PARTITION_BITS);

const hinted = (key: string, value: string, more: object = {}): SampleOperation => ({
  kind: 'write',
  key,
  value,
  hint: true,
  owed: EPOCH | 1,
  ...more,
});
const read = (key: string): SampleOperation => ({ kind: 'read', key, hint: true });
const note = (owed: number): SampleOperation => ({ kind: 'note', key: 'a', hidden: 'mark', owed });
const settle = (
  owed: number,
  version: readonly [number, number],
  hidden: 'hint' | 'mark' = 'hint',
): SampleOperation => ({ kind: 'settle', key: 'a', hidden, owed, version });

function only(replies: readonly Reply[]): Reply {
  assert.is(replies.length, 1);
  return replies[0]!;
}
function valuesOf({ records }: Reply): string[] {
  return (records[0]?.siblings ?? []).map(({ value }) => textOfBytes(value));
}

/** A record as another replica made it. */
function foreign(
  value: string,
  context: Dot[] = [{ incarnation: 99n, counter: 1n }],
): RecordObject {
  const [dot] = context;
  return {
    bucketId: 1,
    token: token64(1, 'a'),
    key: bytesOfText('a'),
    replicationClass: 0,
    context,
    siblings: [
      {
        dot: dot!,
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

/** What a page of a hidden bucket shows of the one key. */
function page(world: ReplicaWorld, bucket: keyof typeof HIDDEN_BUCKET): HiddenPart | undefined {
  const bucketId = HIDDEN_BUCKET[bucket];
  world.ask([{ kind: 'scan', bucketId, partition: PARTITION }]);
  world.endReads();
  const scanned = world.writeLog().find(({ kind }) => kind === REPLY_KIND.scanned)!;
  return scanned.hidden[0];
}

test('[HN1] a hinted put, store or delete is in no bucket of a user, in no page and in no tree', () => {
  const world = new ReplicaWorld();
  const { leaves } = world.options;
  const before = leaves.words.slice();
  const written = only(world.ask([hinted('a', 'one')]));
  assert.is(written.status, STATUS_OK);
  assert.is(written.flags, REPLY_FLAG.hidden);
  assert.is(written.records[0]!.bucketId, 1);
  assert.equal(textOfBytes(written.records[0]!.key), 'a');
  world.ask([
    { kind: 'store', record: foreign('theirs'), owed: EPOCH | 2 },
    { kind: 'write', key: 'a', value: undefined, hint: true, owed: EPOCH | 4 },
    note(EPOCH | 1),
  ]);
  assert.is(only(world.ask([{ kind: 'read', key: 'a' }])).status, STATUS_NOT_FOUND);
  world.ask([{ kind: 'scan', partition: PARTITION }]);
  assert.equal(world.writeLog().find(({ kind }) => kind === REPLY_KIND.scanned)!.records, []);
  assert.equal(leaves.words, before);
  // Also by way of a table and a clean copy, and after a restart.
  world.evict();
  world.ask([hinted('a', 'two')]);
  assert.is(only(world.endReads()).status, STATUS_OK);
  world.writeLog();
  assert.equal(leaves.words, before);
  const again = world.restart(2);
  assert.equal(again.options.leaves.words, before);
  assert.equal(valuesOf(only([...again.ask([read('a')]), ...again.endReads()])), ['two']);
});

test('[HN2] a stand-in that holds no copy has not found it, whatever its own partition holds', () => {
  const world = new ReplicaWorld();
  world.ask([{ kind: 'write', key: 'a', value: 'mine' }]);
  assert.is(only(world.ask([read('a')])).status, STATUS_NOT_FOUND);
  world.ask([hinted('a', 'for others')]);
  assert.equal(valuesOf(only(world.ask([read('a')]))), ['for others']);
  assert.equal(valuesOf(only(world.ask([{ kind: 'read', key: 'a' }]))), ['mine']);
});

test('[HN3] A7 once a copy is handed off, what is written as a stand-in has another name', () => {
  const world = new ReplicaWorld();
  const first = only(world.ask([hinted('a', 'one')]));
  const [dot] = first.records[0]!.context;
  assert.is.not(dot!.incarnation, 1n, 'a stand-in has a name of its own for this');
  const second = only(world.ask([hinted('a', 'two')]));
  assert.equal(second.records[0]!.context, [{ ...dot!, counter: dot!.counter + 1n }]);
  world.ask([settle(EPOCH | 1, second.hidden[0]!.version)]);
  assert.is(only(world.ask([read('a')])).status, STATUS_NOT_FOUND);
  const third = only(world.ask([hinted('a', 'three')]));
  assert.is(third.records[0]!.context.length, 1, 'nothing is left of what was forgotten');
  assert.is.not(third.records[0]!.context[0]!.incarnation, dot!.incarnation);
  // What the shard writes of its own goes on under its own name.
  const own = only(world.ask([{ kind: 'write', key: 'a', value: 'mine' }]));
  assert.is(own.records[0]!.context[0]!.incarnation, 1n);
});

test('[HN3] a copy that is still owed to somebody keeps its name', () => {
  const world = new ReplicaWorld();
  const { records, hidden } = only(world.ask([hinted('a', 'one', { owed: EPOCH | 3 })]));
  world.ask([settle(EPOCH | 1, hidden[0]!.version)]);
  const next = only(world.ask([hinted('a', 'two', { owed: EPOCH | 2 })]));
  assert.is(next.records[0]!.context.length, 1);
  assert.is(next.records[0]!.context[0]!.incarnation, records[0]!.context[0]!.incarnation);
  assert.is(next.hidden[0]!.owed, EPOCH | 2);
});

test('[S1] a hinted store that brings nothing and owes nobody more appends nothing; one that owes more does', () => {
  const world = new ReplicaWorld();
  const record = foreign('theirs');
  const store = (owed: number): SampleOperation => ({ kind: 'store', record, owed });
  assert.is(only(world.ask([store(EPOCH | 1)])).hidden[0]!.owed, EPOCH | 1);
  assert.is(only(world.ask([store(EPOCH | 4)])).hidden[0]!.owed, EPOCH | 5);
  const sequence = world.memtable.nextSequence;
  world.writeLog();
  const repeated = only(world.ask([store(EPOCH | 4)]));
  assert.is(repeated.lane, LANE.now);
  assert.is(repeated.hidden[0]!.owed, EPOCH | 5);
  assert.is(world.memtable.nextSequence, sequence);
  // In a younger epoch positions mean other nodes: all of them are owed it.
  assert.is(only(world.ask([store((4 << 16) | 1)])).hidden[0]!.owed, (4 << 16) | 0xffff);
});

test('[S2] a counter under the fallback name that was never given costs the shard that name', () => {
  const world = new ReplicaWorld();
  const nameOf = ({ records }: Reply): bigint => records[0]!.siblings.at(-1)!.dot.incarnation;
  const own = nameOf(only(world.ask([{ kind: 'write', key: 'b', value: 'mine' }])));
  const [dot] = only(world.ask([hinted('a', 'one')])).records[0]!.context;
  const lie = foreign('x', [{ ...dot!, counter: dot!.counter + 9n }]);
  assert.is(only(world.ask([{ kind: 'store', record: lie, owed: EPOCH | 1 }])).status, STATUS_OK);
  assert.is.not(nameOf(only(world.ask([hinted('a', 'two')]))), dot!.incarnation);
  assert.is(nameOf(only(world.ask([{ kind: 'write', key: 'c', value: 'mine' }]))), own);
});

test('[ST1] a settle of an older version clears nothing, nor does one of another epoch', () => {
  const world = new ReplicaWorld();
  const old = only(world.ask([hinted('a', 'one')])).hidden[0]!;
  const now = only(world.ask([hinted('a', 'two')])).hidden[0]!;
  assert.is(only(world.ask([settle(EPOCH | 1, old.version)])).status, STATUS_OK);
  assert.equal(valuesOf(only(world.ask([read('a')]))), ['two']);
  assert.is(only(world.ask([settle((4 << 16) | 1, now.version)])).status, STATUS_OK);
  assert.equal(valuesOf(only(world.ask([read('a')]))), ['two']);
  assert.is(only(world.ask([settle(EPOCH | 1, now.version)])).status, STATUS_OK);
  assert.is(only(world.ask([read('a')])).status, STATUS_NOT_FOUND);
  const settled = page(world, 'hint')!;
  assert.equal([settled.owed, settled.version], [0, [0, 0]]);
  assert.is(only(world.ask([settle(EPOCH | 1, now.version)])).status, STATUS_OK, 'twice');
});

test('[ST1] a mark that somebody has read is noted anew, and the settle of what was read clears nothing', () => {
  const world = new ReplicaWorld();
  const first = only(world.ask([note(EPOCH | 1)]));
  assert.is(first.kind, REPLY_KIND.noted);
  const sequence = world.memtable.nextSequence;
  assert.equal(only(world.ask([note(EPOCH | 1)])).hidden, first.hidden, 'nobody has read it');
  assert.is(world.memtable.nextSequence, sequence);
  const read1 = page(world, 'mark')!;
  assert.equal(read1, first.hidden[0]);
  const again = only(world.ask([note(EPOCH | 1)]));
  assert.is.not(again.hidden[0]!.version[0], read1.version[0]);
  world.ask([settle(EPOCH | 1, read1.version, 'mark')]);
  const still = page(world, 'mark')!;
  assert.equal(still, again.hidden[0]);
  world.ask([settle(EPOCH | 1, still.version, 'mark')]);
  assert.is(page(world, 'mark')!.owed, 0);
});

test('[ST1] marks that the opening before has left may have been read: they are noted anew', () => {
  const before = new ReplicaWorld();
  before.ask([note(EPOCH | 1)]);
  const left = page(before, 'mark')!;
  const world = before.restart(2);
  const again = only(world.ask([note(EPOCH | 1)]));
  assert.is.not(again.hidden[0]!.version[0], left.version[0]);
});

test('a mark keeps its number and the time of its first note while some positions are settled', () => {
  const world = new ReplicaWorld();
  const first = only(world.ask([note(EPOCH | 1)])).records[0]!.recents[0]!;
  world.wallTimeMs += 70_000;
  const second = only(world.ask([note(EPOCH | 6)]));
  const later = second.records[0]!.recents[0]!;
  assert.is(later.seconds, first.seconds);
  assert.is(later.operation.sequence, first.operation.sequence + 1);
  const { version } = second.hidden[0]!;
  world.ask([settle(EPOCH | 2, version, 'mark')]);
  assert.equal(page(world, 'mark'), { bucketId: HIDDEN_BUCKET.mark, owed: EPOCH | 5, version });
  world.ask([settle(EPOCH | 5, version, 'mark')]);
  assert.is(page(world, 'mark')!.owed, 0);
  world.wallTimeMs += 70_000;
  const anew = only(world.ask([note(EPOCH | 1)])).records[0]!.recents[0]!;
  assert.is(anew.seconds, first.seconds + 140, 'nothing is left of the first');
});

test('[ST2] notes and settles are answered when they are durable', () => {
  const world = new ReplicaWorld();
  assert.is(only(world.ask([note(EPOCH | 1)])).lane, LANE.durable);
  assert.ok(world.needsSync);
  assert.is(
    only(world.ask([note(EPOCH | 1)])).lane,
    LANE.durable,
    'what it repeats is not durable',
  );
  world.writeLog();
  const noted = only(world.ask([note(EPOCH | 1)]));
  assert.is(noted.lane, LANE.now);
  const { version } = noted.hidden[0]!;
  assert.is(only(world.ask([settle(EPOCH | 1, version, 'mark')])).lane, LANE.durable);
  world.writeLog();
  assert.is(only(world.ask([settle(EPOCH | 1, version, 'mark')])).lane, LANE.now);
});

test('[R1] notes and settles wait for their key as all operations do', () => {
  const world = new ReplicaWorld();
  const { version } = only(world.ask([hinted('a', 'one')])).hidden[0]!;
  world.evict();
  assert.equal(world.ask([settle(EPOCH | 1, version), read('a'), hinted('a', 'two')]), []);
  const kinds = world.endReads().map(({ kind, status }) => [kind, status]);
  assert.equal(kinds, [
    [REPLY_KIND.read, STATUS_NOT_FOUND],
    [REPLY_KIND.settled, STATUS_OK],
    [REPLY_KIND.written, STATUS_OK],
  ]);
});

test('[R2] a read error of a hidden key is an error for its note, and nothing is forgotten', () => {
  const world = new ReplicaWorld();
  world.ask([note(EPOCH | 1)]);
  world.evict();
  world.ask([note(EPOCH | 2)]);
  assert.is(only(world.endRead(0, 'damaged')).status, ERRORS.READ_FAILED.code);
  assert.is(page(world, 'mark')!.owed, EPOCH | 1);
});

test('[V10] hints pass the limit of siblings, as stores of records do; hinted puts do not', () => {
  const world = new ReplicaWorld();
  for (let index = 0; index < SMALL_LIMITS.siblingsMax + 2; index += 1) {
    const record = foreign(`${index}`, [{ incarnation: 100n + BigInt(index), counter: 1n }]);
    assert.is(only(world.ask([{ kind: 'store', record, owed: EPOCH | 1 }])).status, STATUS_OK);
  }
  assert.is(valuesOf(only(world.ask([read('a')]))).length, SMALL_LIMITS.siblingsMax + 2);
  const more = only(world.ask([hinted('a', 'more', { context: [] })]));
  assert.is(more.status, ERRORS.TOO_MANY_SIBLINGS.code);
});

test('lww: a copy that comes after all positions were settled is joined with nothing', () => {
  const world = new ReplicaWorld();
  const { version } = only(world.ask([hinted('a', 'one', { lww: true })])).hidden[0]!;
  world.ask([settle(EPOCH | 1, version)]);
  const record = foreign('long ago');
  const stored = only(world.ask([{ kind: 'store', record, owed: EPOCH | 1, lww: true }]));
  assert.equal(valuesOf(stored), ['long ago']);
});

test('what is settled is found again by nobody after flush, merge and restart, and others are', () => {
  const disk = new MemoryDisk();
  const limits = { ...SMALL_LIMITS, runsMin: 2 };
  let world = new ReplicaWorld(disk, 1, limits);
  const one = only(world.ask([hinted('a', 'one')]));
  world.ask([hinted('b', 'stays'), { kind: 'write', key: 'a', value: 'mine' }]);
  world.evict();
  world.ask([settle(EPOCH | 1, one.hidden[0]!.version)]);
  world.endReads();
  world.evict();
  for (let beat = 0; beat < 4; beat += 1) {
    world.tell({ kind: 'merge-beat' });
    while (world.jobs.length > 0) world.endJob();
  }
  world = world.restart(2);
  const ask = (operation: SampleOperation): Reply =>
    only([...world.ask([operation]), ...world.endReads()]);
  assert.is(ask(read('a')).status, STATUS_NOT_FOUND);
  assert.equal(valuesOf(ask(read('b'))), ['stays']);
  assert.equal(valuesOf(ask({ kind: 'read', key: 'a' })), ['mine']);
});

test.run();
