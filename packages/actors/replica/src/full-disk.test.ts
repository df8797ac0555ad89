/** F17: what clients and other replicas hear of a shard whose disk is full, and that it mends itself. */
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import type { RecordObject } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DISK_SPACE_TIMER } from './disk-space.ts';
import { MemoryDisk } from './memory-disk.ts';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import { bytesOfText, type SampleOperation, token64 } from './sample-operations.ts';

const LIMITS = { ...SMALL_LIMITS, diskReserveBytes: 4096, reserveFilesMin: 1 };
const FULL = ERRORS.DISK_FULL.code;

/** A shard with a whole reserve. */
function newWorld(): ReplicaWorld {
  const world = new ReplicaWorld(new MemoryDisk(), 1, LIMITS);
  assert.equal(
    world.jobs.map(({ input }) => input.kind),
    ['reserve'],
  );
  world.endJob();
  return world;
}

function logFull(world: ReplicaWorld, reserveUsed: number): void {
  world.step([], [{ kind: 'log-full', reserveUsed }]);
}

/** What one operation is answered. */
function statusOf(world: ReplicaWorld, operation: SampleOperation): number {
  const [reply] = world.ask([operation]);
  world.writeLog();
  return reply!.status;
}

/** As another replica made it; without a value: a delete. */
function foreign(key: string, counter: bigint, value?: string): RecordObject {
  const dot = { incarnation: 99n, counter };
  const sibling = {
    dot,
    operation: { session: 0n, sequence: 0 },
    tombstone: value === undefined,
    codec: 0,
    expirySeconds: 0,
    hybrid: 5n,
    value: bytesOfText(value ?? ''),
  };
  const fields = { bucketId: 1, replicationClass: 0, context: [dot], recents: [] };
  return { ...fields, token: token64(1, key), key: bytesOfText(key), siblings: [sibling] };
}

const put = (key: string): SampleOperation => ({ kind: 'write', key, value: `value of ${key}` });
const del = (key: string): SampleOperation => ({ kind: 'write', key, value: undefined });
const get = (key: string): SampleOperation => ({ kind: 'read', key });
const store = (record: RecordObject): SampleOperation => ({ kind: 'store', record });

test('F17 on a full disk values are refused, and deletes, reads, scans and flushes go on', () => {
  const world = newWorld();
  world.ask([put('a'), store(foreign('b', 1n, 'theirs'))]);
  world.writeLog();
  logFull(world, 1);
  const sequence = world.memtable.nextSequence;
  assert.is(statusOf(world, put('a')), FULL);
  assert.is(statusOf(world, put('new')), FULL);
  assert.is(statusOf(world, store(foreign('b', 2n, 'later'))), FULL);
  assert.is(world.memtable.nextSequence, sequence, 'nothing was appended');
  assert.is(statusOf(world, store(foreign('b', 1n, 'theirs'))), STATUS_OK, 'it is there already');
  for (const operation of [get('a'), { kind: 'scan', partition: 0 } as const]) {
    assert.is(statusOf(world, operation), STATUS_OK);
  }
  assert.is(statusOf(world, del('a')), STATUS_OK);
  assert.is(statusOf(world, store(foreign('b', 3n))), STATUS_OK);
  world.evict();
  world.ask([get('b')]);
  const [reply] = world.endReads();
  assert.is(reply!.records[0]!.siblings[0]!.tombstone, true);
  assert.is(statusOf(world, put('c')), FULL, 'a flush is no room');
});

test('F17 when the reserve is nearly used up deletes are refused too, and reads go on', () => {
  const world = newWorld();
  world.ask([put('a')]);
  world.writeLog();
  logFull(world, 3);
  assert.is(statusOf(world, del('a')), FULL);
  assert.is(statusOf(world, store(foreign('a', 3n))), FULL);
  assert.is(statusOf(world, get('a')), STATUS_OK);
  world.tell({ kind: 'figures-wanted', request: 1 }, 'main');
  const { message } = world.messages.at(-1)!;
  assert.ok(message.kind === 'figures');
  const { diskFull, reserveFiles, refusedByFullDisk } = message.figures;
  assert.equal(
    { diskFull, reserveFiles, refusedByFullDisk },
    { diskFull: 1, reserveFiles: 1, refusedByFullDisk: 2 },
  );
});

test('F17 with room again all is taken, without a restart', () => {
  const world = newWorld();
  logFull(world, 1);
  assert.is(statusOf(world, put('a')), FULL);
  world.now = world.timers.get(DISK_SPACE_TIMER)!;
  world.step([], [{ kind: 'timer', timer: DISK_SPACE_TIMER }]);
  world.endJob();
  assert.is(statusOf(world, put('a')), STATUS_OK);
  assert.is(statusOf(world, store(foreign('b', 2n, 'later'))), STATUS_OK);
});

test('F17 a job without room tells of a full disk before the log meets it', () => {
  const world = newWorld();
  world.ask([put('a')]);
  world.writeLog();
  world.memtable.freeze();
  world.step([], []);
  world.tell({ kind: 'flush-chunk', chunk: 0 });
  world.endJob('failed', 'ENOSPC');
  assert.is(statusOf(world, put('b')), FULL);
  assert.is(statusOf(world, del('a')), STATUS_OK, 'the log has its reserve');
});

test.run();
