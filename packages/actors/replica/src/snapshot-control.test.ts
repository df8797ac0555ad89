import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { snapshotPrefix } from '@clockwise/storage/file-names';
import { openStore } from '@clockwise/storage/open-store';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from './memory-disk.ts';
import { checksum, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';

type Done = Extract<ActorMessage, { readonly kind: 'snapshot-done' }>;

function put(world: ReplicaWorld, key: string): void {
  world.ask([{ kind: 'write', key, value: 'x'.repeat(100) }]);
}

/** Three keys in a table, two in the log alone. */
function filledWorld(): ReplicaWorld {
  const world = new ReplicaWorld(new MemoryDisk(), 1, { ...SMALL_LIMITS, snapshotsMax: 2 });
  for (const key of ['a', 'b', 'c']) put(world, key);
  world.evict();
  for (const key of ['d', 'e']) put(world, key);
  world.writeLog();
  return world;
}

function want(world: ReplicaWorld, request = 7): void {
  world.tell({ kind: 'snapshot-wanted', request }, 'backup');
}

function answers(world: ReplicaWorld): Done[] {
  return world.messages.filter(({ to }) => to === 'backup').map(({ message }) => message as Done);
}

function endJobs(world: ReplicaWorld): string[] {
  const kinds: string[] = [];
  while (world.jobs.length > 0) {
    kinds.push(world.jobs[0]!.input.kind);
    world.endJob();
  }
  return kinds;
}

function openedCounts(
  world: ReplicaWorld,
  snapshotNumber: number,
): { tables: number; log: number } {
  const outcome = openStore({
    disk: new PrefixDisk(world.disk, snapshotPrefix(snapshotNumber)),
    checksum,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    segmentBytesMax: 1024 * 1024,
    mustExist: true,
    replay: () => true,
  });
  if (outcome.kind !== 'ready') throw new Error(`it opens: ${outcome.kind}`);
  const { tables, replayedCount } = outcome.store;
  return { tables: tables.length, log: replayedCount };
}

test('[SC3] a snapshot is made, read from end to end, and opens as the store of its cut', () => {
  const world = filledWorld();
  want(world);
  put(world, 'after the cut');
  const kinds = endJobs(world);
  assert.is(kinds[0], 'snapshot');
  assert.ok(kinds.length > 2 && kinds.slice(1).every((kind) => kind === 'check-snapshot'));
  assert.equal(answers(world), [
    { kind: 'snapshot-done', request: 7, snapshotNumber: 1, ok: true, reason: '' },
  ]);
  assert.equal(openedCounts(world, 1), { tables: 1, log: 2 });
});

test('[SC1] while it is made the log is told of no floor; afterwards of the one that stands', () => {
  const world = filledWorld();
  const floors = world.floors.length;
  want(world);
  const making = world.jobs.shift()!;
  world.evict();
  assert.is(world.floors.length, floors, 'the flush counts, and the log keeps its segments');
  world.jobs.push(making);
  endJobs(world);
  assert.ok(answers(world)[0]!.ok);
  assert.is(world.floors.length, floors + 1);
  assert.equal(openedCounts(world, 1), { tables: 1, log: 2 });
});

test('[SC1] where a table is ahead of the log the snapshot waits for the log', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, SMALL_LIMITS);
  put(world, 'a');
  world.memtable.freeze();
  world.step([], []);
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  endJobs(world);
  want(world);
  assert.equal(endJobs(world), []);
  world.writeLog();
  world.step([], []);
  assert.is(endJobs(world)[0], 'snapshot');
  assert.equal(openedCounts(world, 1), { tables: 1, log: 0 });
});

test('[SC2] one that fails, in whichever job, is removed and its number not given again', () => {
  const world = filledWorld();
  want(world);
  world.endJob('doubtful', 'ENOSPC');
  endJobs(world);
  assert.is(answers(world)[0]!.ok, false);
  assert.is(answers(world)[0]!.reason, 'ENOSPC');
  want(world);
  world.endJob();
  world.endJob('failed', 'EIO');
  assert.equal(endJobs(world).at(-1), 'remove-snapshot');
  assert.is(answers(world)[1]!.ok, false);
  assert.not(world.disk.names().some((name) => name.startsWith('snapshot-')));
  world.passes(10_000);
  endJobs(world);
  want(world);
  endJobs(world);
  assert.is(answers(world)[2]!.snapshotNumber, 3);
});

test('[SC2] the removal of one that failed is tried until it is done', () => {
  const world = filledWorld();
  want(world);
  world.endJob();
  world.endJob('failed', 'EIO');
  assert.is(answers(world)[0]!.ok, false);
  const left = (): number =>
    world.disk.names().filter((name) => name.startsWith('snapshot-')).length;
  for (let turn = 0; turn < 3; turn += 1) {
    assert.equal(
      world.jobs.map(({ input }) => input.kind),
      ['remove-snapshot'],
    );
    world.endJob('failed', 'EIO');
    assert.equal(world.jobs, [], 'not at once');
    assert.ok(left() > 0);
    world.passes(1000);
  }
  endJobs(world);
  assert.is(left(), 0);
  world.passes(10_000);
  assert.not(world.jobs.some(({ input }) => input.kind === 'remove-snapshot'));
});

test('[SC2] numbers go on after a restart; as many as may be, and one at a time', () => {
  const world = filledWorld();
  want(world);
  want(world, 8);
  assert.equal(
    answers(world).map(({ request, ok }) => [request, ok]),
    [[8, false]],
  );
  endJobs(world);
  const after = world.restart(2);
  want(after, 9);
  endJobs(after);
  assert.is(answers(after)[0]!.snapshotNumber, 2);
  want(after, 10);
  assert.match(answers(after)[1]!.reason, 'there are 2 snapshots');
});

test('a fenced shard makes none, and one under way is not told of', () => {
  const world = filledWorld();
  want(world);
  world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  endJobs(world);
  assert.equal(answers(world), []);
  want(world, 8);
  assert.is(answers(world)[0]!.ok, false);
  assert.equal(endJobs(world), []);
});

test.run();
