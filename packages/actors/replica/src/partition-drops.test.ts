// A partition that is given up, and may come back: on one replica with a real store, through crashes
// between any two of its jobs.
import { Prng } from '@clockwise/kernel/prng';
import { leafTableWords } from '@clockwise/merkle/leaf-table';
import { partitionOf } from '@clockwise/placement/token';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { PRIORITY, REPLY_KIND } from '@clockwise/protocol/frame';
import type { RecordObject } from '@clockwise/record/build';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOLDING, type OwnedPartitions } from './held-partitions.ts';
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

const SEED = 'partition-drops-1';
const PARTITION = partitionOf(tokenOf(1, 'a').high, PARTITION_BITS);
const { STALE_EPOCH, NOT_READY } = ERRORS;

/** Keys of the partition in bucket 1, and keys of others. */
const INSIDE = keysWhere((partition) => partition === PARTITION);
const OUTSIDE = keysWhere((partition) => partition !== PARTITION);

function keysWhere(isWanted: (partition: number) => boolean): readonly string[] {
  const keys = ['a', ...Array.from({ length: 60 }, (_, index) => `k${index}`)];
  return keys
    .filter((key) => isWanted(partitionOf(tokenOf(1, key).high, PARTITION_BITS)))
    .slice(0, 5);
}

/** A ring in which the node owns all but the partition, or all. */
function ringOf(epoch: number, isOwner: boolean): OwnedPartitions {
  const owned = new Uint8Array(2 ** PARTITION_BITS).fill(1);
  if (!isOwner) owned[PARTITION] = 0;
  return { epoch, owned, bucketIds: [1, 2, 3] };
}

const put = (key: string, value: string): SampleOperation => ({ kind: 'write', key, value });
const giveUp = (epoch: number) =>
  ({ kind: 'partition-given-up', request: epoch, partition: PARTITION, epoch }) as const;
const fill = (epoch: number) =>
  ({ kind: 'partition-filled', request: 100 + epoch, partition: PARTITION, epoch }) as const;

function decide(world: ReplicaWorld, epoch: number, isOwner: boolean): void {
  world.tell({ kind: 'ring-decided', ...ringOf(epoch, isOwner) }, 'ring-manager');
}

function only(replies: readonly Reply[]): Reply {
  assert.is(replies.length, 1);
  return replies[0]!;
}

/** One operation, with the reads from disk that it takes. */
function ask(
  world: ReplicaWorld,
  operation: SampleOperation,
  priority: number = PRIORITY.foreground,
): Reply {
  const replies = [...world.ask([operation], 0, { priority }), ...world.endReads()];
  const reply = only(
    [...replies, ...(operation.kind === 'scan' ? world.writeLog() : [])].slice(-1),
  );
  world.writeLog();
  world.consumeAll();
  return reply;
}

function valuesOf(world: ReplicaWorld, key: string, priority?: number): readonly string[] | number {
  const { status, records } = ask(world, { kind: 'read', key }, priority);
  if (status !== STATUS_OK) return status;
  return records[0]!.siblings.map(({ value }) => textOfBytes(value)).toSorted();
}

function pageOf(world: ReplicaWorld, priority: number): readonly string[] | number {
  const reply = ask(world, { kind: 'scan', partition: PARTITION }, priority);
  assert.is(reply.kind, REPLY_KIND.scanned);
  if (reply.status !== STATUS_OK) return reply.status;
  return reply.records.map(({ key }) => textOfBytes(key)).toSorted();
}

/** Flushes what is frozen, and ends jobs, `count` of them at the most; how many. */
function work(world: ReplicaWorld, count = Infinity): number {
  let done = 0;
  for (;;) {
    world.writeLog();
    if (world.jobs.length === 0) {
      if (world.memtable.pool.countState(CHUNK_STATE.frozen) === 0) return done;
      world.tell({ kind: 'flush-chunk', chunk: 0 });
      if (world.jobs.length === 0) return done;
    }
    if (done === count) return done;
    world.endJob();
    done += 1;
  }
}

function answers(world: ReplicaWorld): string[] {
  return world.messages
    .splice(0)
    .flatMap(({ to, message }) =>
      message.kind === 'partition-answer'
        ? [`${to} ${message.request} ${message.ok ? 'ok' : message.reason}`]
        : [],
    );
}

function foreign(key: string, value: string): RecordObject {
  const dot = { incarnation: 99n, counter: 1n };
  return {
    bucketId: 1,
    token: token64(1, key),
    key: bytesOfText(key),
    replicationClass: 0,
    context: [dot],
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

/** Old versions in a table, newer ones in memory that is flushed, others in memory alone. */
function written(): ReplicaWorld {
  const world = new ReplicaWorld();
  for (const key of [...INSIDE, ...OUTSIDE]) ask(world, put(key, 'old'));
  world.evict();
  for (const key of [INSIDE[0]!, INSIDE[1]!, OUTSIDE[0]!]) ask(world, put(key, 'newer'));
  world.memtable.freeze();
  world.step([], []);
  world.flushAll();
  for (const key of [INSIDE[0]!, INSIDE[2]!, OUTSIDE[1]!]) ask(world, put(key, 'newest'));
  // Clean copies of what only tables hold.
  for (const key of [INSIDE[3]!, OUTSIDE[2]!]) ask(world, { kind: 'read', key });
  return world;
}

function outsideOf(world: ReplicaWorld): readonly unknown[] {
  return OUTSIDE.map((key) => valuesOf(world, key));
}

function partitionLeaves(world: ReplicaWorld, isInside: boolean): readonly number[] {
  const { words } = world.options.leaves;
  const size = leafTableWords(PARTITION_BITS) / 2 ** PARTITION_BITS;
  return [...words].filter((_, at) => (Math.floor(at / size) === PARTITION) === isInside);
}

test('[GU1] [GP1] what is given up is refused at once, and gone when an edition says so; the rest stays', () => {
  const world = written();
  const before = outsideOf(world);
  const others = partitionLeaves(world, false);
  const owed = 3 << 16;
  ask(world, { kind: 'write', key: 'a', value: 'for others', hint: true, owed: owed | 1 });
  ask(world, { kind: 'note', key: 'a', hidden: 'mark', owed: owed | 1 });
  const [, first] = INSIDE;
  decide(world, 2, false);
  assert.equal(valuesOf(world, first!), ['newer'], 'not an owner, and not given up yet');
  world.tell(giveUp(2), 'ring-manager');
  const later = { kind: 'store', record: foreign(first!, 'late') } as const;
  for (const operation of [{ kind: 'read', key: first! }, put(first!, 'x'), later] as const) {
    assert.is(ask(world, operation).status, STALE_EPOCH.code);
    assert.is(ask(world, operation, PRIORITY.background).status, STALE_EPOCH.code);
  }
  assert.equal(answers(world), []);
  work(world);
  assert.equal(answers(world), ['ring-manager 2 ok']);
  for (const operation of [{ kind: 'read', key: first! }, put(first!, 'x'), later] as const) {
    assert.is(ask(world, operation).status, STALE_EPOCH.code);
  }
  assert.is(pageOf(world, PRIORITY.foreground), NOT_READY.code);
  assert.equal(pageOf(world, PRIORITY.background), []);
  for (const opening of [world, world.restart(2, true, ringOf(2, false))]) {
    assert.equal(outsideOf(opening), before);
    assert.equal(partitionLeaves(opening, false), others);
    assert.ok(partitionLeaves(opening, true).every((word) => word === 0));
    assert.is(ask(opening, { kind: 'read', key: 'a', hint: true }).status, STATUS_OK);
    const page = { kind: 'scan', bucketId: HIDDEN_BUCKET.mark, partition: PARTITION } as const;
    assert.is(ask(opening, page).records.length, 1);
    opening.tell(giveUp(2), 'ring-manager');
    assert.equal(answers(opening), ['ring-manager 2 ok'], 'done is done');
  }
});

test('[GU2] an owner, another epoch and a partition that is none are refused', () => {
  const world = written();
  world.tell(giveUp(1), 'ring-manager');
  decide(world, 2, false);
  decide(world, 1, true);
  world.tell(giveUp(1), 'ring-manager');
  world.tell(giveUp(3), 'ring-manager');
  world.tell({ ...giveUp(2), partition: 4 }, 'ring-manager');
  world.tell(fill(2), 'ring-manager');
  assert.equal(answers(world), [
    'ring-manager 1 this node owns the partition in the ring of epoch 1',
    'ring-manager 1 the ring that rules here is of epoch 2',
    'ring-manager 3 the ring that rules here is of epoch 2',
    'ring-manager 2 there is no partition 4',
    'ring-manager 102 this node does not own the partition in the ring of epoch 2',
  ]);
  assert.is(work(world), 0);
  assert.equal(valuesOf(world, INSIDE[0]!), ['newest']);
});

test('[GU3] A7 what is written when a partition has come back covers nothing of what was given up', () => {
  const world = new ReplicaWorld();
  const first = ask(world, put('a', 'one'));
  const other = ask(world, put(OUTSIDE[0]!, 'one'));
  decide(world, 2, false);
  world.tell(giveUp(2), 'ring-manager');
  decide(world, 3, true);
  assert.is(
    ask(world, put('a', 'too early')).status,
    STALE_EPOCH.code,
    'it is still being dropped',
  );
  world.tell(fill(3), 'ring-manager');
  work(world);
  assert.equal(answers(world), [
    'ring-manager 103 what it held before is still being dropped',
    'ring-manager 2 ok',
  ]);
  const again = ask(world, put('a', 'two'));
  assert.is(again.status, STATUS_OK);
  const [dot] = first.records[0]!.context;
  assert.is(again.records[0]!.context.length, 1);
  assert.is.not(again.records[0]!.context[0]!.incarnation, dot!.incarnation);
  // What others hold of the first stays beside it.
  const joined = ask(world, { kind: 'store', record: first.records[0]! });
  assert.is(joined.records[0]!.siblings.length, 2);
  assert.is(other.records[0]!.context[0]!.incarnation, dot!.incarnation);
});

test('[GP2] of what has come back no reader is answered until it is filled; hand-off has what is found', () => {
  const world = written();
  decide(world, 2, false);
  world.tell(giveUp(2), 'ring-manager');
  work(world);
  const back = world.restart(2, true, ringOf(3, true));
  const [key, absent] = INSIDE;
  assert.is(ask(back, { kind: 'store', record: foreign(key!, 'late') }).status, STATUS_OK);
  assert.is(valuesOf(back, key!), NOT_READY.code);
  assert.is(valuesOf(back, absent!), NOT_READY.code, 'not: not found');
  assert.equal(valuesOf(back, key!, PRIORITY.background), ['late']);
  assert.is(valuesOf(back, absent!, PRIORITY.background), NOT_READY.code);
  assert.is(pageOf(back, PRIORITY.foreground), NOT_READY.code);
  assert.equal(pageOf(back, PRIORITY.background), [key]);
  back.tell(fill(3), 'ring-manager');
  assert.is(valuesOf(back, absent!), NOT_READY.code, 'it is not durable yet');
  work(back);
  assert.equal(answers(back), ['ring-manager 103 ok']);
  for (const opening of [back, back.restart(3, true, ringOf(3, true))]) {
    assert.equal(valuesOf(opening, key!), ['late']);
    assert.is(valuesOf(opening, absent!), STATUS_NOT_FOUND);
    assert.is(opening.options.manifest.givenUp.length, opening === back ? 1 : 0);
  }
});

test('[GU1] A7 a crash after any job: told again, it is given up, and what comes back is not eaten', () => {
  for (let jobs = 0; jobs < 6; jobs += 1) {
    for (const powerLoss of [false, true]) {
      const world = written();
      const before = outsideOf(world);
      decide(world, 2, false);
      world.tell(giveUp(2), 'ring-manager');
      const isDone = work(world, jobs) < jobs;
      const told = answers(world);
      const second = world.restart(2, powerLoss, ringOf(2, false));
      if (told.length > 0) assert.is(valuesOf(second, INSIDE[0]!), STALE_EPOCH.code);
      second.tell(giveUp(2), 'ring-manager');
      work(second);
      assert.equal(answers(second), ['ring-manager 2 ok']);
      const third = second.restart(3, powerLoss, ringOf(3, true));
      ask(third, put(INSIDE[0]!, 'back'));
      // What an earlier epoch had under way comes late: it is joined, and no vote of this shard's.
      third.tell(giveUp(2), 'ring-manager');
      assert.equal(answers(third), ['ring-manager 2 the ring that rules here is of epoch 3']);
      third.tell(fill(3), 'ring-manager');
      third.evict();
      work(third);
      const fourth = third.restart(4, powerLoss, ringOf(3, true));
      const left = INSIDE.map((key) => valuesOf(fourth, key));
      const none = STATUS_NOT_FOUND;
      assert.equal(left, [['back'], none, none, none, none], `${jobs} ${powerLoss} ${isDone}`);
      assert.equal(outsideOf(fourth), before);
    }
  }
});

test('[GP1] taken again while it is being filled, a partition is refused until it is dropped again', () => {
  const world = written();
  decide(world, 2, false);
  world.tell(giveUp(2), 'ring-manager');
  work(world);
  decide(world, 3, true);
  const [key] = INSIDE;
  ask(world, put(key!, 'between'));
  world.tell(fill(3), 'ring-manager');
  assert.is(world.jobs.length, 1, 'an edition is under way');
  decide(world, 4, false);
  world.tell(giveUp(4), 'ring-manager');
  world.tell({ ...giveUp(4), request: 44 }, 'ring-manager');
  answers(world);
  world.endJob();
  assert.equal(answers(world), ['ring-manager 103 ok']);
  assert.is(ask(world, put(key!, 'x')).status, STALE_EPOCH.code);
  assert.is(valuesOf(world, key!, PRIORITY.background), STALE_EPOCH.code);
  work(world);
  assert.equal(answers(world), ['ring-manager 44 ok'], 'who asks again is answered once');
  const again = world.restart(2, true, ringOf(5, true));
  assert.equal(again.options.manifest.givenUp, [{ partition: PARTITION, epoch: 4 }]);
  again.tell(fill(5), 'ring-manager');
  work(again);
  assert.is(valuesOf(again, key!), STATUS_NOT_FOUND);
});

test('[GU1] while memory has no room for another chunk the drop waits, and is done when there is', () => {
  const world = written();
  decide(world, 2, false);
  let isFull = true;
  const freeze = world.memtable.freeze.bind(world.memtable);
  world.memtable.freeze = () => !isFull && freeze();
  world.tell(giveUp(2), 'ring-manager');
  assert.is(work(world), 0);
  assert.equal(answers(world), []);
  isFull = false;
  world.passes(10);
  work(world);
  assert.equal(answers(world), ['ring-manager 2 ok']);
});

test('[GU4] a job that fails, or whose end is doubtful, is done again until the partition is gone', () => {
  for (const how of ['failed', 'doubtful'] as const) {
    for (let at = 0; at < 3; at += 1) {
      const world = written();
      const before = outsideOf(world);
      decide(world, 2, false);
      world.tell(giveUp(2), 'ring-manager');
      for (let job = 0; answers(world).length === 0; job += 1) {
        assert.ok(job < 20);
        world.writeLog();
        if (world.jobs.length === 0) world.tell({ kind: 'flush-chunk', chunk: 0 });
        if (world.jobs.length === 0) world.passes(1000);
        if (world.jobs.length > 0) world.endJob(job === at ? how : 'done');
      }
      assert.is(valuesOf(world, INSIDE[0]!), STALE_EPOCH.code);
      assert.equal(outsideOf(world), before);
      const again = world.restart(2, true, ringOf(2, false));
      assert.is(valuesOf(again, INSIDE[0]!), STALE_EPOCH.code);
      assert.equal(outsideOf(again), before);
    }
  }
});

test('[GP1] what waits for the disk when its partition is given up is refused', () => {
  const world = written();
  world.evict();
  const [, , , , key] = INSIDE;
  assert.equal(world.ask([put(key!, 'parked'), { kind: 'read', key: key! }]), []);
  decide(world, 2, false);
  world.tell(giveUp(2), 'ring-manager');
  const replies = world.endReads();
  assert.equal(
    replies.map(({ status }) => status),
    [STALE_EPOCH.code, STALE_EPOCH.code],
  );
  assert.is(work(world) > 0, true);
  assert.equal(answers(world), ['ring-manager 2 ok']);
});

test('[GU4] writes of other partitions go on, and their flushes, while a partition is given up', () => {
  const prng = new Prng(SEED);
  for (let round = 0; round < 20; round += 1) {
    const world = written();
    const model = new Map(OUTSIDE.map((key) => [key, valuesOf(world, key)]));
    decide(world, 2, false);
    world.tell(giveUp(2), 'ring-manager');
    for (let step = 0; step < 30; step += 1) {
      const key = prng.pick(OUTSIDE);
      const choice = prng.below(5);
      if (choice < 2) {
        ask(world, put(key, `v${step}`));
        model.set(key, [`v${step}`]);
      } else if (choice === 2) {
        world.memtable.freeze();
        world.step([], []);
      } else if (world.jobs.length > 0) {
        world.endJob(prng.chance(0.2) ? 'failed' : 'done');
      } else if (choice === 3) {
        world.tell({ kind: 'flush-chunk', chunk: 0 });
      } else {
        world.passes(600);
      }
    }
    const isDone = answers(world).length > 0;
    for (const [key, values] of model) assert.equal(valuesOf(world, key), values);
    const again = world.restart(2, prng.chance(0.5), ringOf(2, false));
    for (const [key, values] of model) assert.equal(valuesOf(again, key), values);
    if (isDone) assert.is(again.core.holding(PARTITION), HOLDING.gone);
    const leaves = again.options.leaves.words.slice();
    work(again);
    again.evict();
    const third = again.restart(3, true, ringOf(2, false));
    assert.equal(third.options.leaves.words, leaves, 'leaves of tables are those of the log');
  }
});

test.run();
