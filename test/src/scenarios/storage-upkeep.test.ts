/** An embedded store on a disk that refuses some of what its upkeep asks for, and one opened with other limits. */
import { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { runJob } from '@clockwise/storage/jobs';
import { longestSegmentBytes, SEGMENT_BYTES_MAX } from '@clockwise/storage/log-format';
import { snapshotNumbers } from '@clockwise/storage/snapshot-job';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRC } from './inline-jobs.ts';
import { ROOMY } from './local-configurations.ts';
import {
  get,
  type LocalConfiguration,
  mustOpenLocal,
  put,
  SMALL,
  WHOLE_RANGE,
} from './local-fixture.ts';

const KIB = 1024;

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng('upkeep') });
}

/** [group, segment, chunk, value] bytes: a group of one record is longer than groups and segments may be. */
const LONG_RECORDS = [
  [1 * KIB, 4 * KIB, 64 * KIB, 20_000],
  [4 * KIB, 8 * KIB, 64 * KIB, 40_000],
] as const;

for (const [logGroupBytesMax, logSegmentBytes, memtableChunkBytes, valueBytes] of LONG_RECORDS) {
  const what = `a record of ${valueBytes} B in segments of ${logSegmentBytes} B`;
  const limits = { logGroupBytesMax, logSegmentBytes, memtableChunkBytes };
  const configuration: LocalConfiguration = { ...ROOMY, ...limits };

  test(`[SG1] ${what} that was acknowledged is there after a reopening, and in a snapshot`, () => {
    const disk = newDisk();
    const store = mustOpenLocal(disk, { configuration });
    assert.is(put(store, 1, 1, valueBytes), 'ok');
    const number = store.snapshot()!;
    store.settle();
    assert.is(store.snapshotState(number), 'done', store.jobFailure?.detail);
    disk.crash('keep-all');
    const again = mustOpenLocal(disk, { configuration, mustExist: true });
    assert.is(get(again, 1), 1);
  });
}

test('[SG1] what was written with long segments opens with limits that are lower', () => {
  const disk = newDisk();
  const store = mustOpenLocal(disk, { configuration: { ...SMALL, logSegmentBytes: 256 * KIB } });
  for (let key = 0; key < 10; key += 1) assert.is(put(store, key, key + 1, 60), 'ok');
  assert.ok(store.close());
  const again = mustOpenLocal(disk, { configuration: SMALL, mustExist: true });
  for (let key = 0; key < 10; key += 1) assert.is(get(again, key), key + 1);
});

test('[SG1] limits under which a segment could become too long to be read are refused', () => {
  const configuration = { ...SMALL, logSegmentBytes: SEGMENT_BYTES_MAX };
  assert.ok(longestSegmentBytes(configuration) > SEGMENT_BYTES_MAX);
  assert.throws(() => mustOpenLocal(newDisk(), { configuration }), /too long/);
});

test('F12 F18 [LUP2] flushes that fail leave no files behind', () => {
  for (const [operation, code] of [
    ['read', 'EIO'],
    ['open', 'EMFILE'],
  ] as const) {
    const disk = newDisk();
    const store = mustOpenLocal(disk, { configuration: SMALL });
    for (let key = 0; key < 50; key += 1) assert.is(put(store, key, key + 1, 60), 'ok');
    assert.ok(store.commit(true));
    store.freeze();
    disk.inject({ operation, nth: 1, code, forever: true });
    for (let turn = 0; turn < 10; turn += 1) store.settle();
    assert.ok(store.figures()['jobsFailed']! >= 5);
    assert.ok(
      disk.names('table-').length <= 1,
      `${operation}: ${disk.names('table-').length} files`,
    );
    disk.clearFaults();
    for (let turn = 0; turn < 5; turn += 1) store.settle();
    const { tables } = store.versions.manifest;
    assert.ok(tables.length > 0);
    assert.is(disk.names('table-').length, tables.length, operation);
  }
});

test('[ME3] a disk that removes no file holds up no edition: flushes go on, and old editions go later', () => {
  const disk = newDisk();
  const configuration = { ...SMALL, logSegmentBytes: 256 * KIB, runsMin: 10 };
  const store = mustOpenLocal(disk, { configuration });
  disk.inject({ operation: 'remove', nth: 1, code: 'EIO', forever: true });
  const flushAll = (turn: number): void => {
    assert.is(put(store, turn, turn + 1, 60), 'ok');
    assert.ok(store.commit(true));
    store.freeze();
    store.settle();
    store.settle();
  };
  for (let turn = 0; turn < 6; turn += 1) flushAll(turn);
  assert.is(store.figures()['flushes'], 6);
  assert.is(store.figures()['chunksFrozen'], 0);
  assert.is(store.failure, undefined);
  assert.ok(disk.names('manifest-').length > 6);
  disk.clearFaults();
  flushAll(6);
  assert.ok(disk.names('manifest-').length <= 2, 'the next edition takes them along');
});

test('[LUP3] few runs go down when nobody has written for a while, and the spares of the log go', () => {
  const disk = newDisk();
  const configuration = { ...ROOMY, logSegmentBytes: 4 * KIB, runsMin: 4 };
  const store = mustOpenLocal(disk, { configuration });
  const beginMs = 1_000_000;
  const tick = (nowMs: number): void => {
    for (let count = 0; count < 40; count += 1) store.tick(nowMs);
  };
  for (let run = 0; run < 3; run += 1) {
    for (let key = 0; key < 60; key += 1) {
      assert.is(put(store, key, run * 100 + key + 1, 100), 'ok');
      assert.ok(store.commit(true));
    }
    assert.ok(store.freeze());
    tick(beginMs);
  }
  tick(beginMs + 4999);
  assert.is(store.figures()['runs'], 3);
  const segments = disk.names('log-').length;
  tick(beginMs + 5000);
  assert.equal([store.figures()['runs'], store.figures()['levels']], [0, 1]);
  assert.is(disk.names('log-').length, segments - 1);
  for (let key = 0; key < 60; key += 1) assert.is(get(store, key), 200 + key + 1);
});

test('[LUP3] what is in memory at rest goes to a table, and the log is an empty segment', () => {
  const disk = newDisk();
  const configuration = { ...ROOMY, logSegmentBytes: 4 * KIB };
  const store = mustOpenLocal(disk, { configuration });
  const beginMs = 1_000_000;
  const tick = (nowMs: number): void => {
    for (let count = 0; count < 40; count += 1) store.tick(nowMs);
  };
  const logBytes = (): number =>
    disk.names('log-').reduce((sum, name) => sum + disk.contents(name).length, 0);
  for (let round = 1; round <= 3; round += 1) {
    const roundMs = beginMs + round * 100_000;
    for (let key = 0; key < 150; key += 1) {
      assert.is(put(store, key, round * 1000 + key, 100), 'ok');
      assert.ok(store.commit(true));
    }
    const { flushes } = store.figures();
    tick(roundMs);
    tick(roundMs + 4999);
    assert.is(store.figures()['flushes'], flushes, 'a moment without a write is no rest');
    tick(roundMs + 5000);
    assert.is(store.figures()['flushes'], flushes! + 1);
    assert.ok(logBytes() <= 64, `${logBytes()} bytes of log`);
    // A few records are not worth a table: they stay in memory and in the log.
    assert.is(put(store, 1, round * 1000 + 1, 100), 'ok');
    assert.ok(store.commit(true));
    tick(roundMs + 20_000);
    assert.is(store.figures()['flushes'], flushes! + 1);
    assert.ok(logBytes() > 64);
  }
  disk.crash('drop-all');
  const again = mustOpenLocal(disk, { configuration, mustExist: true });
  for (let key = 0; key < 150; key += 1) assert.is(get(again, key), 3000 + key);
});

/** One job is run at each poll, and no sooner. */
function oneAtATime(disk: SimulatedDisk): JobRunner {
  const waiting: (() => JobResult)[] = [];
  let count = 0;
  return {
    submit: (input) => {
      count += 1;
      const job = count;
      waiting.push(() => ({ job, result: runJob(disk, CRC, input, NODE_BLOCK_CODECS) }));
      return job;
    },
    poll: () => waiting.splice(0, 1).map((run) => run()),
    wait: () => assert.ok(waiting.length > 0, 'a job is under way'),
  };
}

test('[LST4] a range drop that waits for its edition ends where the log is fenced meanwhile', () => {
  const disk = newDisk();
  const configuration = { ...SMALL, memtableChunkBytes: 64 * KIB, logSegmentBytes: 4 * KIB };
  const store = mustOpenLocal(disk, { configuration, jobs: oneAtATime(disk) });
  for (let key = 0; key < 300; key += 1) {
    assert.is(put(store, key, key + 1, 60), 'ok');
    if (key % 10 === 9) assert.ok(store.commit(true));
  }
  store.freeze();
  store.tick(1_000_001);
  store.tick(1_000_002);
  assert.ok(store.versions.isPublishing, 'the edition of a flush is under way');
  // It counts, and then the log cannot give its segments back.
  disk.inject({ operation: 'remove', nth: 1, code: 'EIO', forever: true });
  assert.not(store.dropRange(WHOLE_RANGE));
  assert.is(store.failure?.code, 'EIO');
  assert.is(put(store, 1, 1), 'FENCED');
  disk.clearFaults();
  disk.crash('keep-all');
  const again = mustOpenLocal(disk, { configuration, mustExist: true });
  for (let key = 0; key < 300; key += 1) assert.is(get(again, key), key + 1);
});

test('[LSN3] a snapshot that failed or was removed is called so when its removal is durable, and not before', () => {
  for (const isRemoved of [false, true]) {
    const disk = newDisk();
    const store = mustOpenLocal(disk, { configuration: SMALL });
    let nowMs = 1_000_000;
    const rest = (): void => {
      for (let tick = 0; tick < 100; tick += 1) store.tick((nowMs += 100));
    };
    assert.is(put(store, 1, 1), 'ok');
    assert.ok(store.commit(true));
    // Its manifest is written then, and nobody knows whether durably.
    if (!isRemoved) disk.inject({ operation: 'syncDirectory', nth: 2, code: 'EIO' });
    disk.inject({ operation: 'remove', nth: 1, code: 'EIO', forever: true });
    const number = store.snapshot()!;
    rest();
    if (isRemoved) {
      assert.is(store.snapshotState(number), 'done');
      store.removeSnapshot(number);
      rest();
    }
    assert.is(store.snapshotState(number), 'removing');
    assert.equal(snapshotNumbers(disk.names()), [number]);
    disk.clearFaults();
    rest();
    assert.is(store.snapshotState(number), isRemoved ? undefined : 'failed');
    disk.crash('drop-all');
    assert.equal(snapshotNumbers(disk.names()), [], 'and a crash does not bring it back');
    assert.is(store.failure, undefined);
  }
});

test.run();
