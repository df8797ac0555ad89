import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { ERRORS } from '@clockwise/protocol/errors';
import { parseFileName, tableName } from '@clockwise/storage/file-names';
import type { JobInput } from '@clockwise/storage/jobs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from './memory-disk.ts';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import { textOfBytes } from './sample-operations.ts';

const LIMITS = {
  ...SMALL_LIMITS,
  runsMin: 3,
  runsSlow: 8,
  runsMax: 16,
  tableBytes: 4096,
  levelBytes1: 1 << 20,
};
const KEYS = 40;

function byNumber(left: number, right: number): number {
  return left - right;
}

function newWorld(): ReplicaWorld {
  return new ReplicaWorld(new MemoryDisk(), 1, LIMITS);
}

/** One run of level 0: each key with the run's number, in a table. */
function flushRun(world: ReplicaWorld, run: number): void {
  for (let key = 0; key < KEYS; key += 1) {
    const value = `run ${run} ${'x'.repeat(100)}`;
    world.ask([{ kind: 'write', key: `key ${key}`, value }]);
    world.endReads();
    world.consumeAll();
  }
  world.evict();
}

function worldWithRuns(count: number): ReplicaWorld {
  const world = newWorld();
  for (let run = 0; run < count; run += 1) flushRun(world, run);
  return world;
}

function told<Kind extends ActorMessage['kind']>(
  world: ReplicaWorld,
  kind: Kind,
): Extract<ActorMessage, { readonly kind: Kind }>[] {
  return world.messages
    .filter(({ to, message }) => to === 'compactor' && message.kind === kind)
    .map(({ message }) => message as Extract<ActorMessage, { readonly kind: Kind }>);
}

function jobKinds(world: ReplicaWorld): JobInput['kind'][] {
  return world.jobs.map((job) => job.input.kind);
}

/** Beats until the replica says that there are no more; as a compactor without pauses. */
function mergeAll(world: ReplicaWorld): number {
  for (let beat = 1; beat < 100; beat += 1) {
    world.tell({ kind: 'merge-beat' });
    while (world.jobs.length > 0) world.endJob();
    if (!told(world, 'merge-ended').at(-1)!.more) return beat;
  }
  throw new Error('merges come to an end');
}

function tableFiles(world: ReplicaWorld): number[] {
  return world.disk
    .names()
    .map(parseFileName)
    .flatMap((file) => (file?.kind === 'table' ? [file.fileNumber] : []));
}

function valuesOf(world: ReplicaWorld): Set<string> {
  const values = new Set<string>();
  for (let key = 0; key < KEYS; key += 1) {
    let [reply] = world.ask([{ kind: 'read', key: `key ${key}` }]);
    if (reply === undefined) [reply] = world.endReads();
    const [record] = reply!.records;
    const value = textOfBytes(record!.siblings[0]!.value);
    values.add(value.slice(0, value.indexOf('x') - 1));
    world.consumeAll();
  }
  return values;
}

test('[CC1] three runs want a merge; beat by beat they become tables of level 1 with the same records', () => {
  const world = worldWithRuns(3);
  const wanted = told(world, 'merge-wanted').at(-1)!;
  assert.ok(wanted.score > 0);
  assert.ok(wanted.runs >= 3);
  assert.equal(jobKinds(world), [], 'nobody has told it to');
  const before = tableFiles(world).length;
  assert.ok(mergeAll(world) > 1, 'a beat writes one table at the most');
  const { figures } = figuresOf(world);
  assert.is(figures['runs'], 0);
  assert.is(figures['levels'], 1);
  assert.ok((figures['mergesEnded'] as number) >= 1);
  assert.ok((figures['recordsDroppedOlder'] as number) >= 2 * KEYS);
  assert.ok((figures['writeAmplification'] as number) > 1);
  assert.ok((figures['tables'] as number) < before);
  assert.equal([...valuesOf(world)], ['run 2']);
});

function figuresOf(world: ReplicaWorld): {
  readonly figures: Readonly<Record<string, number | string>>;
} {
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const last = world.messages.at(-1)!.message;
  if (last.kind !== 'figures') throw new Error('figures are answered');
  return last;
}

test('[SP2, SP3] the inputs go when the edition after the next is durable, not before, and nobody reads them', () => {
  const world = worldWithRuns(3);
  const inputs = tableFiles(world);
  mergeAll(world);
  assert.ok(
    inputs.every((file) => tableFiles(world).includes(file)),
    'the kept edition names them',
  );
  world.passes(1000);
  assert.equal(jobKinds(world), ['manifest'], 'a settling edition');
  while (world.jobs.length > 0) world.endJob();
  assert.not(inputs.some((file) => tableFiles(world).includes(file)));
  assert.equal([...valuesOf(world)], ['run 2']);
  const after = world.restart(2);
  assert.equal([...valuesOf(after)], ['run 2']);
});

test('[CC1] a search that began before holds its tables until its read is in', () => {
  const world = worldWithRuns(3);
  const inputs = tableFiles(world);
  assert.is(world.ask([{ kind: 'read', key: 'key 7' }]).length, 0, 'it waits for the disk');
  const { file } = world.reads[0]!;
  mergeAll(world);
  for (let second = 0; second < 3; second += 1) {
    world.passes(1000);
    while (world.jobs.length > 0) world.endJob();
  }
  assert.ok(world.disk.names().includes(file));
  const [reply] = world.endReads();
  assert.match(textOfBytes(reply!.records[0]!.siblings[0]!.value), 'run 2');
  world.passes(1000);
  while (world.jobs.length > 0) world.endJob();
  assert.not(inputs.some((number) => tableFiles(world).includes(number)));
});

test('[CC1] one beat at a time; whoever asks meanwhile, or for nothing, is told so', () => {
  const world = worldWithRuns(3);
  world.tell({ kind: 'merge-beat' });
  world.tell({ kind: 'merge-beat' });
  assert.equal(jobKinds(world), ['merge']);
  assert.equal(
    told(world, 'merge-ended').map(({ ok }) => ok),
    [false],
  );
  world.endJob();
  mergeAll(world);
  world.messages.length = 0;
  world.tell({ kind: 'merge-beat' });
  assert.equal(jobKinds(world), []);
  const [ended] = told(world, 'merge-ended');
  assert.equal(ended, {
    kind: 'merge-ended',
    shard: 0,
    bytes: 0,
    elapsedMs: 0,
    more: false,
    ok: true,
  });
});

test('[CC1] a compactor that begins anew is told what is wanted', () => {
  const world = worldWithRuns(3);
  world.messages.length = 0;
  world.tell({ kind: 'frozen-wanted' });
  assert.ok(told(world, 'merge-wanted')[0]!.score > 0);
});

test('[CC1] a beat tells how long it took and how much it moved', () => {
  const world = worldWithRuns(3);
  world.tell({ kind: 'merge-beat' });
  world.stepMs = 25;
  world.endJob();
  const [ended] = told(world, 'merge-ended');
  assert.is(ended!.elapsedMs, 25);
  assert.ok(ended!.bytes > LIMITS.tableBytes);
});

test('[CC2, SW1] after a fence no beat begins, and what a beat made, the last one too, is not published', () => {
  const beatCount = mergeAll(worldWithRuns(3));
  for (let done = 0; done < beatCount; done += 1) {
    const world = worldWithRuns(3);
    for (let beat = 0; beat < done; beat += 1) {
      world.tell({ kind: 'merge-beat' });
      while (world.jobs.length > 0) world.endJob();
    }
    world.tell({ kind: 'merge-beat' });
    world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
    world.endJob();
    world.messages.length = 0;
    world.tell({ kind: 'merge-beat' });
    world.passes(5000);
    assert.equal(jobKinds(world), [], `after ${done} beats`);
    assert.equal(told(world, 'merge-ended'), []);
    assert.equal([...valuesOf(world.restart(2))], ['run 2']);
  }
});

test('[CC2, SW1] a fence while the edition of a merge is under way: whether it counts is the opening`s to see', () => {
  for (const how of ['done', 'failed'] as const) {
    const world = worldWithRuns(3);
    for (let beat = 0; beat < 20 && jobKinds(world)[0] !== 'manifest'; beat += 1) {
      world.tell({ kind: 'merge-beat' });
      if (world.jobs[0]!.input.kind === 'merge') world.endJob();
    }
    assert.equal(jobKinds(world), ['manifest']);
    world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
    world.endJob(how);
    assert.equal(jobKinds(world), []);
    assert.equal([...valuesOf(world.restart(2))], ['run 2'], how);
  }
});

test('[CC3, SP1] no edition of a merge raises the floor of the log', () => {
  const world = worldWithRuns(3);
  const floors = [...world.floors];
  world.ask([{ kind: 'write', key: 'late', value: 'only in the log' }]);
  mergeAll(world);
  world.passes(1000);
  while (world.jobs.length > 0) world.endJob();
  assert.equal(world.floors, floors);
  world.writeLog();
  const after = world.restart(2, true);
  const [reply] = after.ask([{ kind: 'read', key: 'late' }]);
  assert.is(reply!.records.length, 1);
});

test('a beat that fails leaves its inputs alone, and what it wrote goes', () => {
  const world = worldWithRuns(3);
  const inputs = tableFiles(world);
  world.tell({ kind: 'merge-beat' });
  world.endJob();
  world.tell({ kind: 'merge-beat' });
  world.endJob('doubtful', 'EIO');
  const ended = told(world, 'merge-ended').at(-1)!;
  assert.not(ended.ok);
  assert.is(figuresOf(world).figures['mergesFailed'], 1);
  world.passes(1000);
  while (world.jobs.length > 0) world.endJob();
  assert.equal(tableFiles(world), inputs);
  assert.equal([...valuesOf(world)], ['run 2']);
  flushRun(world, 3);
  assert.is(told(world, 'merge-wanted').at(-1)!.score, 0, 'a new table is no reason to try again');
  world.passes(60_000);
  assert.ok(told(world, 'merge-wanted').at(-1)!.score > 0);
  mergeAll(world);
  assert.equal([...valuesOf(world)], ['run 3']);
});

test('[CC4] where a table is damaged, so that nothing can be merged, writes go on', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, { ...LIMITS, runsSlow: 4, runsMax: 6 });
  for (let run = 0; run < 5; run += 1) {
    world.ask([{ kind: 'write', key: `run ${run}`, value: 'x' }]);
    world.evict();
  }
  world.tell({ kind: 'merge-beat' });
  world.endJob('failed', 'EIO');
  for (let run = 5; run < 12; run += 1) {
    const [reply] = world.ask([{ kind: 'write', key: `run ${run}`, value: 'x' }]);
    assert.is(reply!.status, 0);
    world.evict();
  }
  mergeAll(world);
  world.ask([{ kind: 'read', key: 'run 3' }]);
  assert.is(world.endReads()[0]!.records.length, 1);
});

/** Another byte in the first block of each. */
function damage(world: ReplicaWorld, fileNumbers: readonly number[]): void {
  for (const fileNumber of fileNumbers) {
    const handle = world.disk.open(tableName(fileNumber), 'write');
    if (!handle.ok) throw new Error(handle.detail);
    world.disk.write(handle.value, [new Uint8Array(16).fill(0x55)], 40);
    world.disk.close(handle.value);
  }
}

test('[CC4] runs found at the opening refuse no write, though none of them can be read', () => {
  const limits = { ...LIMITS, runsSlow: 4, runsMax: 6 };
  const before = new ReplicaWorld(new MemoryDisk(), 1, { ...limits, runsSlow: 40, runsMax: 60 });
  for (let run = 0; run < 9; run += 1) flushRun(before, run);
  const inputs = tableFiles(before);
  damage(before, inputs);
  before.disk.crash(false);
  const world = new ReplicaWorld(before.disk, 2, limits);
  assert.is(figuresOf(world).figures['runs'], inputs.length);
  assert.ok(inputs.length > limits.runsMax);
  for (let run = 0; run < 20; run += 1) {
    // The second half: it is time to try each of them again.
    if (run === 10) world.passes(2 * 3600 * 1000);
    const [reply] = world.ask([{ kind: 'write', key: `new ${run}`, value: 'x' }]);
    assert.is(reply!.status, 0, `write ${run}`);
    world.evict();
    mergeAll(world);
  }
  const { figures } = figuresOf(world);
  assert.ok((figures['mergesBlocked'] as number) > limits.runsMax, 'merges met them one by one');
  assert.ok((figures['runs'] as number) <= inputs.length + 3, 'those that came since become one');
  world.ask([{ kind: 'read', key: 'new 3' }]);
  assert.is(world.endReads()[0]!.records.length, 1);
});

test('[CC4] runs that merges could make fewer press, also those that came since the opening', () => {
  const world = new ReplicaWorld(new MemoryDisk(), 1, { ...LIMITS, runsSlow: 4, runsMax: 6 });
  const statuses = new Set<number>();
  for (let run = 0; run < 8; run += 1) {
    const [reply] = world.ask([{ kind: 'write', key: `run ${run}`, value: 'x' }]);
    statuses.add(reply!.status);
    if (reply!.status === 0) world.evict();
  }
  assert.ok(statuses.has(ERRORS.OVERLOADED.code));
  mergeAll(world);
  const [reply] = world.ask([{ kind: 'write', key: 'after', value: 'x' }]);
  assert.is(reply!.status, 0);
});

test('an edition that fails is tried again by the next beat, under another number', () => {
  const world = worldWithRuns(3);
  while (jobKinds(world)[0] !== 'manifest') {
    world.tell({ kind: 'merge-beat' });
    if (world.jobs[0]!.input.kind === 'merge') world.endJob();
  }
  const editions: number[] = [];
  const noteEdition = (): void => {
    const { input } = world.jobs[0]!;
    if (input.kind === 'manifest') editions.push(input.manifest.edition);
  };
  for (const how of ['failed', 'doubtful'] as const) {
    noteEdition();
    world.endJob(how);
    const ended = told(world, 'merge-ended').at(-1)!;
    assert.not(ended.ok);
    assert.ok(ended.more, 'the edition waits');
    assert.equal(jobKinds(world), [], 'nothing is removed while the outcome is unknown');
    world.tell({ kind: 'merge-beat' });
  }
  noteEdition();
  while (world.jobs.length > 0) world.endJob();
  assert.ok(told(world, 'merge-ended').at(-1)!.ok);
  assert.is(new Set(editions).size, 3);
  assert.equal([...valuesOf(world)], ['run 2']);
});

test('killed at any time of a merge: what the edition that counts does not name is gone, nothing else', () => {
  for (let jobs = 0; jobs < 6; jobs += 1) {
    const world = worldWithRuns(3);
    for (let job = 0; job < jobs; job += 1) {
      if (world.jobs.length === 0) world.tell({ kind: 'merge-beat' });
      if (world.jobs.length > 0) world.endJob();
    }
    const after = world.restart(2, jobs % 2 === 0);
    const named = after.options.manifest.tables.map(({ fileNumber }) => fileNumber);
    assert.equal(
      tableFiles(after).toSorted(byNumber),
      named.toSorted(byNumber),
      `after ${jobs} jobs`,
    );
    assert.equal([...valuesOf(after)], ['run 2'], `after ${jobs} jobs`);
  }
});

test('on a full disk merges wait, and go on when there is room', () => {
  const world = worldWithRuns(3);
  world.step([], [{ kind: 'log-full', reserveUsed: 1 }]);
  world.tell({ kind: 'merge-beat' });
  assert.equal(
    told(world, 'merge-ended').map(({ ok }) => ok),
    [false],
  );
  assert.not(jobKinds(world).includes('merge'));
});

test.run();
