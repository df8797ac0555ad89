/** Snapshots of the embedded store (F24): crashes at every call of the job, and every byte damaged. */
import { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import {
  CRASH_MODELS,
  type CrashModel,
  SimulatedCrash,
  SimulatedDisk,
} from '@clockwise/simulator/simulated-disk';
import { snapshotPrefix } from '@clockwise/storage/file-names';
import type { JobResult, JobRunner } from '@clockwise/storage/job-runner';
import { runJob } from '@clockwise/storage/jobs';
import type { LocalStore } from '@clockwise/storage/local-store';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { checkSnapshot } from '@clockwise/storage/snapshot-check';
import { removeSnapshot, snapshotNumbers } from '@clockwise/storage/snapshot-job';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRASHING } from './crash-run.ts';
import { CRC } from './inline-jobs.ts';
import { ROOMY } from './local-configurations.ts';
import { mustOpenLocal, put, scanAll } from './local-fixture.ts';
import { copyOf } from './store-fixture.ts';

const KEYS = 40;

/** A store with tables in two levels, several segments of two openings, and unflushed records. */
function preparedDisk(): SimulatedDisk {
  const disk = new SimulatedDisk({ prng: new Prng('snapshots') });
  const prng = new Prng('load');
  let store = mustOpenLocal(disk, { configuration: CRASHING });
  for (let stamp = 1; stamp <= 400; stamp += 1) {
    const write = (): string => put(store, prng.below(KEYS), stamp, prng.between(8, 100));
    if (write() === 'OVERLOADED') {
      store.commit(false);
      store.settle();
      assert.is(write(), 'ok');
    }
    store.commit(stamp % 5 === 0);
    if (stamp === 370) {
      assert.ok(store.close());
      store = mustOpenLocal(disk, { configuration: CRASHING });
    }
    if (stamp < 350) store.tick(stamp);
  }
  assert.ok(store.close());
  return disk;
}

const PREPARED = preparedDisk();

function contentsOf(store: LocalStore): string {
  return JSON.stringify([...scanAll(store, 50)]);
}

function openSnapshot(disk: SimulatedDisk, number: number): LocalStore {
  const own = new PrefixDisk(disk, snapshotPrefix(number));
  return mustOpenLocal(own, { configuration: ROOMY, mustExist: true });
}

function wholeSnapshots(disk: SimulatedDisk): readonly number[] {
  const names = disk.list();
  return snapshotNumbers(names.ok ? names.value : []);
}

interface SnapshotRun {
  readonly disk: SimulatedDisk;
  readonly expected: string;
  readonly isDone: boolean;
}

/** Takes a snapshot, goes on writing, flushing and merging, and ends at call `crashAt` counted from there. */
function runSnapshot(crashAt: number, model: CrashModel): SnapshotRun {
  const disk = copyOf(PREPARED);
  const store = mustOpenLocal(disk, { configuration: CRASHING });
  const expected = contentsOf(store);
  let isDone = false;
  if (crashAt > 0) disk.crashAt = disk.operationCount + crashAt;
  try {
    const number = store.snapshot();
    assert.is(number, 1);
    for (let stamp = 1001; stamp <= 1060; stamp += 1) {
      if (put(store, stamp % KEYS, stamp, 60) !== 'ok') break;
      store.commit(true);
      if (stamp % 20 === 0) store.freeze();
      store.tick(stamp);
      isDone ||= store.snapshotState(1) === 'done';
    }
    store.settle();
    isDone ||= store.snapshotState(1) === 'done';
    disk.crashAt = 0;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  disk.crash(model);
  return { disk, expected, isDone };
}

test('F24 [SN1] [SN2] [LSN1] [LSN3] a crash at every call leaves a snapshot whole, or none', () => {
  const plain = runSnapshot(0, 'drop-all');
  assert.ok(plain.isDone);
  const { operationCount } = plain.disk;
  let [wholeCount, noneCount] = [0, 0];
  for (let crashAt = 1; crashAt < operationCount; crashAt += 1) {
    const model = CRASH_MODELS[crashAt % CRASH_MODELS.length]!;
    const { disk, expected, isDone } = runSnapshot(crashAt, model);
    const context = `call ${crashAt}, ${model}`;
    // The opening of the store takes away what has no manifest.
    const store = mustOpenLocal(disk, { configuration: CRASHING, mustExist: true });
    assert.ok(store.close());
    const whole = wholeSnapshots(disk);
    if (whole.length === 0) {
      assert.not(isDone, `${context}: a snapshot that was done is there`);
      noneCount += 1;
      continue;
    }
    wholeCount += 1;
    assert.is(contentsOf(openSnapshot(disk, 1)), expected, context);
    if (crashAt > 400 && wholeCount > 100 && noneCount > 30) break;
  }
  assert.ok(wholeCount > 30 && noneCount > 30, `${wholeCount} whole, ${noneCount} none`);
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
    poll: () => {
      const run = waiting.shift();
      return run === undefined ? [] : [run()];
    },
    wait: () => {},
  };
}

test('[LSN1] what an edition frees while a snapshot waits for its turn is there when it comes', () => {
  const disk = new SimulatedDisk({ prng: new Prng('held') });
  const store = mustOpenLocal(disk, {
    configuration: { ...CRASHING, memtableChunkBytes: 16 * 1024 },
    jobs: oneAtATime(disk),
  });
  for (let stamp = 1; stamp <= 60; stamp += 1) {
    assert.is(put(store, stamp, stamp, 100), 'ok');
    assert.ok(store.commit(true));
  }
  assert.ok(disk.names('log-').length >= 3, 'several segments');
  const expected = contentsOf(store);
  store.freeze();
  store.tick(1);
  store.tick(2);
  // The flush is done, its edition waits for its turn; the snapshot behind it knows nothing of it.
  assert.is(store.snapshot(), 1);
  for (let time = 3; time < 40; time += 1) store.tick(time);
  assert.is(store.versions.manifest.tables.length, 1);
  assert.is(store.snapshotState(1), 'done');
  assert.is(contentsOf(openSnapshot(disk, 1)), expected);
  assert.ok(disk.names('log-').length < 4, 'then the log is released');
});

test('F24 [SC1] [SN3] every byte of a snapshot is looked at: damage is found wherever it is', () => {
  const { disk } = runSnapshot(0, 'keep-all');
  const tools = { disk, checksum: CRC, codecs: NODE_BLOCK_CODECS };
  const faultOf = (): string | undefined => {
    for (let part = 0; ; part += 1) {
      const checked = checkSnapshot(tools, 1, part);
      if (!checked.ok) throw new Error(checked.detail);
      if (checked.value.fault !== undefined) return checked.value.fault;
      if (part + 1 >= checked.value.partCount) return undefined;
    }
  };
  assert.is(faultOf(), undefined);
  const prng = new Prng('damage');
  for (const name of disk.names(snapshotPrefix(1))) {
    const bytes = disk.contents(name);
    // Each byte of what describes the rest, a sample of the rest.
    for (let at = 0; at < bytes.length; at += at < 100 || at > bytes.length - 260 ? 1 : 37) {
      disk.corrupt(name, at, bytes[at]! ^ prng.between(1, 255));
      assert.ok(faultOf() !== undefined, `byte ${at} of ${name}`);
      disk.corrupt(name, at, bytes[at]!);
    }
  }
  assert.is(faultOf(), undefined);
  const table = disk.names(`${snapshotPrefix(1)}table-`)[0]!;
  assert.ok(disk.remove(table).ok);
  assert.ok(faultOf()?.includes('missing'));
});

test('[SC2] [LSN2] a disk that fails while a snapshot is made or checked leaves none, and the next has another number', () => {
  for (const [operation, nth] of [
    ['link', 1],
    ['create', 2],
    ['read', 5],
    ['list', 2],
    ['syncDirectory', 2],
  ] as const) {
    const disk = copyOf(PREPARED);
    const store = mustOpenLocal(disk, { configuration: CRASHING });
    store.commit(true);
    disk.inject({ operation, nth, code: 'EIO' });
    assert.is(store.snapshot(), 1);
    store.settle();
    store.settle();
    assert.is(store.snapshotState(1), 'failed', operation);
    assert.equal(wholeSnapshots(disk), []);
    disk.clearFaults();
    assert.is(store.snapshot(), 2);
    store.settle();
    assert.is(store.snapshotState(2), 'done');
  }
});

test('[PX1] a snapshot that is removed goes manifest first, and leaves the store and other snapshots alone', () => {
  const disk = copyOf(PREPARED);
  const store = mustOpenLocal(disk, { configuration: CRASHING });
  const expected = contentsOf(store);
  for (const number of [1, 2]) {
    assert.is(store.snapshot(), number);
    store.settle();
  }
  for (let call = 1; call < 30; call += 1) {
    const copy = copyOf(disk);
    copy.crashAt = copy.operationCount + call;
    try {
      assert.ok(removeSnapshot(copy, 1).ok);
      copy.crashAt = 0;
    } catch (error) {
      if (!(error instanceof SimulatedCrash)) throw error;
    }
    copy.crash(CRASH_MODELS[call % CRASH_MODELS.length]!);
    const opened = mustOpenLocal(copy, { configuration: CRASHING });
    assert.is(contentsOf(opened), expected);
    const whole = wholeSnapshots(copy);
    assert.ok(whole.includes(2));
    if (whole.includes(1)) assert.is(contentsOf(openSnapshot(copy, 1)), expected);
    assert.is(contentsOf(openSnapshot(copy, 2)), expected);
  }
  assert.ok(removeSnapshot(disk, 1).ok);
  assert.equal(wholeSnapshots(disk), [2]);
});

test.run();
