import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import { textOfBytes } from './sample-operations.ts';

function valueOf(replies: readonly Reply[]): string {
  assert.is(replies.length, 1);
  return textOfBytes(replies[0]!.records[0]!.siblings[0]!.value);
}

/** Three tables, each with a version of `a` and a key of its own. */
function worldWithTables(): ReplicaWorld {
  const world = new ReplicaWorld();
  for (const round of [1, 2, 3]) {
    world.ask([
      { kind: 'write', key: 'a', value: `a ${round}` },
      { kind: 'write', key: `key ${round}`, value: `value ${round}` },
    ]);
    world.endReads();
    world.evict();
  }
  return world;
}

test('[TS1] of the tables that hold a key the newest is read, and only that', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(world.endRead(0)), 'a 3');
  assert.is(world.reads.length, 0);
  const after = world.restart(2);
  after.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(after.endRead(0)), 'a 3', 'in the order of the manifest too');
});

test('[TS1] a key of an old table is found behind the newer ones', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'key 1' }]);
  assert.is(valueOf(world.endReads()), 'value 1');
});

test('[TD1] a damaged block is an error, and not believed when it is read again', () => {
  const world = worldWithTables();
  for (const how of ['damaged', 'failed', 'damaged'] as const) {
    world.ask([{ kind: 'read', key: 'a' }]);
    const [reply] = world.endRead(0, how);
    assert.is(reply!.status, ERRORS.READ_FAILED.code);
    assert.is(reply!.recordWords, 0);
  }
  world.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(world.endRead(0)), 'a 3');
});

test('[TD2] a search begins anew when a table came meanwhile', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  const [first] = world.reads;
  world.ask([{ kind: 'write', key: 'b', value: 'new' }]);
  world.memtable.freeze();
  world.flushAll();
  assert.equal(world.endRead(0), [], 'the block that came is not looked at');
  assert.is(world.reads.length, 1);
  assert.is.not(world.reads[0]!.read, first!.read);
  assert.is(valueOf(world.endReads()), 'a 3');
});

test('[TD2] a search begins anew when a chunk was given up meanwhile', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.ask([{ kind: 'read', key: 'key 1' }]);
  world.endRead(1);
  const { pool } = world.memtable;
  const [write] = world.ask([{ kind: 'write', key: 'b', value: 'new' }]);
  assert.ok(write);
  world.memtable.freeze();
  world.flushAll();
  // `a` is read anew because of the table; then a chunk goes.
  world.endRead(0);
  world.memtable.retire(pool.states.indexOf(CHUNK_STATE.resident));
  assert.equal(world.endRead(0), []);
  assert.is(valueOf(world.endReads()), 'a 3');
});

test('what a read brought stays in memory, and a later write hides it', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.endRead(0);
  assert.is(valueOf(world.ask([{ kind: 'read', key: 'a' }])), 'a 3');
  world.ask([{ kind: 'write', key: 'a', value: 'a 4' }]);
  assert.is(valueOf(world.ask([{ kind: 'read', key: 'a' }])), 'a 4');
  world.evict();
  world.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(world.endRead(0)), 'a 4', 'the clean copy is gone with the version it was of');
});

test('reads from tables never run dry: the oldest clean copies make room', () => {
  const world = new ReplicaWorld();
  const value = 'v'.repeat(300);
  for (let index = 0; index < 120; index += 1) {
    world.ask([{ kind: 'write', key: `key ${index}`, value }]);
    world.endReads();
    if (index % 10 === 9) world.evict();
  }
  for (let index = 0; index < 120; index += 1) {
    world.ask([{ kind: 'read', key: `key ${index}` }]);
    const [reply] = world.endReads();
    assert.is(reply?.status, 0, `key ${index}`);
    world.consumeAll();
    world.step([], []);
  }
});

test('[R2] what is found and has no room for its copy is refused as overload, never "not found", and has room soon', () => {
  const world = new ReplicaWorld();
  const value = 'v'.repeat(2000);
  const keys = Array.from({ length: 8 }, (_, index) => `key ${index}`);
  for (const key of keys) {
    world.ask([{ kind: 'write', key, value }]);
    world.endReads();
    world.evict();
  }
  world.ask(keys.map((key) => ({ kind: 'read', key }) as const));
  // A filter may send a search to another table first.
  const replies: Reply[] = [];
  while (world.reads.length > 0) replies.push(...world.endReadsAtOnce());
  const statuses = replies.map(({ status }) => status);
  assert.is(statuses.length, keys.length);
  assert.ok(statuses.includes(ERRORS.OVERLOADED.code), 'the step filled all there was');
  assert.not(statuses.includes(STATUS_NOT_FOUND));
  world.consumeAll();
  world.step([], []);
  world.step([], []);
  for (const { slot, status } of replies) {
    if (status !== ERRORS.OVERLOADED.code) continue;
    const key = keys[slot - replies.reduce((least, reply) => Math.min(least, reply.slot), slot)]!;
    world.ask([{ kind: 'read', key }]);
    assert.is(valueOf(world.endReads()), value);
    world.consumeAll();
    world.step([], []);
    world.step([], []);
  }
});

test('a key in no table is not found without a read, or after one that a filter did not spare', () => {
  const world = worldWithTables();
  for (let index = 0; index < 50; index += 1) {
    const replies = [...world.ask([{ kind: 'read', key: `no ${index}` }]), ...world.endReads()];
    assert.equal(
      replies.map(({ status }) => status),
      [STATUS_NOT_FOUND],
    );
  }
});

test.run();
