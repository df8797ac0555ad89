/** Full disks, and disks that refuse: what a store does with its reserve, and that no error reads as "not there". */
import type { DiskFailure } from '@clockwise/kernel/effects';
import { Prng } from '@clockwise/kernel/prng';
import { encodeManifest } from '@clockwise/storage/manifest';
import {
  manifestName,
  reserveName,
  snapshotPrefix,
  tableName,
} from '@clockwise/storage/file-names';
import { makeReserve, reserveNumbers, takeReserve } from '@clockwise/storage/reserve';
import { bytesOf, writeNewFile } from '@clockwise/storage/whole-transfer';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { DiskOperation } from '@clockwise/simulator/simulated-disk-faults';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, copyOf, mustOpen, TestStore } from './store-fixture.ts';

const RESERVE_FILES = 4;
const RESERVE_BYTES = 2048;

function newDisk(seed: string, shortTransferProbability = 0): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng(seed), shortTransferProbability });
}

function reserveOf(disk: SimulatedDisk): number[] {
  return reserveNumbers(disk.names());
}

/** A store with a whole reserve, on a disk that has `freeBytes` left. */
function storeWithReserve(
  seed: string,
  freeBytes: number,
): { disk: SimulatedDisk; store: TestStore } {
  const disk = newDisk(seed);
  const store = mustOpen(disk);
  const made = makeReserve(disk, RESERVE_FILES, RESERVE_BYTES);
  assert.is(made.ok && made.value, RESERVE_FILES);
  disk.capacityBytes = disk.usedBytes() + freeBytes;
  return { disk, store };
}

/** Puts key = value in groups of one, synced, until one is refused. The last that was acknowledged. */
function putUntilRefused(store: TestStore, from: number, to: number): number {
  for (let value = from; value <= to; value += 1) {
    if (!store.put(value, value) || !store.group() || !store.sync()) return value - 1;
  }
  return to;
}

/** How many calls of a kind the disk is asked for from now on. */
function countCalls(disk: SimulatedDisk, operation: 'write' | 'create' | 'rename'): () => number {
  let calls = 0;
  const method = operation === 'create' ? 'open' : operation;
  const real = disk[method].bind(disk) as (...parts: unknown[]) => unknown;
  Object.assign(disk, {
    [method]: (...parts: unknown[]) => {
      if (operation !== 'create' || parts[1] === 'create') calls += 1;
      return real(...parts);
    },
  });
  return () => calls;
}

function allThere(disk: SimulatedDisk, last: number, text: string): void {
  const store = mustOpen(disk);
  for (let key = 1; key <= last; key += 1) assert.is(store.get(key), key, text);
}

test('F17 [RV1] [RV2] a reserve is made as far as there is room, and made whole when there is more', () => {
  for (let room = 0; room <= RESERVE_FILES * RESERVE_BYTES + 1000; room += 700) {
    const disk = newDisk(`reserve-${room}`);
    disk.capacityBytes = room;
    const made = makeReserve(disk, RESERVE_FILES, RESERVE_BYTES);
    const fitting = Math.min(RESERVE_FILES, Math.floor(room / RESERVE_BYTES));
    assert.equal(made, { ok: true, value: fitting }, `room ${room}`);
    assert.is(disk.usedBytes(), fitting * RESERVE_BYTES, 'nothing half made stays');
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    assert.equal(makeReserve(disk, RESERVE_FILES, RESERVE_BYTES), {
      ok: true,
      value: RESERVE_FILES,
    });
    disk.crash('drop-all');
    assert.equal(reserveOf(disk), [4, 3, 2, 1]);
    for (const name of disk.names()) assert.is(disk.sizeOf(name), RESERVE_BYTES);
  }
});

test('F17 [RV3] a making that a crash ended is mended by the next one', () => {
  for (const model of CRASH_MODELS) {
    for (let nth = 1; nth < 60; nth += 1) {
      const disk = newDisk(`reserve crash ${model} ${nth}`, 0.3);
      disk.crashAt = nth;
      try {
        makeReserve(disk, 2, RESERVE_BYTES);
      } catch (error) {
        assert.ok(error instanceof SimulatedCrash, String(error));
      }
      disk.crash(model);
      assert.equal(makeReserve(disk, 2, RESERVE_BYTES), { ok: true, value: 2 });
      for (const name of disk.names())
        assert.is(disk.sizeOf(name), RESERVE_BYTES, `${model} ${nth}`);
    }
  }
});

test('F17 a reserve is given up file by file, the highest first, and another error is an error', () => {
  const disk = newDisk('take');
  makeReserve(disk, 2, RESERVE_BYTES);
  assert.equal(takeReserve(disk), { ok: true, value: true });
  assert.equal(reserveOf(disk), [1]);
  disk.inject({ operation: 'remove', nth: 1, code: 'EIO' });
  assert.not.ok(takeReserve(disk).ok);
  disk.inject({ operation: 'syncDirectory', nth: 1, code: 'EIO' });
  assert.not.ok(takeReserve(disk).ok, 'its room is not there before the folder is synced');
  assert.equal(takeReserve(disk), { ok: true, value: false });
  disk.inject({ operation: 'write', nth: 2, code: 'EIO' });
  const made = makeReserve(disk, 2, RESERVE_BYTES);
  assert.is(made.ok ? '' : made.code, 'EIO');
});

test('F17 [LW5] on a full disk the log goes on in the room of its reserve, to its last byte', () => {
  for (let freeBytes = 0; freeBytes < 9000; freeBytes += 333) {
    const { disk, store } = storeWithReserve(`log full ${freeBytes}`, freeBytes);
    const acked = putUntilRefused(store, 1, 1000);
    const text = `${freeBytes} bytes free`;
    assert.ok(acked * 120 > RESERVE_FILES * RESERVE_BYTES * 0.7, `${text}: ${acked} acknowledged`);
    assert.is(store.log.reserveUsed, RESERVE_FILES, text);
    assert.equal(reserveOf(disk), [], text);
    assert.is(store.log.failure?.code, 'ENOSPC', 'then it is over');
    disk.crash('drop-all');
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    allThere(disk, acked, text);
  }
});

test('F17 [LW5] a group of which a full disk took a part is written whole, at its place', () => {
  // Free bytes that end within each part of the first group, of the next, and of a segment's header.
  for (let freeBytes = 0; freeBytes < 600; freeBytes += 4) {
    const { disk, store } = storeWithReserve(`part ${freeBytes}`, freeBytes);
    const acked = putUntilRefused(store, 1, 40);
    assert.is(acked, 40, `${freeBytes} bytes free`);
    assert.ok(store.log.reserveUsed >= 1);
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    for (const model of ['keep-all', 'drop-all'] as const) {
      const copy = newDisk('copy');
      disk.crash(model);
      copy.replace(disk.image());
      allThere(copy, 40, `${freeBytes} bytes free, ${model}`);
    }
  }
});

for (const operation of ['write', 'create', 'rename'] as const) {
  test(`F17 [LW5] ENOSPC at any ${operation} of the log costs a reserve file and nothing else`, () => {
    let struck = 0;
    for (let nth = 1, calls = 1; nth <= calls; nth += 1) {
      const { disk, store } = storeWithReserve(`${operation} ${nth}`, Number.MAX_SAFE_INTEGER / 2);
      const callsOf = countCalls(disk, operation);
      disk.inject({ operation, nth, code: 'ENOSPC' });
      let acked = 0;
      for (let round = 0; round < 4; round += 1) {
        acked = putUntilRefused(store, acked + 1, acked + 30);
        // Segments become spares, which are renamed.
        store.flush();
      }
      assert.is(acked, 120, `${operation} ${nth}`);
      const used = store.log.reserveUsed;
      assert.ok(used <= 1);
      struck += used;
      calls = callsOf();
      disk.clearFaults();
      disk.crash('drop-all');
      allThere(disk, acked, `${operation} ${nth}`);
    }
    assert.ok(struck >= (operation === 'write' ? 100 : 1), `${struck} were struck`);
  });
}

test('F17 F5 [LW5] [LW3] a sync that fails for want of room fences at once: the reserve stays', () => {
  for (let nth = 1; nth <= 30; nth += 1) {
    for (const operation of ['datasync', 'syncDirectory'] as const) {
      const { disk, store } = storeWithReserve(
        `${operation} full ${nth}`,
        Number.MAX_SAFE_INTEGER / 2,
      );
      disk.inject({ operation, nth, code: 'ENOSPC' });
      const acked = putUntilRefused(store, 1, 60);
      // A run of 60 groups syncs the folder a few times only.
      if (operation === 'syncDirectory' && acked === 60) continue;
      assert.ok(acked < 60, `${operation} ${nth} ends it`);
      assert.is(store.log.reserveUsed, 0);
      assert.equal(reserveOf(disk), [4, 3, 2, 1]);
      const calls = disk.operationCount;
      store.put(900, 900);
      assert.not.ok(store.group());
      assert.is(disk.operationCount, calls, 'the disk is left alone');
      disk.crash('keep-all');
      allThere(disk, acked, `${operation} ${nth}`);
    }
  }
});

test('F17 without a reserve a full disk fences, and zeros that find no room cost nothing', () => {
  for (let freeBytes = 0; freeBytes < 9000; freeBytes += 333) {
    const disk = newDisk(`no reserve ${freeBytes}`);
    const store = mustOpen(disk);
    disk.capacityBytes = disk.usedBytes() + freeBytes;
    const acked = putUntilRefused(store, 1, 1000);
    assert.is(store.log.reserveUsed, 0);
    assert.ok(acked >= Math.floor(freeBytes / 260), `${acked} records in ${freeBytes} bytes`);
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    disk.crash('drop-all');
    allThere(disk, acked, `${freeBytes} bytes free`);
  }
});

test('F17 ENOSPC at the n-th write of a run of 500 operations, for every n', () => {
  let struck = 0;
  for (let nth = 1, writes = 1; nth <= writes; nth += 1) {
    const { disk, store } = storeWithReserve(`n-th ${nth}`, Number.MAX_SAFE_INTEGER / 2);
    const writesOf = countCalls(disk, 'write');
    disk.inject({ operation: 'write', nth, code: 'ENOSPC' });
    const model = new Map<number, number>();
    for (let operation = 1; operation <= 500; operation += 1) {
      const key = (operation * 7) % 41;
      const value = operation % 9 === 0 ? -operation : operation;
      if (!store.put(key, value)) {
        assert.ok(store.flush(), 'memory is given back');
        assert.ok(store.put(key, value));
      }
      model.set(key, value);
      if (operation % 5 === 0) assert.ok(store.group() && store.sync(), `write ${nth}`);
      // A flush that finds no room is tried again later.
      if (operation % 60 === 0) store.flush();
    }
    for (const [key, value] of model) assert.is(store.get(key), value);
    writes = writesOf();
    disk.clearFaults();
    disk.crash('drop-all');
    const again = mustOpen(disk);
    for (const [key, value] of model) assert.is(again.get(key), value, `write ${nth}`);
    noPartialFileNamed(again);
    if (reserveOf(disk).length < RESERVE_FILES) struck += 1;
  }
  assert.ok(struck > 90, `${struck} writes of the log were struck`);
});

function noPartialFileNamed(store: TestStore): void {
  const names = store.disk.list();
  const held = new Set(names.ok ? names.value : []);
  for (const table of store.manifest.tables) {
    assert.ok(held.has(tableName(table.fileNumber)), 'what the manifest names is there');
  }
}

test('F17 [OS6] a store opens on a full disk by its reserve, and as DISK_FULL where it has none', () => {
  for (let freeBytes = 0; freeBytes < 1200; freeBytes += 60) {
    for (const files of [RESERVE_FILES, 0]) {
      const disk = newDisk(`open full ${freeBytes}`);
      const store = mustOpen(disk);
      const acked = putUntilRefused(store, 1, 30);
      assert.ok(store.flush());
      assert.is(putUntilRefused(store, acked + 1, 45), 45);
      assert.ok(makeReserve(disk, files, RESERVE_BYTES).ok);
      disk.crash('keep-all');
      disk.capacityBytes = disk.usedBytes() + freeBytes;
      const opened = TestStore.open(disk);
      const text = `${freeBytes} bytes free, ${files} reserve files`;
      if (files > 0) assert.ok(opened instanceof TestStore, text);
      if (opened instanceof TestStore) {
        for (let key = 1; key <= 45; key += 1) assert.is(opened.get(key), key, text);
        assert.ok(putUntilRefused(opened, 46, 46) === 46 || files === 0, text);
      } else {
        assert.equal(opened.kind === 'failed' ? opened.name : opened.kind, 'DISK_FULL', text);
      }
      disk.crash('drop-all');
      disk.capacityBytes = Number.MAX_SAFE_INTEGER;
      allThere(disk, 45, text);
    }
  }
});

test('F17 [OS6] a crash at any call of an opening on a full disk loses nothing', () => {
  const source = newDisk('open full');
  assert.is(putUntilRefused(mustOpen(source), 1, 20), 20);
  makeReserve(source, RESERVE_FILES, RESERVE_BYTES);
  source.syncAll();
  const image = source.image();
  let crashes = 0;
  for (const model of CRASH_MODELS) {
    for (let nth = 1; nth < 200; nth += 1) {
      const disk = newDisk(`open full ${model} ${nth}`);
      disk.replace(image);
      disk.capacityBytes = disk.usedBytes() + 40;
      disk.crashAt = nth;
      let crashed = false;
      try {
        mustOpen(disk);
      } catch (error) {
        assert.ok(error instanceof SimulatedCrash, String(error));
        crashed = true;
        crashes += 1;
      }
      disk.crash(model);
      allThere(disk, 20, `${model}, call ${nth}`);
      if (!crashed) break;
    }
  }
  assert.ok(crashes > 100, `${crashes} crashes`);
});

const REFUSALS: readonly (readonly [DiskOperation, DiskFailure])[] = [
  ['open', 'EMFILE'],
  ['open', 'EIO'],
  ['create', 'EMFILE'],
  ['read', 'EIO'],
  ['list', 'EMFILE'],
  ['list', 'EIO'],
];

for (const [operation, code] of REFUSALS) {
  test(`F18 a store whose n-th ${operation} answers ${code} opens not at all, or whole: never as empty`, () => {
    const source = newDisk('refusals');
    const store = mustOpen(source);
    assert.is(putUntilRefused(store, 1, 30), 30);
    assert.ok(store.flush());
    assert.is(putUntilRefused(store, 31, 60), 60);
    let refused = 0;
    for (let nth = 1; nth < 100; nth += 1) {
      const disk = copyOf(source);
      disk.inject({ operation, nth, code });
      const opened = TestStore.open(disk, { mustExist: true });
      if (opened instanceof TestStore) {
        disk.clearFaults();
        for (let key = 1; key <= 60; key += 1) assert.is(opened.get(key), key, `call ${nth}`);
      } else {
        assert.is(opened.kind, 'failed', `call ${nth}: ${JSON.stringify(opened)}`);
        refused += 1;
      }
      disk.clearFaults();
      disk.crash('keep-all');
      allThere(disk, 60, `afterwards, call ${nth}`);
      if (opened instanceof TestStore && nth > refused + 3) break;
    }
    assert.ok(refused > 0);
  });
}

test('[OR1] [OR2] an opening leaves the reserve, foreign names and whole snapshots; others go', () => {
  const disk = newDisk('orphans');
  const store = mustOpen(disk);
  makeReserve(disk, 1, RESERVE_BYTES);
  const manifest = bytesOf(encodeManifest({ ...store.manifest, edition: 1 }, checksum));
  const some = new Uint8Array(64);
  const [whole, begun, spoilt] = [snapshotPrefix(1), snapshotPrefix(2), snapshotPrefix(3)];
  const kept = ['notes.txt', reserveName(1), whole + manifestName(1), whole + tableName(7)];
  const gone = [
    begun + tableName(7),
    spoilt + tableName(7),
    spoilt + manifestName(1),
    tableName(9),
  ];
  for (const name of ['notes.txt', whole + tableName(7), ...gone]) {
    assert.ok(writeNewFile(disk, name, [some]).ok);
  }
  assert.ok(writeNewFile(disk, whole + manifestName(1), [manifest]).ok);
  const again = mustOpen(disk);
  for (const name of kept) assert.ok(disk.names().includes(name), `${name} stays`);
  for (const name of gone) assert.not.ok(disk.names().includes(name), `${name} goes`);
  assert.ok(again.manifest.nextFileNumber > 9, '[OS5] numbers that were seen are not given again');
});

test.run();
