/** What `clockwise store` says of files: damage is found wherever it is, and named with what it costs. */
import { Prng } from '@clockwise/kernel/prng';
import type { BlockCodecs } from '@clockwise/storage/block-codec';
import { PURE_CODECS } from '@clockwise/storage/block-codec';
import { manifestName, snapshotPrefix, tableName } from '@clockwise/storage/file-names';
import { explainFile } from '@clockwise/storage/file-verify';
import { makeReserve } from '@clockwise/storage/reserve';
import { takeSnapshot } from '@clockwise/storage/snapshot-job';
import { explainStore, type StoreExplanation } from '@clockwise/storage/store-verify';
import { checksumWords } from '@clockwise/storage/whole-transfer';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, DamagedRead, mustOpen, TestStore } from './store-fixture.ts';

const CODECS: BlockCodecs = PURE_CODECS;
const TOOLS = { checksum, codecs: CODECS };

/** Two tables, leaves, a log with some records more, a reserve. */
function sampleStore(): { readonly disk: SimulatedDisk; readonly store: TestStore } {
  const disk = new SimulatedDisk({ prng: new Prng('verify') });
  const store = mustOpen(disk);
  for (const last of [30, 60]) {
    for (let key = last - 29; key <= last; key += 1) assert.ok(store.put(key, key));
    assert.ok(store.group() && store.sync() && store.flush());
  }
  for (let key = 61; key <= 66; key += 1) {
    assert.ok(store.put(key, key));
    assert.ok(store.group() && store.sync());
  }
  assert.ok(makeReserve(disk, 2, 4096).ok);
  return { disk, store };
}

function explained(disk: SimulatedDisk): StoreExplanation {
  const store = explainStore(disk, TOOLS, true);
  if (!store.ok) throw new Error(store.detail);
  return store.value;
}

function faultsOf({ files, faults }: StoreExplanation): string[] {
  return [...files.flatMap((file) => file.faults), ...faults];
}

test('a sound store has no fault, and says what it consists of', () => {
  const { disk } = sampleStore();
  const store = explained(disk);
  assert.equal(faultsOf(store), []);
  assert.is(store.manifest?.tables.length, 2);
  assert.is(store.loggedCount, 6);
  const kinds = new Set(store.files.map(({ kind }) => kind));
  assert.equal([...kinds].toSorted(), ['leaves', 'log', 'manifest', 'reserve', 'table']);
  const table = store.files.find(({ kind }) => kind === 'table')!;
  assert.is(table.version, 4);
  assert.match(new Map(table.rows).get('records')!, /^30, /);
});

test('[TV1] [FV1] each changed byte of a table, a manifest or leaves is a fault of that file', () => {
  const { disk } = sampleStore();
  const names = disk.names().filter((name) => /^(table|manifest)-/.test(name));
  let checked = 0;
  for (const name of names) {
    const bytes = disk.contents(name);
    for (let at = 0; at < bytes.length; at += 1) {
      disk.corrupt(name, at, bytes[at]! ^ (1 << (at & 7)));
      const { faults } = explainFile(disk, name, TOOLS);
      disk.corrupt(name, at, bytes[at]!);
      assert.is(faults.length > 0, true, `${name} byte ${at}`);
      checked += 1;
    }
  }
  assert.ok(checked > 7000, `${checked} bytes`);
  const [leaves] = disk.names('leaves-');
  const bytes = disk.contents(leaves!);
  for (let at = 0; at < bytes.length; at += 7) {
    disk.corrupt(leaves!, at, bytes[at]! ^ 0x20);
    assert.is(explainFile(disk, leaves!, TOOLS).faults.length, 1, `byte ${at}`);
    disk.corrupt(leaves!, at, bytes[at]!);
  }
});

test('[TV2] a damaged block is named with the tokens whose reads fail, and others are checked on', () => {
  const { disk, store } = sampleStore();
  const [name] = disk.names('table-');
  for (const at of [20, 700, 1500]) disk.corrupt(name!, at, disk.contents(name!)[at]! ^ 1);
  const { faults } = explainFile(disk, name!, TOOLS);
  assert.is(faults.length, 3);
  const pattern =
    /^block \d+ of table-\d{8} \(at byte \d+, \d+ bytes\) is damaged: reads of bucket\/token 1\/([0-9a-f]{16}) to 1\/([0-9a-f]{16}) answer READ_FAILED$/;
  const ranges = faults.map((fault) => {
    const match = pattern.exec(fault);
    assert.ok(match, fault);
    return [match[1]!, match[2]!] as const;
  });
  for (let key = 1; key <= 30; key += 1) {
    const high = Math.imul(key, 0x9e3779b1) >>> 0;
    const low = Math.imul(key, 0x85ebca6b) >>> 0;
    const token = [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
    const isNamed = ranges.some(([from, to]) => from <= token && token <= to);
    try {
      assert.is(store.get(key), key);
    } catch (error) {
      assert.ok(error instanceof DamagedRead, String(error));
      assert.ok(isNamed, `key ${key}`);
    }
  }
});

test('[LX1] [SX1] damage in the log is a fault where records were durable, and costs no more where not', () => {
  const { disk, store } = sampleStore();
  const [name] = disk.names('log-').slice(-1);
  const bytes = disk.contents(name!);
  let faultCount = 0;
  for (let at = 0; at < bytes.length; at += 7) {
    disk.corrupt(name!, at, bytes[at]! ^ 4);
    const found = explained(disk);
    const copy = new SimulatedDisk({ prng: new Prng('copy') });
    disk.syncAll();
    copy.replace(disk.image());
    disk.corrupt(name!, at, bytes[at]!);
    const opens = TestStore.open(copy) instanceof TestStore;
    const refuses = faultsOf(found).some((fault) => fault.endsWith('the store does not open'));
    assert.is(refuses, !opens, `byte ${at}: ${faultsOf(found).join('; ')}`);
    if (refuses) faultCount += 1;
    if (opens && found.loggedCount < 6) assert.is(found.loggedCount, 5, `byte ${at}`);
  }
  assert.ok(faultCount > 50, `${faultCount} faults`);
  assert.is(store.get(66), 66);
});

test('[SX1] what files say of each other: missing tables, tables of another store, no manifest', () => {
  const spoil: readonly (readonly [string, (disk: SimulatedDisk) => void, RegExp])[] = [
    ['a table', (disk) => disk.lose(disk.names('table-')[0]!), /^table-\d+ is missing/],
    [
      'leaves',
      (disk) => disk.names('leaves-').forEach((name) => disk.lose(name)),
      /^leaves-.*missing/,
    ],
    [
      'the log',
      (disk) => disk.names('log-').forEach((name) => disk.lose(name)),
      /the log is damaged/,
    ],
    [
      'all manifests',
      (disk) => disk.names('manifest-').forEach((name) => disk.truncate(name)),
      /^no manifest counts/,
    ],
    [
      'a table in place of another',
      (disk) => {
        const [first, second] = disk.names('table-');
        disk.rename(first!, second!);
      },
      /another name|another length/,
    ],
  ];
  for (const [what, run, pattern] of spoil) {
    const { disk } = sampleStore();
    run(disk);
    const faults = faultsOf(explained(disk));
    assert.ok(
      faults.some((fault) => pattern.test(fault)),
      `${what}: ${faults.join('; ')}`,
    );
  }
});

test('a file of another version says which version this build reads', () => {
  const { disk } = sampleStore();
  const name = disk.names('manifest-').at(-1)!;
  const words = new Int32Array(disk.contents(name).slice().buffer);
  words[1] = 1;
  words[31] = 0;
  words[31] = checksumWords(checksum, words, 0, words.length);
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < bytes.length; at += 1) disk.corrupt(name, at, bytes[at]!);
  const expected = 'manifest version 1; this build reads version 3';
  assert.equal(explainFile(disk, name, TOOLS).faults, [`${name}: ${expected}`]);
  assert.equal(explained(disk).faults, [`${expected}: the store does not open in this build`]);
});

test('a snapshot is a store of its own, and its files are read under their names', () => {
  const { disk, store } = sampleStore();
  const { writtenSequence: cutSequence } = store.log;
  const { manifest } = store;
  const input = { snapshotNumber: 3, manifest, cutSequence, segmentBytesMax: 1 << 20 };
  assert.ok(takeSnapshot(disk, checksum, input).ok);
  const [snapshot] = explained(disk).snapshots;
  assert.is(snapshot?.number, 3);
  assert.equal(faultsOf(snapshot!.store), []);
  assert.is(snapshot!.store.loggedCount, 6);
  const name = snapshotPrefix(3) + tableName(manifest.tables[0]!.fileNumber);
  assert.is(explainFile(disk, name, TOOLS).kind, 'table');
  disk.lose(snapshotPrefix(3) + manifestName(1));
  assert.match(faultsOf(explained(disk).snapshots[0]!.store).join(), /no manifest counts/);
});

test('a disk that does not answer is a fault, not an absence', () => {
  const { disk } = sampleStore();
  for (const name of disk.names()) {
    if (name.startsWith('reserve-')) continue;
    disk.inject({ operation: 'read', nth: 1, code: 'EIO', forever: true });
    const { faults } = explainFile(disk, name, TOOLS);
    assert.match(faults.join(), /cannot be read \(EIO/, name);
    disk.clearFaults();
  }
});

test.run();
