import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { snapshotPrefix, tableName } from '@clockwise/storage/file-names';
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

function want(world: ReplicaWorld, snapshotNumber: number, request = 7): void {
  world.tell({ kind: 'snapshot-wanted', request, snapshotNumber }, 'backup');
}

function heard(world: ReplicaWorld): ActorMessage[] {
  return world.messages.filter(({ to }) => to === 'backup').map(({ message }) => message);
}

function answers(world: ReplicaWorld): Done[] {
  return heard(world).filter((message) => message.kind === 'snapshot-done');
}

/** By answer: the number of the snapshot, or the code of the refusal. */
function ends(world: ReplicaWorld): (number | string)[] {
  return answers(world).map(({ end }) => (end.ok ? end.snapshot.snapshotNumber : end.code));
}

function sizeOf(world: ReplicaWorld, name: string): number {
  const file = world.disk.open(name, 'read');
  if (!file.ok) throw new Error(file.detail);
  const size = world.disk.size(file.value);
  world.disk.close(file.value);
  return size.ok ? size.value : -1;
}

function figuresOf(world: ReplicaWorld): Readonly<Record<string, number | string>> {
  world.tell({ kind: 'figures-wanted', request: 1 }, 'backup');
  const told = heard(world).at(-1);
  if (told?.kind !== 'figures') throw new Error('figures were asked for');
  return told.figures;
}

function snapshotFiles(world: ReplicaWorld): string[] {
  return world.disk.names().filter((name) => name.startsWith('snapshot-'));
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
  want(world, 1);
  put(world, 'after the cut');
  const kinds = endJobs(world);
  assert.is(kinds[0], 'snapshot');
  assert.ok(kinds.length > 2 && kinds.slice(1).every((kind) => kind === 'check-snapshot'));
  const [{ request, end }] = answers(world) as [Done];
  if (!end.ok) throw new Error(end.reason);
  const { snapshotNumber, sequence, fileCount, byteCount } = end.snapshot;
  assert.equal([request, snapshotNumber, sequence], [7, 1, 5]);
  const bytes = snapshotFiles(world).map((name) => sizeOf(world, name));
  assert.equal([fileCount, byteCount], [bytes.length, bytes.reduce((sum, size) => sum + size)]);
  assert.equal(openedCounts(world, 1), { tables: 1, log: 2 });
});

test('[SC1] while it is made the log is told of no floor; afterwards of the one that stands', () => {
  const world = filledWorld();
  const floors = world.floors.length;
  want(world, 1);
  const making = world.jobs.shift()!;
  world.evict();
  assert.is(world.floors.length, floors, 'the flush counts, and the log keeps its segments');
  world.jobs.push(making);
  endJobs(world);
  assert.equal(ends(world), [1]);
  assert.is(world.floors.length, floors + 1);
  assert.equal(openedCounts(world, 1), { tables: 1, log: 2 });
});

test('[SC1] F11 tables that a merge drops while a snapshot is made are there for it, and go after it', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, { ...SMALL_LIMITS, runsMin: 2 });
  const flushRun = (run: string): void => {
    for (const key of ['a', 'b', 'c']) put(world, `${key} ${run}`);
    world.evict();
  };
  for (const run of ['first', 'second', 'third']) flushRun(run);
  want(world, 1);
  const making = world.jobs.shift()!;
  assert.ok(making.input.kind === 'snapshot');
  const { tables } = making.input.input.manifest;
  const names = tables.map(({ fileNumber }) => tableName(fileNumber));
  const there = (): number => names.filter((name) => world.disk.names().includes(name)).length;
  for (let beat = 0; beat < 10; beat += 1) {
    world.tell({ kind: 'merge-beat' });
    endJobs(world);
    world.passes(1000);
  }
  flushRun('fourth');
  flushRun('fifth');
  endJobs(world);
  assert.equal([names.length, there()], [3, 3]);
  world.jobs.push(making);
  assert.ok(endJobs(world).includes('remove'));
  assert.equal([ends(world), there()], [[1], 0]);
  assert.equal(openedCounts(world, 1), { tables: 3, log: 0 });
});

test('[SC1] where a table is ahead of the log the snapshot waits for the log', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, SMALL_LIMITS);
  put(world, 'a');
  world.memtable.freeze();
  world.step([], []);
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  endJobs(world);
  want(world, 1);
  assert.equal(endJobs(world), []);
  world.writeLog();
  world.step([], []);
  assert.is(endJobs(world)[0], 'snapshot');
  assert.equal(openedCounts(world, 1), { tables: 1, log: 0 });
});

test('[SC2] one that fails, in whichever job, is removed and its number refused from then on', () => {
  const world = filledWorld();
  want(world, 1);
  world.endJob('doubtful', 'ENOSPC');
  endJobs(world);
  want(world, 2);
  assert.equal(ends(world), ['DISK_FULL', 'DISK_FULL'], '[SC4] until there is room');
  world.passes(10_000);
  endJobs(world);
  want(world, 2);
  world.endJob();
  world.endJob('failed', 'EIO');
  assert.equal(endJobs(world).at(-1), 'remove-snapshot');
  assert.equal(snapshotFiles(world), []);
  want(world, 2);
  want(world, 1);
  want(world, 3);
  endJobs(world);
  assert.equal(ends(world).slice(2), ['FAILED', 'FAILED', 'FAILED', 3]);
});

test('[SC2] [SR2] the removal of one that failed is tried until it is done', () => {
  const world = filledWorld();
  want(world, 1);
  world.endJob();
  world.endJob('failed', 'EIO');
  assert.equal(ends(world), ['FAILED']);
  for (let turn = 0; turn < 3; turn += 1) {
    assert.equal(
      world.jobs.map(({ input }) => input.kind),
      ['remove-snapshot'],
    );
    world.endJob('failed', 'EIO');
    assert.equal(world.jobs, [], 'not at once');
    assert.ok(snapshotFiles(world).length > 0);
    world.passes(1000);
  }
  endJobs(world);
  assert.equal(snapshotFiles(world), []);
  world.passes(10_000);
  assert.not(world.jobs.some(({ input }) => input.kind === 'remove-snapshot'));
});

test('[SC2] numbers go on after a restart; as many as may be, and one at a time', () => {
  const world = filledWorld();
  want(world, 4);
  want(world, 5, 8);
  assert.equal(
    answers(world).map(({ request, end }) => [request, end.ok]),
    [[8, false]],
  );
  endJobs(world);
  const after = world.restart(2);
  after.tell({ kind: 'snapshots-wanted', request: 20 }, 'backup');
  const [told] = heard(after);
  if (told?.kind !== 'snapshots') throw new Error('what there is was asked');
  assert.equal([told.lastNumber, told.held[0]!.sequence], [4, 5]);
  assert.equal(told.held, [(answers(world)[1]!.end as { snapshot: unknown }).snapshot]);
  want(after, 4, 9);
  want(after, 5, 9);
  endJobs(after);
  assert.equal(ends(after), ['FAILED', 5]);
  want(after, 6, 10);
  assert.equal(ends(after).at(-1), 'TOO_MANY');
});

test('[SR1] a drop is answered when it is durable, makes room for another, and may be repeated', () => {
  const world = filledWorld();
  want(world, 1);
  world.tell({ kind: 'snapshot-drop', request: 30, snapshotNumber: 1 }, 'backup');
  endJobs(world);
  want(world, 2);
  endJobs(world);
  world.tell({ kind: 'snapshot-drop', request: 31, snapshotNumber: 1 }, 'backup');
  world.tell({ kind: 'snapshot-drop', request: 32, snapshotNumber: 1 }, 'backup');
  const dropped = (): unknown[] =>
    heard(world).flatMap((message) =>
      message.kind === 'snapshot-dropped' ? [[message.request, message.reason]] : [],
    );
  assert.equal(dropped(), [[30, 'it is being made']]);
  world.endJob('failed', 'EIO');
  assert.equal(dropped().slice(1), [
    [31, 'EIO'],
    [32, 'EIO'],
  ]);
  world.tell({ kind: 'snapshot-drop', request: 33, snapshotNumber: 1 }, 'backup');
  assert.equal(world.jobs, [], 'not at once');
  world.passes(1000);
  endJobs(world);
  world.tell({ kind: 'snapshot-drop', request: 34, snapshotNumber: 1 }, 'backup');
  endJobs(world);
  assert.equal(dropped().slice(3), [
    [33, ''],
    [34, ''],
  ]);
  assert.ok(snapshotFiles(world).every((name) => name.startsWith(snapshotPrefix(2))));
  want(world, 3);
  endJobs(world);
  assert.equal(ends(world), [1, 2, 3]);
});

test('[HS2] the figures say what only snapshots keep: nothing twice, nothing that the store names', () => {
  const world = filledWorld();
  const pinned = (): number[] => {
    const { snapshots = 0, pinnedFiles = 0, pinnedBytes = 0 } = figuresOf(world);
    return [Number(snapshots), Number(pinnedFiles), Number(pinnedBytes)];
  };
  assert.equal(pinned(), [0, 0, 0]);
  want(world, 1);
  endJobs(world);
  want(world, 2);
  endJobs(world);
  const own = snapshotFiles(world).filter((name) => /\.(log|manifest)-/.test(name));
  const bytesOf = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + sizeOf(world, name), 0);
  assert.equal(pinned(), [2, own.length, bytesOf(own)]);
  // The next flush brings other leaves: those of the snapshots live on by them alone.
  world.evict();
  const leaves = snapshotFiles(world).filter((name) => name.includes('.leaves-'));
  assert.is(leaves.length, 2);
  assert.equal(pinned(), [2, own.length + 1, bytesOf(own) + bytesOf(leaves.slice(1))]);
  for (const snapshotNumber of [1, 2]) {
    world.tell({ kind: 'snapshot-drop', request: 40, snapshotNumber }, 'backup');
    endJobs(world);
  }
  assert.equal(pinned(), [0, 0, 0]);
});

test('[SC5] F23 a snapshot that a disk does not finish has failed; its job reads undisturbed, and all of it goes', () => {
  const world = filledWorld();
  const { snapshotJobMsMax } = SMALL_LIMITS;
  want(world, 1);
  world.passes(snapshotJobMsMax - 1000);
  assert.equal(ends(world), []);
  const stuck = world.jobs.shift()!;
  world.passes(1000);
  const [{ end }] = answers(world) as [Done];
  assert.ok(!end.ok && end.code === 'FAILED');
  assert.match(end.ok ? '' : end.reason, /within 120 s \(snapshotJobMsMax\)/);
  const floors = world.floors.length;
  world.evict();
  assert.is(world.floors.length, floors, 'the log is held for a job that may still read');
  want(world, 2, 8);
  assert.equal(ends(world), ['FAILED', 'BUSY']);
  world.tell({ kind: 'snapshot-drop', request: 9, snapshotNumber: 1 }, 'backup');
  assert.match(JSON.stringify(heard(world).at(-1)), /has not ended/);
  // The disk is back.
  world.jobs.push(stuck);
  assert.equal(endJobs(world), ['snapshot', 'remove-snapshot']);
  assert.is(world.floors.length, floors + 1);
  assert.equal(snapshotFiles(world), []);
  want(world, 2, 9);
  endJobs(world);
  assert.equal(ends(world), ['FAILED', 'BUSY', 2]);
});

test('[SC5] F23 a snapshot that is not read through in time is none, and goes when the reading has ended', () => {
  const world = filledWorld();
  want(world, 1);
  world.endJob();
  assert.is(world.jobs[0]!.input.kind, 'check-snapshot');
  world.passes(SMALL_LIMITS.snapshotJobMsMax);
  assert.equal(ends(world), ['FAILED']);
  world.endJob();
  assert.equal(endJobs(world), ['remove-snapshot']);
  assert.equal([snapshotFiles(world), ends(world)], [[], ['FAILED']]);
});

test('[SR3] F23 who drops a snapshot hears of a disk that does not do it, and it is done in the end', () => {
  const world = filledWorld();
  want(world, 1);
  endJobs(world);
  const dropped = (): unknown[] =>
    heard(world).flatMap((message) =>
      message.kind === 'snapshot-dropped' ? [[message.request, message.reason]] : [],
    );
  world.tell({ kind: 'snapshot-drop', request: 30, snapshotNumber: 1 }, 'backup');
  world.passes(SMALL_LIMITS.snapshotJobMsMax - 1000);
  assert.equal(dropped(), []);
  world.passes(1000);
  const reason = 'the disk has not removed it within 120 s; it goes on';
  assert.equal(dropped(), [[30, reason]]);
  world.tell({ kind: 'snapshot-drop', request: 31, snapshotNumber: 1 }, 'backup');
  world.passes(1000);
  assert.equal(dropped(), [
    [30, reason],
    [31, reason],
  ]);
  assert.is(world.jobs.length, 1, 'one job at a time');
  endJobs(world);
  assert.equal([snapshotFiles(world), dropped().length], [[], 2]);
});

test('[SC4] a fenced shard makes none and drops none, and one under way is not told of', () => {
  const world = filledWorld();
  want(world, 1);
  world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  endJobs(world);
  assert.equal(answers(world), []);
  want(world, 2, 8);
  world.tell({ kind: 'snapshot-drop', request: 9, snapshotNumber: 1 }, 'backup');
  assert.equal(ends(world), ['SHARD_DOWN']);
  const reason = 'the shard serves no longer';
  assert.equal(heard(world).at(-1), { kind: 'snapshot-dropped', request: 9, ok: false, reason });
  assert.equal(endJobs(world), []);
});

test.run();
