import { ERRORS } from '@clockwise/protocol/errors';
import { REPLY_KIND } from '@clockwise/protocol/frame';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { THROTTLE_TIMER } from './keyed-operations.ts';
import { MemoryDisk } from './memory-disk.ts';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import { textOfBytes } from './sample-operations.ts';

const VALUE = 'v'.repeat(300);
const LIMITS = { ...SMALL_LIMITS, parkedOperationsMax: 6, runsMin: 2, runsSlow: 3, runsMax: 5 };

/** Chunks wait for their flush, and from now on no time passes by itself. */
function pressedWorld(): ReplicaWorld {
  const world = new ReplicaWorld(new MemoryDisk(), 1, LIMITS);
  const { pool } = world.memtable;
  for (let index = 0; pool.countState(CHUNK_STATE.frozen) < 2; index += 1) {
    world.ask([{ kind: 'write', key: `key ${index % 5}`, value: VALUE }]);
  }
  world.stepMs = 0;
  world.step([], []);
  world.ask([{ kind: 'write', key: 'last', value: 'x'.repeat(1500) }]);
  // What is left of the allowance is used up.
  for (let index = 0; !world.timers.has(THROTTLE_TIMER); index += 1) {
    assert.ok(index < 1000, 'an allowance has an end');
    world.ask([{ kind: 'write', key: 'used up', value: 'x'.repeat(1500) }]);
  }
  return world;
}

function put(world: ReplicaWorld, key: string, value: string): Reply[] {
  return world.ask([{ kind: 'write', key, value }]);
}

function shown(reply: Reply | undefined): string {
  return textOfBytes(reply!.records[0]!.siblings[0]!.value);
}

test('[KO1] a write that is too many waits, reads of other keys do not', () => {
  const world = pressedWorld();
  assert.equal(put(world, 'slow', '1'), []);
  const [reply] = world.ask([{ kind: 'read', key: 'key 1' }]);
  assert.is(shown(reply), VALUE);
  const [absent] = world.ask([{ kind: 'read', key: 'nobody put this' }]);
  assert.is(absent!.records.length, 0);
  const replies = world.passes(100);
  assert.ok(replies.some(({ kind }) => kind === REPLY_KIND.written));
  assert.is(shown(world.ask([{ kind: 'read', key: 'slow' }])[0]), '1');
});

test('[R1] what follows on the key of a write that is slowed runs behind it, in order', () => {
  const world = pressedWorld();
  const first = world.nextSlot;
  put(world, 'slow', '1');
  assert.equal(world.ask([{ kind: 'read', key: 'slow' }]), [], 'the read waits behind the write');
  put(world, 'slow', '2');
  world.ask([{ kind: 'read', key: 'slow' }]);
  const replies = world.passes(100).filter(({ slot }) => slot >= first);
  const reads = replies.filter(({ kind }) => kind !== REPLY_KIND.written);
  assert.equal(reads.map(shown), ['1', '2']);
  assert.is(shown(world.ask([{ kind: 'read', key: 'slow' }])[0]), '2');
});

test('[KO1] slowed keys run in the order in which they were slowed, as time passes', () => {
  const world = pressedWorld();
  const first = world.nextSlot;
  for (let key = 0; key < 4; key += 1) put(world, `slow ${key}`, 'y'.repeat(1500));
  const order: number[] = [];
  for (let step = 0; step < 50 && order.length < 4; step += 1) {
    for (const { slot } of world.passes(1)) {
      if (slot >= first) order.push(slot - first);
    }
  }
  assert.equal(order, [0, 1, 2, 3]);
});

test('[KO1] as many operations wait as may; one more is refused', () => {
  const world = pressedWorld();
  const statuses: number[] = [];
  for (let key = 0; key < 8; key += 1) {
    const [reply] = put(world, `slow ${key}`, '1');
    if (reply !== undefined) statuses.push(reply.status);
  }
  assert.ok(statuses.length > 0);
  assert.equal(new Set(statuses), new Set([ERRORS.OVERLOADED.code]));
  const later = world.passes(1000);
  assert.ok(later.every(({ status }) => status === 0));
});

test('[KO1] without pressure all that was slowed runs', () => {
  const world = pressedWorld();
  put(world, 'slow', '1');
  world.flushAll();
  world.step([], []);
  assert.is(shown(world.ask([{ kind: 'read', key: 'slow' }])[0]), '1');
  assert.is(put(world, 'fast', '1').length, 1);
});

/** Tables of level 0, each from one small write, which no compactor tells anybody to merge. */
function addRun(world: ReplicaWorld, run: number): Reply[] {
  const replies = put(world, `run ${run}`, 'x');
  world.evict();
  return replies;
}

test('[KO1] with as many runs as may be, writes are refused, reads and scans go on', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, LIMITS);
  for (let run = 0; run < 5; run += 1) addRun(world, run);
  world.step([], []);
  const [refused] = put(world, 'one more', 'x');
  assert.is(refused!.status, ERRORS.OVERLOADED.code);
  world.ask([{ kind: 'read', key: 'run 0' }]);
  assert.is(shown(world.endReads()[0]), 'x');
});

test('[KO1] a write that waits while the last run comes is refused after all, once', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, LIMITS);
  for (let run = 0; run < 4; run += 1) addRun(world, run);
  world.stepMs = 0;
  world.step([], []);
  world.ask([{ kind: 'write', key: 'used up', value: 'x'.repeat(1500) }]);
  while (!world.timers.has(THROTTLE_TIMER)) put(world, 'used up', 'x'.repeat(1500));
  const slot = world.nextSlot;
  assert.equal(put(world, 'slow', '1'), []);
  world.memtable.freeze();
  const replies = world.tell({ kind: 'flush-chunk', chunk: 0 });
  while (world.jobs.length > 0) replies.push(...world.endJob());
  replies.push(...world.step([], []), ...world.passes(100));
  const mine = replies.filter((reply) => reply.slot === slot);
  assert.equal(
    mine.map(({ status }) => status),
    [ERRORS.OVERLOADED.code],
  );
});

test('[R3] a fence refuses what was slowed, once, and nothing of it runs later', () => {
  const world = pressedWorld();
  const slot = world.nextSlot;
  put(world, 'slow', '1');
  put(world, 'slow', '2');
  const fenced = world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  const mine = fenced.filter((reply) => reply.slot >= slot);
  assert.equal(
    mine.map(({ status }) => status),
    [ERRORS.DISK_FAILED.code, ERRORS.DISK_FAILED.code],
  );
  assert.equal(world.passes(1000), []);
});

test.run();
