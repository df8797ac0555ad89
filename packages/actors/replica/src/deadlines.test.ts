// What nobody waits for any more is answered without being done.
import { LANE } from '@clockwise/kernel/core';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { PRIORITY } from '@clockwise/protocol/frame';
import { dueWord } from '@clockwise/protocol/frame-due';
import type { RecordObject } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import {
  bytesOfText,
  type FrameOptions,
  type SampleOperation,
  token64,
} from './sample-operations.ts';

const EXPIRED = ERRORS.DEADLINE_PASSED.code;

function record(key: string): RecordObject {
  const dot = { incarnation: 99n, counter: 1n };
  const sibling = {
    dot,
    operation: { session: 0n, sequence: 0 },
    tombstone: false,
    codec: 0,
    expirySeconds: 0,
    hybrid: 5n,
    value: bytesOfText('x'),
  };
  return {
    bucketId: 1,
    token: token64(1, key),
    key: bytesOfText(key),
    replicationClass: 0,
    context: [dot],
    siblings: [sibling],
    recents: [],
  };
}

/** The step that takes the frame is `stepMs` after this. */
function dueIn(world: ReplicaWorld, milliseconds: number): FrameOptions {
  return { due: dueWord(world.now + world.stepMs + milliseconds) };
}

function statusesOf(replies: readonly Reply[]): number[] {
  return replies.toSorted((left, right) => left.slot - right.slot).map(({ status }) => status);
}

const OPERATIONS: readonly { readonly operation: SampleOperation; readonly isDropped: boolean }[] =
  [
    { operation: { kind: 'read', key: 'a' }, isDropped: true },
    { operation: { kind: 'read', key: 'a', hint: true }, isDropped: true },
    { operation: { kind: 'write', key: 'a', value: 'late' }, isDropped: true },
    { operation: { kind: 'write', key: 'a', value: 'late', hint: true, owed: 1 }, isDropped: true },
    { operation: { kind: 'scan', partition: 0 }, isDropped: true },
    { operation: { kind: 'store', record: record('b'), owed: 1 }, isDropped: true },
    { operation: { kind: 'store', record: record('b') }, isDropped: false },
    { operation: { kind: 'note', key: 'a', hidden: 'mark', owed: 1 }, isDropped: false },
    { operation: { kind: 'settle', key: 'a', owed: 1, version: [0, 0] }, isDropped: false },
    { operation: { kind: 'probe' }, isDropped: false },
  ];

test('[DL1] H2 expired work is answered and not done; what somebody is owed is done all the same', () => {
  for (const { operation, isDropped } of OPERATIONS) {
    const world = new ReplicaWorld();
    const sequence = world.memtable.nextSequence;
    const [reply] = world.ask([operation], 0, dueIn(world, 0));
    const text = JSON.stringify(operation, (_, value: unknown) => String(value));
    assert.is(reply!.status === EXPIRED, isDropped, operation.kind + text);
    if (!isDropped) continue;
    assert.is(reply!.lane, LANE.now);
    assert.is(world.memtable.nextSequence, sequence, 'nothing was touched');
    assert.is(world.ask([operation], 0, dueIn(world, 1))[0]!.status === EXPIRED, false, 'in time');
  }
});

test('[DL1] a store that repairs or moves data may be dropped, as whoever sent it comes again', () => {
  for (const priority of [PRIORITY.repair, PRIORITY.background]) {
    const world = new ReplicaWorld();
    const store = { kind: 'store', record: record('b') } as const;
    const late = { ...dueIn(world, 0), priority };
    assert.equal(statusesOf(world.ask([store], 0, late)), [EXPIRED]);
    assert.equal(statusesOf(world.ask([store], 0, { ...dueIn(world, 5), priority })), [STATUS_OK]);
  }
});

test('[DL1] what waits for the disk is dropped when its turn comes too late, the rest goes on in order', () => {
  const world = new ReplicaWorld();
  world.ask([{ kind: 'write', key: 'a', value: 'old' }]);
  world.evict();
  const reads: SampleOperation[] = [
    { kind: 'read', key: 'a' },
    { kind: 'write', key: 'a', value: 'late' },
  ];
  assert.equal(world.ask(reads, 0, dueIn(world, 150)), []);
  assert.equal(world.ask([{ kind: 'read', key: 'a' }], 1, dueIn(world, 5000)), []);
  assert.equal(world.ask([{ kind: 'store', record: record('a') }], 0, dueIn(world, 1)), []);
  world.passes(100);
  const replies = world.endReads();
  assert.equal(statusesOf(replies), [EXPIRED, EXPIRED, STATUS_OK, STATUS_OK]);
  const values = replies.find(({ target }) => target === 1)!.records[0]!.siblings.length;
  assert.is(values, 1, 'the write that came too late was not done');
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const { message } = world.messages.at(-1)!;
  assert.ok(message.kind === 'figures' && message.figures['expired'] === 2);
});

test('[DL1] an instant that wraps around is still ahead', () => {
  const world = new ReplicaWorld();
  world.now = 2 ** 32 - world.stepMs - 10;
  const read: SampleOperation = { kind: 'read', key: 'a' };
  assert.equal(statusesOf(world.ask([read], 0, dueIn(world, 100))), [STATUS_NOT_FOUND]);
  assert.equal(statusesOf(world.ask([read], 0, dueIn(world, -300))), [EXPIRED]);
});

test.run();
