import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SMALL_LIMITS } from './open-replica.ts';
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

test('[LV1] of the tables that hold a key the newest is read, and only that', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(world.endRead(0)), 'a 3');
  assert.is(world.reads.length, 0);
  const after = world.restart(2);
  after.ask([{ kind: 'read', key: 'a' }]);
  assert.is(valueOf(after.endRead(0)), 'a 3', 'in the order of the manifest too');
});

test('[LV1] a key of an old table is found behind the newer ones', () => {
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

test('[TD2] a search goes on in the tables that it holds when another came meanwhile', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.ask([{ kind: 'write', key: 'b', value: 'new' }]);
  world.memtable.freeze();
  world.flushAll();
  assert.is(valueOf(world.endRead(0)), 'a 3');
  assert.is(world.reads.length, 0);
  assert.is(valueOf(world.ask([{ kind: 'read', key: 'b' }])), 'new');
});

test('[TD2] a search begins anew when a chunk was given up meanwhile', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'write', key: 'b', value: 'new' }]);
  world.memtable.freeze();
  world.flushAll();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.memtable.retire(world.memtable.pool.states.indexOf(CHUNK_STATE.resident));
  assert.equal(world.endRead(0), [], 'the block that came is not looked at');
  assert.is(world.reads.length, 1);
  assert.is(valueOf(world.endReads()), 'a 3');
});

test('[TD2] a search begins anew when a range was dropped meanwhile', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.memtable.dropRange({ bucketId: 9, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 });
  assert.equal(world.endRead(0), []);
  assert.is(valueOf(world.endReads()), 'a 3');
});

/** Tables of a few blocks with sixty keys in all, and a cache of blocks. */
function worldWithCache(value?: string): ReplicaWorld {
  const limits = { ...SMALL_LIMITS, blockCacheBytes: 64 * 1024 };
  const world = new ReplicaWorld(undefined, 1, limits);
  for (let index = 0; index < 60; index += 1) {
    world.ask([{ kind: 'write', key: `key ${index}`, value: value ?? `value ${index}` }]);
    if (index % 10 === 9) world.evict();
  }
  world.evict();
  return world;
}

test('a key of a block that was read for another one is answered in the same step', () => {
  const world = worldWithCache();
  let readCount = 0;
  for (let index = 0; index < 60; index += 1) {
    const replies = world.ask([{ kind: 'read', key: `key ${index}` }]);
    readCount += world.reads.length;
    assert.is(valueOf(replies.length > 0 ? replies : world.endReads()), `value ${index}`);
    world.consumeAll();
    world.step([], []);
  }
  assert.ok(readCount >= 5 && readCount < 30, `${readCount} blocks were read`);
  world.ask([{ kind: 'write', key: 'key 7', value: 'newer' }]);
  assert.is(valueOf(world.ask([{ kind: 'read', key: 'key 7' }])), 'newer');
});

test('[TD1] a damaged block does not stay in the cache', () => {
  const world = worldWithCache();
  world.ask([{ kind: 'read', key: 'key 1' }]);
  assert.is(world.endRead(0, 'damaged')[0]!.status, ERRORS.READ_FAILED.code);
  world.ask([{ kind: 'read', key: 'key 1' }]);
  assert.is(valueOf(world.endRead(0)), 'value 1');
});

test('what the cache holds and finds no room for its copy waits for a read, and is not refused at once', () => {
  const value = 'v'.repeat(300);
  const world = worldWithCache(value);
  // Nobody lets go of what was answered, so no chunk is free again.
  const asked = [];
  for (let index = 0; index < 60; index += 1) {
    const replies = world.ask([{ kind: 'read', key: `key ${index}` }]);
    asked.push(...replies, ...world.endReads());
  }
  assert.ok(asked.some(({ status }) => status === ERRORS.OVERLOADED.code));
  assert.not(asked.some(({ status }) => status === STATUS_NOT_FOUND));
  const refused = asked.findIndex(({ status }) => status === ERRORS.OVERLOADED.code);
  assert.equal(world.ask([{ kind: 'read', key: `key ${refused}` }]), []);
  assert.is(world.reads.length, 1);
  world.consumeAll();
  world.step([], []);
  world.step([], []);
  assert.is(valueOf(world.endReads()), value);
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

test('figures say how many blocks a lookup costs', () => {
  const world = worldWithTables();
  world.ask([{ kind: 'read', key: 'a' }]);
  world.endReads();
  world.tell({ kind: 'figures-wanted', request: 7 }, 'main');
  const { message } = world.messages.at(-1)!;
  assert.is(message.kind, 'figures');
  const { figures } = message as { readonly figures: Readonly<Record<string, number>> };
  assert.ok(figures['tableLookups']! >= 1);
  assert.is(figures['readAmplification'], figures['blocksRead']! / figures['tableLookups']!);
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
