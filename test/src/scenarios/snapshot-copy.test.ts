/** Copies of snapshots (F24, A8): stores of their own, whole or not there, and nobody else's files. */
import { Prng } from '@clockwise/kernel/prng';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { snapshotPrefix } from '@clockwise/storage/file-names';
import { type HeldFile, heldSnapshots, pinnedBySnapshots } from '@clockwise/storage/held-snapshot';
import { openStore, type OpenOutcome } from '@clockwise/storage/open-store';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { removeSnapshot } from '@clockwise/storage/snapshot-job';
import { copySnapshot, type SnapshotCopy } from '@clockwise/storage/snapshot-copy';
import { explainStore } from '@clockwise/storage/store-verify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRASHING } from './crash-run.ts';
import { CRC } from './inline-jobs.ts';
import { ROOMY } from './local-configurations.ts';
import { mustOpenLocal, put, scanAll } from './local-fixture.ts';
import { copyOf } from './store-fixture.ts';

/** Of the copy. */
const STORE_ID = { storeIdLow: 77, storeIdHigh: -78 };

interface Source {
  readonly disk: SimulatedDisk;
  /** What the snapshot holds. */
  readonly expected: string;
}

/** Snapshot 1 of tables in two levels and of records in the log; the store went on since. */
function makeSource(): Source {
  const disk = new SimulatedDisk({ prng: new Prng('copies') });
  const prng = new Prng('load');
  const store = mustOpenLocal(disk, { configuration: CRASHING });
  const write = (stamp: number): void => {
    if (put(store, prng.below(40), stamp, prng.between(8, 100)) === 'OVERLOADED') store.settle();
    store.commit(stamp % 5 === 0);
    store.tick(stamp);
  };
  for (let stamp = 1; stamp <= 400; stamp += 1) write(stamp);
  store.commit(true);
  const expected = JSON.stringify([...scanAll(store, 50)]);
  assert.is(store.snapshot(), 1);
  for (let stamp = 401; stamp <= 500; stamp += 1) write(stamp);
  store.settle();
  assert.is(store.snapshotState(1), 'done');
  assert.ok(store.close());
  return { disk, expected };
}

const SOURCE = makeSource();
const FILES = SOURCE.disk.names(snapshotPrefix(1));

function copy(from: SimulatedDisk, to: SimulatedDisk, shardCount = 1): SnapshotCopy {
  return copySnapshot({
    from: new PrefixDisk(from, snapshotPrefix(1)),
    to,
    checksum: CRC,
    codecs: NODE_BLOCK_CODECS,
    ...STORE_ID,
    shardIndex: 0,
    shardCount,
  });
}

function emptyDisk(): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng('target') });
}

function contentsOf(disk: SimulatedDisk): string {
  const store = mustOpenLocal(disk, { configuration: ROOMY, mustExist: true, ...STORE_ID });
  const contents = JSON.stringify([...scanAll(store, 50)]);
  assert.ok(store.close());
  return contents;
}

function opened(disk: SimulatedDisk, storeId = STORE_ID): OpenOutcome {
  return openStore({
    disk,
    checksum: CRC,
    codecs: NODE_BLOCK_CODECS,
    ...storeId,
    shardIndex: 0,
    shardCount: 1,
    segmentBytesMax: 1024 * 1024,
    mustExist: true,
    replay: () => true,
  });
}

test('F24 [SCP2] [SCP4] a copy opens as what the snapshot held, under its own store id alone', () => {
  const target = emptyDisk();
  const copied = copy(SOURCE.disk, target);
  if (copied.kind !== 'copied') throw new Error(JSON.stringify(copied));
  const [held] = heldSnapshots(SOURCE.disk, SOURCE.disk.names(), CRC);
  assert.equal([copied.sequence, copied.fileCount], [held!.sequence, FILES.length]);
  const bytes = FILES.reduce((sum, name) => sum + SOURCE.disk.contents(name).length, 0);
  assert.is(copied.byteCount, bytes);
  assert.ok(FILES.some((name) => name.includes('.log-')) && copied.fileCount > 4);
  const explained = explainStore(target, { checksum: CRC, codecs: NODE_BLOCK_CODECS }, true);
  assert.ok(explained.ok);
  assert.equal(explained.value.faults, []);
  assert.equal(
    explained.value.files.flatMap(({ faults }) => faults),
    [],
  );
  const stores = explained.value.files.flatMap(({ rows }) =>
    rows.flatMap(([name, text]) => (name === 'store' ? [text] : [])),
  );
  assert.ok(stores.length > 3);
  assert.is(new Set(stores).size, 1, 'manifest and log name one store');
  target.crash('drop-all');
  assert.is(opened(copyOf(target), { storeIdLow: 1, storeIdHigh: 2 }).kind, 'foreign');
  assert.is(contentsOf(target), SOURCE.expected);
});

test('[SCP4] A8 a segment of the original in the copy is not taken for its own, nor the other way round', () => {
  const target = emptyDisk();
  assert.is(copy(SOURCE.disk, target).kind, 'copied');
  for (const prefixed of FILES.filter((name) => name.includes('.log-'))) {
    const name = prefixed.slice(snapshotPrefix(1).length);
    const mixed = copyOf(target);
    SOURCE.disk.contents(prefixed).forEach((byte, at) => mixed.corrupt(name, at, byte));
    assert.ok(opened(mixed).kind !== 'ready', `${name} is another store's`);
  }
});

test('F24 [SCP1] a crash at every call leaves a copy that is whole, or is no store', () => {
  let [whole, none] = [0, 0];
  for (let call = 1; none + whole < 500; call += 1) {
    const target = emptyDisk();
    const model = CRASH_MODELS[call % CRASH_MODELS.length]!;
    target.crashAt = call;
    let isCopied = false;
    try {
      isCopied = copy(SOURCE.disk, target).kind === 'copied';
      target.crashAt = 0;
    } catch (error) {
      if (!(error instanceof SimulatedCrash)) throw error;
    }
    target.crash(model);
    if (opened(copyOf(target)).kind === 'ready') {
      assert.is(contentsOf(target), SOURCE.expected, `call ${call}, ${model}`);
      whole += 1;
    } else {
      assert.not(isCopied, `call ${call}, ${model}: what was copied opens`);
      none += 1;
    }
    if (isCopied) break;
  }
  assert.ok(whole > 0 && none > 10, `${whole} whole, ${none} none`);
});

test('[SCP2] damage is not copied on, wherever it is', () => {
  const disk = copyOf(SOURCE.disk);
  const prng = new Prng('damage');
  for (const name of FILES) {
    const bytes = disk.contents(name);
    for (let at = prng.below(60); at < bytes.length; at += prng.between(1, bytes.length >> 3)) {
      disk.corrupt(name, at, bytes[at]! ^ prng.between(1, 255));
      const target = emptyDisk();
      const { kind } = copy(disk, target);
      assert.is(kind, 'damaged', `byte ${at} of ${name}`);
      assert.ok(opened(target).kind !== 'ready');
      disk.corrupt(name, at, bytes[at]!);
    }
  }
  assert.is(copy(disk, emptyDisk()).kind, 'copied');
  assert.ok(disk.remove(FILES.find((name) => name.includes('.table-'))!).ok);
  const lacking = copy(disk, emptyDisk());
  assert.ok(lacking.kind === 'damaged' && lacking.reason.includes('missing'));
});

test('[SCP3] what is there is not written over; another shard, or none, is said', () => {
  const target = emptyDisk();
  assert.is(copy(SOURCE.disk, target).kind, 'copied');
  const before = target.names().map((name) => [name, target.contents(name)]);
  assert.is(copy(SOURCE.disk, target).kind, 'failed');
  assert.equal(
    target.names().map((name) => [name, target.contents(name)]),
    before,
  );
  const other = copy(SOURCE.disk, emptyDisk(), 3);
  assert.ok(other.kind === 'damaged' && /shard 0 of 1, not of shard 0 of 3/.test(other.reason));
  const none = copy(emptyDisk(), emptyDisk());
  assert.ok(none.kind === 'damaged' && none.reason.includes('manifest'));
});

test('[SCP1] a disk that fails or is full while it is written to leaves no store', () => {
  for (const operation of ['create', 'write', 'datasync', 'syncDirectory'] as const) {
    for (const nth of [1, 2]) {
      const target = emptyDisk();
      target.inject({ operation, nth, code: 'ENOSPC' });
      const copied = copy(SOURCE.disk, target);
      assert.ok(copied.kind === 'failed' && copied.error.code === 'ENOSPC', `${operation} ${nth}`);
      target.clearFaults();
      if (operation !== 'syncDirectory') assert.ok(opened(target).kind !== 'ready');
    }
  }
});

test('[HS1] a snapshot of which nothing can be read is held as a number; [HS2] bytes are counted once', () => {
  const disk = copyOf(SOURCE.disk);
  const store = mustOpenLocal(disk, { configuration: ROOMY });
  assert.is(store.snapshot(), 2);
  store.settle();
  // Of the first all tables were merged away since; of the second the store has them all.
  const [old, fresh] = heldSnapshots(disk, disk.names(), CRC);
  const bytesOf = (files: readonly HeldFile[]): number =>
    files.reduce((sum, { byteCount }) => sum + byteCount, 0);
  assert.ok(old!.linked.length > 0 && fresh!.linked.length > 0);
  const twin = { ...old!, snapshotNumber: 3 };
  assert.equal(pinnedBySnapshots([old!, fresh!, twin], store.versions.manifest), {
    pinnedFiles: 2 * old!.own.length + old!.linked.length + fresh!.own.length,
    pinnedBytes: 2 * bytesOf(old!.own) + bytesOf(old!.linked) + bytesOf(fresh!.own),
  });
  assert.ok(removeSnapshot(disk, 2).ok);
  disk.inject({ operation: 'read', nth: 1, code: 'EIO' });
  const held = heldSnapshots(disk, disk.names(), CRC);
  assert.equal(held, [{ snapshotNumber: 1, sequence: 0, linked: [], own: [] }]);
});

test.run();
