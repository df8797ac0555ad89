import { ERRORS } from '@clockwise/protocol/errors';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { SampleOperation } from './sample-operations.ts';
import { textOfBytes } from './sample-operations.ts';

const VALUE = 'v'.repeat(100);

function writes(from: number, count: number): SampleOperation[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'write',
    key: `key ${from + index}`,
    value: VALUE,
  }));
}

/** Everybody does at once what is theirs to do. */
function settle(world: ReplicaWorld): void {
  world.writeLog();
  world.flushAll();
  world.consumeAll();
  world.step([], []);
}

test('[MR2] writes that follow one another find room, though a chunk takes many steps to be swept', () => {
  const limits = { ...SMALL_LIMITS, memtableChunkBytes: 256 * 1024, parkedOperationsMax: 200 };
  const world = new ReplicaWorld(undefined, 1, limits);
  for (let round = 0; round < 60; round += 1) {
    // A filter may say maybe.
    const replies = [...world.ask(writes(round * 200, 200)), ...world.endReads()];
    assert.is(replies.length, 200, `round ${round}`);
    assert.not.ok(replies.some(({ status }) => status === ERRORS.OVERLOADED.code));
    settle(world);
  }
  assert.ok(world.memtable.retiredCount > 3, `${world.memtable.retiredCount} chunks given up`);
});

test('what is asked for again outlives its chunk; what is not is read from its table', () => {
  const world = new ReplicaWorld();
  world.ask([
    { kind: 'write', key: 'hot', value: 'asked for' },
    { kind: 'write', key: 'cold', value: 'not asked for' },
  ]);
  world.memtable.freeze();
  settle(world);
  const read = (key: string): number => {
    world.ask([{ kind: 'read', key }]);
    return world.reads.length;
  };
  for (let round = 0; round < 80; round += 1) {
    world.ask(writes(round * 10, 10));
    world.endReads();
    settle(world);
    if (round % 4 === 0) assert.is(read('hot'), 0, `round ${round}`);
    world.consumeAll();
  }
  assert.ok(world.memtable.retiredCount > 5);
  assert.is(read('cold'), 1);
  const [reply] = world.endReads();
  assert.is(textOfBytes(reply!.records[0]!.siblings[0]!.value), 'not asked for');
});

test('[MR1] chunks behind the tables that a page holds stay until memory is short; then the page begins anew', () => {
  const world = new ReplicaWorld();
  const { pool } = world.memtable;
  world.ask(writes(0, 20));
  world.evict();
  const partitionReads = (): number => world.reads.length;
  for (let partition = 0; partition < 4; partition += 1) world.ask([{ kind: 'scan', partition }]);
  assert.ok(partitionReads() > 0);
  const readsBefore = world.reads.map(({ read }) => read);
  const retiredBefore = world.memtable.retiredCount;
  let heldCount = 0;
  for (let round = 0; round < 30 && world.memtable.retiredCount === retiredBefore; round += 1) {
    world.ask(writes(100 + round * 8, 8));
    world.writeLog();
    world.memtable.freeze();
    settle(world);
    heldCount = Math.max(heldCount, pool.countState(CHUNK_STATE.resident));
  }
  assert.ok(heldCount >= pool.states.length - 3, `${heldCount} chunks were held`);
  assert.ok(world.memtable.retiredCount > retiredBefore, 'memory is short');
  // What was asked for ends, and is asked for anew.
  for (const read of readsBefore) {
    const index = world.reads.findIndex((effect) => effect.read === read);
    assert.equal(world.endRead(index), []);
  }
  assert.ok(world.reads.length > 0);
  const pages = world.endReads();
  assert.is(pages.length, 4);
  const keys = pages.flatMap(({ records }) => records.map(({ key }) => textOfBytes(key)));
  assert.is(new Set(keys).size, keys.length);
  for (let index = 0; index < 20; index += 1) assert.ok(keys.includes(`key ${index}`));
  assert.ok(keys.includes('key 100'));
});

test.run();
