// runner: limit 60s
// runner: test limit 40s
/** The embedded store without faults: what was written is what is read, wherever it lies by then. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { WorkerJobs } from '@clockwise/runtime/embedded/worker-jobs';
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { DiskCondition } from '@clockwise/simulator/simulated-disk-faults';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord } from '@clockwise/record/build';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { localRecordWords, writeLocalRecord } from '@clockwise/storage/local-record';
import { InlineJobs } from './inline-jobs.ts';
import { OpenFiles } from '@clockwise/storage/open-files';
import {
  BUCKET,
  FailedRead,
  get,
  keyOf,
  mustOpenLocal,
  put,
  remove,
  scanAll,
  SMALL,
  tokenOf,
  WHOLE_RANGE,
} from './local-fixture.ts';

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng('local') });
}

test('[LSC1] what was written is found in memory, in tables, and after a reopening', () => {
  const disk = newDisk();
  const prng = new Prng('load');
  const model = new Map<number, number>();
  let store = mustOpenLocal(disk, { configuration: SMALL });
  for (let stamp = 1; stamp <= 2000; stamp += 1) {
    const key = prng.below(300);
    const isDelete = prng.chance(0.2);
    const write = (): string => (isDelete ? remove(store, key) : put(store, key, stamp));
    if (write() === 'OVERLOADED') {
      assert.ok(store.commit(true));
      store.settle();
      assert.is(write(), 'ok');
    }
    if (isDelete) model.delete(key);
    else model.set(key, stamp);
    if (prng.chance(0.1)) assert.ok(store.commit(prng.chance(0.5)));
    if (prng.chance(0.1)) store.tick(stamp);
    if (prng.chance(0.01)) {
      assert.ok(store.close());
      store = mustOpenLocal(disk, { configuration: SMALL });
    }
    const wanted = prng.below(300);
    assert.is(get(store, wanted), model.get(wanted), `key ${wanted} at ${stamp}`);
  }
  const byKey = (entries: Map<number, number>): [number, number][] =>
    [...entries].toSorted(([left], [right]) => left - right);
  assert.equal(byKey(scanAll(store, 7)), byKey(model));
  assert.equal(byKey(scanAll(store, 1000)), byKey(model));
  assert.ok(store.figures()['tables']! > 5);
});

test('a value is there until it expires, in memory and in tables', () => {
  const disk = newDisk();
  const store = mustOpenLocal(disk, { configuration: SMALL, nowMs: 1_000_000 });
  assert.is(put(store, 1, 1, 16, 1100), 'ok');
  assert.is(put(store, 2, 2, 16, 0), 'ok');
  for (let round = 0; round < 2; round += 1) {
    store.tick(1_000_000);
    assert.is(get(store, 1), 1);
    store.tick(1_100_000);
    assert.is(get(store, 1), undefined);
    assert.is(get(store, 2), 2);
    assert.equal([...scanAll(store, 1).keys()], [2]);
    store.commit(true);
    store.freeze();
    store.settle();
  }
});

test('[LST3] after an error of the log nothing is taken any more, and reads go on', () => {
  const disk = newDisk();
  const store = mustOpenLocal(disk, { configuration: SMALL });
  assert.is(put(store, 1, 1), 'ok');
  assert.ok(store.commit(true));
  assert.is(put(store, 2, 2), 'ok');
  disk.inject({ operation: 'datasync', nth: 1, code: 'EIO' });
  assert.not(store.commit(true));
  assert.is(put(store, 3, 3), 'FENCED');
  assert.not(store.commit(true));
  assert.is(get(store, 1), 1);
  assert.is(store.failure?.code, 'EIO');
});

test('[LST1] a chunk whose records the log does not have is not flushed', () => {
  const store = mustOpenLocal(newDisk(), { configuration: SMALL });
  assert.is(put(store, 1, 1), 'ok');
  assert.ok(store.freeze());
  store.settle();
  assert.is(store.memtable.pool.countState(CHUNK_STATE.frozen), 1);
  assert.ok(store.commit(false));
  store.settle();
  assert.is(store.figures()['tables'], 1);
});

test('[LST2] F8 an edition that fails releases nothing, and the next one counts', () => {
  const disk = newDisk();
  const store = mustOpenLocal(disk, { configuration: SMALL });
  for (let key = 0; key < 50; key += 1) assert.is(put(store, key, key), 'ok');
  assert.ok(store.commit(true));
  store.freeze();
  disk.inject({ operation: 'syncDirectory', nth: 2, code: 'EIO' });
  store.settle();
  assert.is(store.figures()['jobsFailed'], 1);
  assert.is(store.figures()['chunksFrozen'], 1);
  assert.is(store.figures()['tables'], 0);
  store.settle();
  assert.is(store.figures()['chunksFrozen'], 0);
  assert.is(store.figures()['tables'], 1);
  for (let key = 0; key < 50; key += 1) assert.is(get(store, key), key);
});

/** A store of one table, and a key that is in it and not in memory. */
function flushedStore(disk: SimulatedDisk): ReturnType<typeof mustOpenLocal> {
  const store = mustOpenLocal(disk, { configuration: { ...SMALL, cacheChunksMax: 0 } });
  for (let key = 0; key < 50; key += 1) assert.is(put(store, key, key), 'ok');
  assert.ok(store.commit(true));
  store.freeze();
  store.settle();
  assert.ok(store.close());
  return mustOpenLocal(disk, { configuration: { ...SMALL, cacheChunksMax: 0 } });
}

test('[LST5] a drop takes no sequence that the log may lose and give again', () => {
  const disk = newDisk();
  let store = mustOpenLocal(disk, { configuration: SMALL });
  for (let key = 0; key < 20; key += 1) assert.is(put(store, key, key), 'ok');
  assert.ok(store.commit(false));
  assert.ok(store.dropRange(WHOLE_RANGE));
  disk.crash('drop-all');
  store = mustOpenLocal(disk, { configuration: SMALL });
  assert.is(scanAll(store, 5).size, 0);
  assert.is(put(store, 1, 100), 'ok');
  assert.ok(store.commit(true));
  store = mustOpenLocal(disk, { configuration: SMALL });
  assert.is(get(store, 1), 100);
  store.freeze();
  store.settle();
  assert.is(get(store, 1), 100);
});

test('[LST4] a drop takes what was written before it, in memory, in tables and in the log, and no more', () => {
  const disk = newDisk();
  let store = mustOpenLocal(disk, { configuration: SMALL });
  for (let key = 0; key < 60; key += 1) {
    assert.is(put(store, key, key), 'ok');
    if (key === 30) {
      assert.ok(store.commit(true));
      store.freeze();
      store.settle();
    }
  }
  assert.ok(store.dropRange(WHOLE_RANGE));
  assert.is(put(store, 1, 100), 'ok');
  assert.ok(store.commit(true));
  for (let life = 0; life < 3; life += 1) {
    assert.equal([...scanAll(store, 5)], [[1, 100]]);
    for (let key = 0; key < 60; key += 1) {
      assert.is(get(store, key), key === 1 ? 100 : undefined, `key ${key}, life ${life}`);
    }
    if (life === 1) store.freeze();
    store.settle();
    assert.ok(store.close());
    store = mustOpenLocal(disk, { configuration: SMALL });
  }
});

/** Jobs of which every removal fails. */
function withoutRemovals(jobs: InlineJobs): JobRunner {
  const removals = new Set<number>();
  const failed = { ok: false, code: 'EIO', detail: 'no removal' } as const;
  return {
    submit: (job) => {
      const number = jobs.submit(job.kind === 'remove' ? { kind: 'remove', names: [] } : job);
      if (job.kind === 'remove') removals.add(number);
      return number;
    },
    poll: () => {
      const fail = ({ job, result }: JobResult): JobResult => {
        return { job, result: removals.has(job) ? failed : result };
      };
      return jobs.poll().map(fail);
    },
    wait: () => jobs.wait(),
  };
}

test('[LUP1] a job that fails is tried later and later, and stops no other kind', () => {
  const disk = newDisk();
  const jobs = withoutRemovals(new InlineJobs(disk, new Prng('jobs')));
  const store = mustOpenLocal(disk, { configuration: { ...SMALL, runsMin: 2 }, jobs });
  for (let key = 0; key < 200; key += 1) {
    assert.is(put(store, key % 20, key), 'ok');
    if (key % 20 !== 19) continue;
    assert.ok(store.commit(true));
    store.freeze();
    for (let tick = 0; tick < 20; tick += 1) store.tick(1_000_000 + key * 10 + tick);
  }
  const { flushes, mergesEnded, jobsFailed } = store.figures();
  assert.ok(flushes! >= 8 && mergesEnded! >= 1, `${flushes} flushes, ${mergesEnded} merges`);
  assert.ok(jobsFailed! >= 1 && jobsFailed! <= 10, `${jobsFailed} failures in two seconds`);
});

test('F17 [LSP1] [LSP2] a full disk refuses values, takes deletes, and is over without a restart', () => {
  const disk = newDisk();
  const configuration = { ...SMALL, diskReserveBytes: 16 * 1024 };
  const store = mustOpenLocal(disk, { configuration });
  let nowMs = 1_000_000;
  const rest = (): void => {
    for (let tick = 0; tick < 30; tick += 1) store.tick((nowMs += 100));
  };
  rest();
  for (let key = 0; key < 40; key += 1) assert.is(put(store, key, key), 'ok');
  assert.ok(store.commit(true));
  const full: DiskCondition = { kind: 'full', capacityBytes: disk.usedBytes() + 100 };
  disk.faults.begin(full);
  let result = 'ok';
  for (let key = 0; key < 500 && result === 'ok'; key += 1) {
    result = put(store, key % 40, key % 40, 100);
    assert.ok(store.commit(true), 'the log goes on in the room of the reserve');
  }
  assert.is(result, 'DISK_FULL');
  rest();
  assert.is(put(store, 1, 1), 'DISK_FULL', 'the reserve is not whole');
  assert.is(remove(store, 2), 'ok');
  assert.ok(store.commit(true));
  assert.is(get(store, 1), 1);
  assert.is(get(store, 2), undefined);
  disk.faults.end(full);
  rest();
  assert.is(put(store, 2, 200), 'ok');
  assert.ok(store.commit(true));
  assert.is(store.failure, undefined);
  assert.is(get(store, 2), 200);
});

test('[LSR1] [LSC2] F12 F18 what cannot be read is a failed read, never absent', () => {
  for (const [operation, code] of [
    ['read', 'EIO'],
    ['open', 'EMFILE'],
  ] as const) {
    const disk = newDisk();
    const store = flushedStore(disk);
    disk.inject({ operation, nth: 1, code, forever: true });
    assert.throws(
      () => get(store, 7),
      (error: unknown) => error instanceof FailedRead,
    );
    assert.throws(
      () => scanAll(store, 5),
      (error: unknown) => error instanceof FailedRead,
    );
    disk.clearFaults();
    assert.is(get(store, 7), 7);
    assert.is(scanAll(store, 5).size, 50);
  }
  const disk = newDisk();
  const store = flushedStore(disk);
  const table = disk.names('table-')[0]!;
  for (let at = 0; at < 512; at += 1) disk.corrupt(table, at, 0x55);
  assert.throws(
    () => scanAll(store, 5),
    (error: unknown) => error instanceof FailedRead,
  );
});

test('[OF1] [OF2] F18 files beyond the bound are closed; without descriptors they all are, once', () => {
  const disk = newDisk();
  for (let number = 1; number <= 6; number += 1) {
    const file = disk.open(`table-0000000${number}`, 'create');
    if (file.ok) disk.close(file.value);
  }
  const files = new OpenFiles(disk, 3);
  for (let number = 1; number <= 6; number += 1) {
    files.handleOf(number);
    assert.ok(files.count <= 3);
  }
  assert.is(disk.openFileCount, 3);
  disk.inject({ operation: 'open', nth: 1, code: 'EMFILE' });
  files.forget(5);
  assert.is(typeof files.handleOf(6), 'number', 'what is open needs no descriptor');
  const opened = files.handleOf(1);
  assert.ok(typeof opened !== 'number' && opened.ok);
  assert.is(files.count, 1);
  const missing = files.handleOf(9);
  assert.ok(typeof missing !== 'number' && !missing.ok && missing.code === 'ENOENT');
  files.closeAll();
  assert.is(disk.openFileCount, 0);
});

test('[LRC1] a record is what the encoder of records makes of the same fields', () => {
  for (const byteCount of [0, 1, 7, 8, 9, 100]) {
    const value = new Uint8Array(byteCount).fill(3);
    const words = new Int32Array(localRecordWords(6, byteCount)).fill(-1);
    const { high, low } = tokenOf(3);
    writeLocalRecord(words, 0, keyOf(3), 0, 6, byteCount, {
      bucketId: BUCKET,
      tokenHigh: high,
      tokenLow: low,
      isTombstone: false,
      incarnationLow: 1,
      incarnationHigh: 2,
      sequence: 5_000_000_000,
      expirySeconds: 4_000_000_000,
      writtenAtMs: 1_700_000_000_123,
    });
    new Uint8Array(words.buffer).set(value, (words.length - ((byteCount + 7) >>> 3) * 2) * 4);
    const key = new Uint8Array(keyOf(3).slice(0, 2).buffer).slice(0, 6);
    const expected = encodeRecord({
      bucketId: BUCKET,
      token: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0),
      key,
      replicationClass: 0,
      context: [],
      siblings: [
        {
          dot: { incarnation: (2n << 32n) | 1n, counter: 5_000_000_000n },
          operation: { session: 0n, sequence: 0 },
          tombstone: false,
          codec: 0,
          expirySeconds: 4_000_000_000,
          hybrid: 1_700_000_000_123n << 16n,
          value,
        },
      ],
      recents: [],
    });
    assert.equal([...words], [...expected]);
  }
});

test('B9 on a real folder, with its jobs in a thread of their own, the store is what the map is', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-local-'));
  const disk = new NodeDisk(folder);
  const model = new Map<number, number>();
  const prng = new Prng('real');
  const configuration = { ...SMALL, tableCodec: 1, blockCacheBytes: 32 * 1024 };
  for (let life = 0; life < 3; life += 1) {
    const jobs = new WorkerJobs(folder);
    const store = mustOpenLocal(disk, { configuration, jobs });
    for (let step = 0; step < 3000; step += 1) {
      const key = prng.below(500);
      const stamp = life * 3000 + step;
      if (put(store, key, stamp, 40) === 'OVERLOADED') {
        assert.ok(store.commit(false));
        store.settle();
        assert.is(put(store, key, stamp, 40), 'ok');
      }
      model.set(key, stamp);
      if (step % 50 === 0) assert.ok(store.commit(false));
      store.tick(1_000_000 + step);
      const wanted = prng.below(500);
      assert.is(get(store, wanted), model.get(wanted), `key ${wanted}`);
    }
    assert.ok(store.commit(true));
    const number = store.snapshot()!;
    store.settle();
    assert.is(store.jobFailure, undefined);
    assert.is(store.snapshotState(number), 'done');
    assert.ok(store.figures()['mergesEnded']! > 0);
    assert.is(scanAll(store, 64).size, model.size);
    assert.ok(store.close());
    await jobs.close();
  }
  rmSync(folder, { recursive: true });
});

test.run();
