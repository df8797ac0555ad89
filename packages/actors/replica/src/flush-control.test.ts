import { LANE } from '@clockwise/kernel/core';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import { leavesName, manifestName, tableName } from '@clockwise/storage/file-names';
import type { JobInput } from '@clockwise/storage/jobs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import { textOfBytes } from './sample-operations.ts';

const VALUE = 'v'.repeat(300);

/** Writes until one more chunk is frozen. */
function fillChunk(world: ReplicaWorld, target = 0): void {
  const { pool } = world.memtable;
  const before = pool.countState(CHUNK_STATE.frozen);
  for (let index = 0; pool.countState(CHUNK_STATE.frozen) === before; index += 1) {
    assert.ok(index < 100, 'a chunk has an end');
    world.ask([{ kind: 'write', key: `key ${index % 5}`, value: VALUE }], target);
  }
}

function sameWords(left: Int32Array, right: Int32Array): boolean {
  return left.every((word, index) => word === right[index]);
}

function told(world: ReplicaWorld, kind: ActorMessage['kind']): ActorMessage[] {
  return world.messages.map(({ message }) => message).filter((message) => message.kind === kind);
}

function jobKinds(world: ReplicaWorld): JobInput['kind'][] {
  return world.jobs.map((job) => job.input.kind);
}

test('[FC1] a table counts, and the floor rises, when the manifest that names it is durable', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  const { chunk } = told(world, 'chunk-frozen')[0] as { chunk: number };
  world.tell({ kind: 'flush-chunk', chunk });
  assert.equal(jobKinds(world), ['flush']);
  world.endJob();
  assert.equal(jobKinds(world), ['manifest']);
  assert.equal(world.floors, []);
  assert.is(world.memtable.pool.states[chunk], CHUNK_STATE.flushing);
  const { lastSequence } = world.memtable.describe(chunk);
  world.endJob();
  assert.equal(world.floors, [lastSequence]);
  assert.is(world.memtable.pool.states[chunk], CHUNK_STATE.resident);
  assert.equal(told(world, 'chunk-flushed'), [
    { kind: 'chunk-flushed', shard: 0, chunk, ok: true },
  ]);
});

test('[FC1] killed before the manifest, the records come from the log; killed after it, from the table', () => {
  for (const jobsDone of [0, 1, 2]) {
    for (const powerLoss of [false, true]) {
      const world = new ReplicaWorld();
      fillChunk(world);
      world.writeLog();
      world.tell({ kind: 'flush-chunk', chunk: 0 });
      for (let job = 0; job < jobsDone; job += 1) world.endJob();
      const { words } = world.options.leaves;
      const after = world.restart(2, powerLoss);
      assert.is(after.options.tables.length, jobsDone === 2 ? 1 : 0);
      assert.ok(sameWords(after.options.leaves.words, words), `${jobsDone} ${powerLoss} leaves`);
      after.ask([{ kind: 'read', key: 'key 3' }]);
      after.endReads();
      const [reply] = after.ask([{ kind: 'read', key: 'key 3' }]);
      assert.is(textOfBytes(reply!.records[0]!.siblings[0]!.value), VALUE);
    }
  }
});

test('[FC1] a table may be ahead of the log: killed then, its records are there and sequences go on', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  world.endJob();
  world.endJob();
  const floor = world.floors[0]!;
  const after = world.restart(2, true);
  assert.is(after.memtable.nextSequence, floor + 1);
  after.ask([{ kind: 'write', key: 'late', value: 'x' }]);
  after.writeLog();
  const again = after.restart(3, true);
  assert.is(again.ask([{ kind: 'read', key: 'late' }])[0]!.records.length, 1);
  assert.is(again.memtable.nextSequence, floor + 2);
});

test('[FC2] one flush at a time, the oldest chunk first; whoever asks meanwhile is told to try again', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  fillChunk(world);
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  world.tell({ kind: 'flush-chunk', chunk: 1 });
  assert.equal(jobKinds(world), ['flush']);
  assert.equal(told(world, 'chunk-flushed'), [
    { kind: 'chunk-flushed', shard: 0, chunk: 1, ok: false },
  ]);
});

test('[FC2] a chunk that was asked for, but is not the oldest, is not lost: it is reported again', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  fillChunk(world);
  world.messages.length = 0;
  world.tell({ kind: 'flush-chunk', chunk: 1 });
  world.endJob();
  world.endJob();
  const flushed = { kind: 'chunk-flushed', shard: 0, ok: true } as const;
  assert.equal(told(world, 'chunk-flushed'), [
    { ...flushed, chunk: 0 },
    { ...flushed, chunk: 1 },
  ]);
  assert.equal(
    told(world, 'chunk-frozen').map((message) => 'chunk' in message && message.chunk),
    [1],
  );
});

test('[FC2] a compactor that begins anew is told of every frozen chunk', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  fillChunk(world);
  world.messages.length = 0;
  world.tell({ kind: 'frozen-wanted' });
  assert.is(told(world, 'chunk-frozen').length, 2);
});

test('[FC2] after a failure neither a file number nor an edition is used again, F8', () => {
  const numbers = new Set<string>();
  const world = new ReplicaWorld();
  fillChunk(world);
  const useNumbers = (): void => {
    const input = world.jobs[0]!.input;
    const used =
      input.kind === 'flush'
        ? [tableName(input.input.fileNumber), leavesName(input.input.leaves!.fileNumber)]
        : input.kind === 'manifest'
          ? [manifestName(input.manifest.edition)]
          : [];
    for (const name of used) {
      assert.not(numbers.has(name), name);
      numbers.add(name);
    }
  };
  // Three times the flush, then three times its edition.
  const ends = ['failed', 'doubtful', 'done', 'failed', 'doubtful', 'done'] as const;
  for (const end of ends) {
    // Of what failed, files that nobody will name are removed meanwhile.
    while (world.jobs[0]?.input.kind === 'remove') world.endJob();
    if (world.jobs.length === 0) world.tell({ kind: 'flush-chunk', chunk: 0 });
    useNumbers();
    world.endJob(end);
  }
  assert.equal(
    told(world, 'chunk-flushed').map((message) => 'ok' in message && message.ok),
    [false, false, false, false, true],
  );
  assert.is(world.floors.length, 1);
});

test('[FC2] an edition that failed may count after a crash, and opens to the same records', () => {
  const world = new ReplicaWorld();
  fillChunk(world);
  world.writeLog();
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  world.endJob();
  world.endJob('doubtful');
  const { words } = world.options.leaves;
  const after = world.restart(2);
  assert.is(after.options.tables.length, 1, 'the edition counts');
  assert.ok(sameWords(after.options.leaves.words, words));
  fillChunk(after);
  after.flushAll();
  assert.ok(after.restart(3).options.tables.length > 1);
});

test('[FC2] of the leaves, those of the edition that counts and of the one before it are kept', () => {
  const world = new ReplicaWorld();
  for (let round = 0; round < 4; round += 1) {
    fillChunk(world);
    world.writeLog();
    world.flushAll();
    world.consumeAll();
    world.step([], []);
    world.step([], []);
  }
  const kept = world.disk.names().filter((name) => /^(leaves|manifest)/.test(name));
  assert.is(kept.filter((name) => name.startsWith('leaves')).length, 2);
  assert.is(kept.filter((name) => name.startsWith('manifest')).length, 2);
});

/** Chunks that were given up, and not given back yet. */
function retiredCount(world: ReplicaWorld): number {
  return world.memtable.pool.countState(CHUNK_STATE.retired);
}

/** Resident chunks until memory is wanted and the oldest is given up. */
function fillMemory(world: ReplicaWorld, target = 0): void {
  for (let filled = 0; retiredCount(world) === 0; filled += 1) {
    assert.ok(filled < SMALL_LIMITS.memtableChunksMax, 'memory has an end');
    fillChunk(world, target);
    world.flushAll();
  }
}

test('[FC3] a retired chunk is given back when coordinators have let go of both lanes', () => {
  for (const last of [LANE.now, LANE.durable]) {
    const world = new ReplicaWorld();
    world.ask([{ kind: 'write', key: 'key 0', value: VALUE, forward: true }], 1);
    fillMemory(world, 1);
    world.writeLog();
    world.step([], []);
    world.consume(1, last === LANE.now ? LANE.durable : LANE.now);
    world.step([], []);
    const before = retiredCount(world);
    assert.ok(before > 0, 'one lane still names it');
    world.consume(1, last);
    world.step([], []);
    assert.is(retiredCount(world), 0);
  }
});

test('[FC3] a chunk is not given back before the log writer has written it, whoever else is gone', () => {
  const world = new ReplicaWorld();
  world.deadTargets.add(0);
  fillMemory(world);
  for (let step = 0; step < 3; step += 1) world.step([], []);
  assert.ok(retiredCount(world) > 0);
  world.writeLog();
  world.step([], []);
  world.step([], []);
  assert.is(retiredCount(world), 0);
});

test('[FC3] without a reader that lets go, writes are refused and memory stays as it is', () => {
  const world = new ReplicaWorld();
  let refused = 0;
  for (let index = 0; index < 400; index += 1) {
    const [reply] = world.ask([{ kind: 'write', key: `key ${index}`, value: VALUE }]);
    if (reply!.status !== 0) refused += 1;
    world.writeLog();
    world.flushAll();
  }
  assert.ok(refused > 0);
  // Looks at every record that was ever named.
  world.consumeAll();
  assert.ok(world.memtable.pool.states.length === SMALL_LIMITS.memtableChunksMax);
});

test.run();
