/** Tables, filters, manifests and flushes: lookups against a map, and every kind of damage. */
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { Prng } from '@clockwise/kernel/prng';
import {
  bloomAdd,
  bloomBitHash,
  bloomFalsePositives,
  bloomLineCount,
  bloomLineHash,
  bloomMayContain,
  bloomProbeCount,
} from '@clockwise/storage/bloom';
import { BLOCK_CODEC, BlockScratch, PURE_CODECS } from '@clockwise/storage/block-codec';
import { decodeManifest, encodeManifest, type Manifest } from '@clockwise/storage/manifest';
import { readLeaves, writeLeaves } from '@clockwise/storage/leaves-file';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checksum,
  copyOf,
  DamagedRead,
  getFromTable,
  mustOpen,
  openBlockOf,
  readBlocks,
  STORE_ID,
  TestStore,
  writeRecord,
} from './store-fixture.ts';

function newDisk(seed: string): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng(seed) });
}

/** Keys in the order of tables. */
function sorted(keys: readonly number[]): number[] {
  const high = (key: number): number => Math.imul(key, 0x9e3779b1) >>> 0;
  return keys.toSorted((left, right) => high(left) - high(right));
}

function writeTable(disk: SimulatedDisk, keys: readonly number[], fileNumber = 1): TableReader {
  const words = new Int32Array(64);
  const writer = tableWriter(disk, fileNumber);
  for (const key of sorted(keys)) {
    writeRecord(words, 0, key, key * 3);
    writer.add(words, 0);
  }
  return finish(disk, writer);
}

function tableWriter(disk: SimulatedDisk, fileNumber = 1): TableWriter {
  const created = TableWriter.create({
    disk,
    checksum,
    fileNumber,
    level: 0,
    ...STORE_ID,
    blockBytes: 512,
    bloomBitsPerKey: 10,
    codec: BLOCK_CODEC.none,
    codecs: PURE_CODECS,
    firstSequence: 1,
    lastSequence: 9,
  });
  if (!created.ok) throw new Error(created.detail);
  return created.value;
}

function finish(disk: SimulatedDisk, writer: TableWriter): TableReader {
  const table = writer.finish();
  if (!table.ok) throw new Error(table.detail);
  const opening = openTable(disk, table.value, checksum);
  if (opening.kind !== 'open') throw new Error(opening.kind);
  return opening.reader;
}

test('[TR3] [TW1] every key is found, mostly in the first block; a missing one never', () => {
  const disk = newDisk('lookup');
  for (const count of [1, 2, 5, 6, 50, 3000]) {
    const keys = Array.from({ length: count }, (_, index) => index * 2);
    const reader = writeTable(disk, keys, count);
    for (const key of keys) assert.is(getFromTable(disk, reader, key), key * 3);
    for (let key = 1; key < 200; key += 2) assert.is(getFromTable(disk, reader, key), undefined);
    assert.is(reader.table.recordCount, count);
  }
});

test('[TR3] keys with one and the same token are found over block borders', () => {
  const disk = newDisk('tokens');
  const writer = tableWriter(disk);
  const words = new Int32Array(64);
  for (let key = 0; key < 40; key += 1) {
    writeRecord(words, 0, key, key);
    // One run of equal tokens from key 3 to key 35, over several blocks.
    words[HEADER.tokenHigh] = key < 3 ? 1 : key > 35 ? 9 : 5;
    words[HEADER.tokenLow] = 7;
    writer.add(words, 0);
  }
  const reader = finish(disk, writer);
  for (let key = 3; key <= 35; key += 1) {
    let at = -2;
    for (let block = reader.locate(1, 5, 7); at === -2; block += 1) {
      const { words: found, from, to } = openBlockOf(disk, reader, block);
      at = reader.searchWords(found, from, to, block, 1, 5, 7, Int32Array.of(key, 0), 0, 6);
      if (at >= 0) assert.is(found[at + HEADER_WORDS], key);
    }
    assert.ok(at >= 0, `key ${key}`);
  }
  assert.is(reader.locate(1, 0, 0), -1);
});

test('a scan of a token range reads each block once and can go on where it stopped', () => {
  const disk = newDisk('scan');
  const reader = writeTable(
    disk,
    Array.from({ length: 500 }, (_, index) => index),
  );
  const range = { bucketId: 1, fromHigh: 0x40000000, fromLow: 0, toHigh: -0x40000000, toLow: -1 };
  let count = 0;
  let last = -1;
  let block = -1;
  for (;;) {
    const read = reader.scanRead(range, block, 1500);
    if (read === undefined) break;
    assert.ok(read.byteCount <= 1500);
    const words = readBlocks(disk, read);
    let at = 0;
    for (let index = 0; index < read.blockCount; index += 1) {
      assert.ok(reader.openBlock(words, at, read.firstBlock + index, new BlockScratch()));
      const end = at + reader.blockByteCount(read.firstBlock + index) / 4;
      for (let record = at + 4; record < end; record += words[record]!) {
        const high = words[record + HEADER.tokenHigh]! >>> 0;
        assert.ok(high > last);
        last = high;
        if (high >= 0x40000000 && high <= 0xc0000000) count += 1;
      }
      at = end;
    }
    block = read.firstBlock + read.blockCount;
  }
  const wanted = Array.from({ length: 500 }, (_, key) => Math.imul(key, 0x9e3779b1) >>> 0);
  assert.is(count, wanted.filter((high) => high >= 0x40000000 && high <= 0xc0000000).length);
});

test('[BF1] [TW2] the filter never denies a key, and its false positives are at most 1.2 x theory', () => {
  const keyCount = 1_000_000;
  for (const bitsPerKey of [8, 10, 12, 16]) {
    const words = new Int32Array(bloomLineCount(keyCount, bitsPerKey) * 16);
    const probes = bloomProbeCount(bitsPerKey);
    const keys = new Prng(`bloom-${bitsPerKey}`);
    for (let index = 0; index < keyCount; index += 1) {
      const [high, low] = [keys.word(), keys.word()];
      bloomAdd(words, probes, bloomLineHash(1, high, low), bloomBitHash(1, high, low));
    }
    const again = new Prng(`bloom-${bitsPerKey}`);
    for (let index = 0; index < 20_000; index += 1) {
      assert.ok(bloomMayContain(words, probes, 1, again.word(), again.word()));
    }
    const strangers = new Prng(`strangers-${bitsPerKey}`);
    const strangerCount = 1_000_000;
    let positives = 0;
    for (let index = 0; index < strangerCount; index += 1) {
      if (bloomMayContain(words, probes, 1, strangers.word(), strangers.word())) positives += 1;
    }
    const ratio = positives / strangerCount / bloomFalsePositives(bitsPerKey);
    const share = `${((positives / strangerCount) * 100).toFixed(4)} %`;
    console.log(`filter, ${bitsPerKey} bits a key: ${share}, ${ratio.toFixed(3)} x theory`);
    assert.ok(ratio <= 1.2, `${bitsPerKey} bits a key: ${ratio} x theory`);
  }
});

test('F14 [TR1] [TR2] O10 a table damaged at any byte gives right answers or none, never a wrong one', () => {
  const disk = newDisk('rot');
  const keys = Array.from({ length: 40 }, (_, index) => index);
  const { table, name } = writeTable(disk, keys);
  const bytes = disk.contents(name);
  let kinds = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const old = bytes[at]!;
    const next = [old ^ (1 << (at & 7)), 0, 0xff][at % 3]!;
    if (next === old) continue;
    disk.corrupt(name, at, next);
    const opening = openTable(disk, table, checksum);
    if (opening.kind === 'open') {
      for (const key of at % 4 === 0 ? keys : [at % 40]) {
        assert.ok(
          isRight(() => getFromTable(disk, opening.reader, key), key * 3),
          `byte ${at}`,
        );
      }
    } else {
      assert.is(opening.kind, 'damaged');
      kinds += 1;
    }
    disk.corrupt(name, at, old);
  }
  assert.ok(kinds > 100);
});

/** Right, or refused as damaged. */
function isRight(read: () => number | undefined, wanted: number): boolean {
  try {
    return read() === wanted;
  } catch (error) {
    if (!(error instanceof DamagedRead)) throw error;
    return true;
  }
}

test('F14 a block of another place or file is not taken for the one asked for', () => {
  const disk = newDisk('misdirected');
  const first = writeTable(disk, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1);
  const second = writeTable(disk, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 2);
  const block = readBlocks(disk, first.blockRead(0));
  const scratch = new BlockScratch();
  assert.ok(first.openBlock(block, 0, 0, scratch));
  assert.not.ok(first.openBlock(block, 0, 1, scratch));
  assert.not.ok(second.openBlock(block, 0, 0, scratch));
});

const MANIFEST: Manifest = {
  edition: 7,
  ...STORE_ID,
  opening: 3,
  nextFileNumber: 12,
  floorSequence: 2 ** 40 + 5,
  leavesFileNumber: 11,
  sealed: [{ opening: 2, index: 4, endBytes: 4096, lastSequence: 2 ** 40 + 9 }],
  tables: [
    {
      fileNumber: 10,
      level: 0,
      byteCount: 2 ** 33,
      recordCount: 5,
      tombstoneCount: 1,
      firstBucketId: 1,
      firstTokenHigh: -5,
      firstTokenLow: 3,
      lastBucketId: 2,
      lastTokenHigh: 5,
      lastTokenLow: -3,
      firstSequence: 1,
      lastSequence: 2 ** 40 + 5,
      rawBytes: 2 ** 34,
      expiringCount: 3,
      deltaCount: 2,
      earliestExpirySeconds: 1,
      latestExpirySeconds: 2 ** 32 - 1,
      largestRecordWords: 24,
    },
  ],
  rangeDrops: [
    { bucketId: 1, fromHigh: -8, fromLow: 1, toHigh: -7, toLow: -1, sequence: 2 ** 40 + 4 },
  ],
  givenUp: [
    { partition: 5, epoch: 2 },
    { partition: 0, epoch: 0x7fffffff },
  ],
  droppedRecordCount: 2 ** 33 + 1,
};

test('[MF1] [MF2] a manifest decodes to itself, with any byte changed not at all', () => {
  const words = encodeManifest(MANIFEST, checksum);
  assert.equal(decodeManifest(words, checksum), { kind: 'valid', manifest: MANIFEST });
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at]! ^= 1 << (at & 7);
    assert.is(decodeManifest(words, checksum).kind, 'damaged', `byte ${at}`);
    bytes[at]! ^= 1 << (at & 7);
  }
});

/** A store with tables, a log behind them, and keys 1 to 60 acknowledged. */
function filledStore(seed: string): SimulatedDisk {
  const disk = newDisk(seed);
  const store = mustOpen(disk);
  for (let key = 1; key <= 60; key += 1) {
    store.put(key, key);
    if (key % 20 !== 0) continue;
    assert.ok(store.group() && store.sync());
    if (key < 60) assert.ok(store.flush());
  }
  return disk;
}

test('F9 F16 [OS1] any byte of the manifest damaged: all is there, or needs-repair', () => {
  const disk = filledStore('manifest-rot');
  const names = disk.list();
  const name = (names.ok ? names.value : [])
    .filter((one) => one.startsWith('manifest-'))
    .toSorted()
    .at(-1)!;
  const bytes = disk.contents(name);
  for (let at = 0; at < bytes.length; at += 3) {
    const copy = copyOf(disk);
    copy.corrupt(name, at, bytes[at]! ^ 0x10);
    const found = TestStore.open(copy);
    if (!(found instanceof TestStore)) {
      assert.is(found.kind, 'needs-repair');
      continue;
    }
    for (let key = 1; key <= 60; key += 1) assert.is(found.get(key), key);
  }
});

test('F9 F18 [OS1] whatever call of an opening fails, and with whatever code, it is no damage', () => {
  const codes = ['EIO', 'EMFILE', 'ENOSPC', 'EROFS', 'OTHER'] as const;
  const image = filledStore('failing-opening').image();
  for (const code of codes) {
    let failures = 0;
    for (let nth = 1; nth < 200; nth += 1) {
      const disk = newDisk(`failing-${code}-${nth}`);
      disk.replace(image);
      disk.inject({ operation: 'any', nth, code });
      const found = TestStore.open(disk, { mustExist: true });
      if (!(found instanceof TestStore)) {
        assert.is(found.kind, 'failed', `call ${nth} with ${code}`);
        failures += 1;
      }
      disk.clearFaults();
      disk.crash('keep-all');
      const again = TestStore.open(disk, { mustExist: true });
      assert.ok(again instanceof TestStore, `after call ${nth} with ${code}`);
      for (let key = 1; key <= 60; key += 1) assert.is(again.get(key), key);
      if (failures < nth) break;
    }
    assert.ok(failures > 12, `${failures} failures with ${code}`);
  }
});

test('F16 manifests, tables or everything gone is needs-repair, never an empty store', () => {
  for (const gone of ['manifest-', 'table-', 'log-', '']) {
    const disk = filledStore(`gone-${gone}`);
    const names = disk.list();
    for (const name of names.ok ? names.value : []) if (name.startsWith(gone)) disk.remove(name);
    const found = TestStore.open(disk, { mustExist: true });
    assert.is(found instanceof TestStore ? 'open' : found.kind, 'needs-repair', `without ${gone}`);
  }
  const truncated = filledStore('truncated');
  const names = truncated.list();
  const table = (names.ok ? names.value : []).find((name) => name.startsWith('table-'))!;
  truncated.remove(table);
  const file = truncated.open(table, 'create');
  assert.ok(file.ok);
  const found = TestStore.open(truncated);
  assert.is(found instanceof TestStore ? 'open' : found.kind, 'needs-repair');
});

test('[MF2] another store’s folder is foreign, and left alone', () => {
  const disk = filledStore('foreign');
  const before = disk.list();
  const names = before.ok ? [...before.value] : [];
  const name = names
    .filter((one) => one.startsWith('manifest-'))
    .toSorted()
    .at(-1)!;
  const words = new Int32Array(disk.contents(name).buffer);
  const reading = decodeManifest(words, checksum);
  assert.is(reading.kind, 'valid');
  if (reading.kind !== 'valid') return;
  const other = encodeManifest({ ...reading.manifest, storeIdLow: 99 }, checksum);
  disk.remove(name);
  const file = disk.open(name, 'create');
  if (file.ok) disk.write(file.value, [new Uint8Array(other.buffer)], 0);
  const found = TestStore.open(disk);
  assert.is(found instanceof TestStore ? 'open' : found.kind, 'foreign');
  const after = disk.list();
  assert.equal(after.ok ? after.value.toSorted() : [], names.toSorted());
});

test('F8 [ME2] [ME3] [SE1] a manifest whose sync fails counts or not; nothing it names is lost', () => {
  for (const model of ['keep-all', 'drop-all', 'subset', 'prefix'] as const) {
    for (let nth = 1; nth <= 4; nth += 1) {
      const disk = newDisk(`edition-${model}-${nth}`);
      const store = mustOpen(disk);
      for (let key = 1; key <= 20; key += 1) store.put(key, key);
      assert.ok(store.group() && store.sync());
      disk.inject({ operation: 'datasync', nth, code: 'EIO', pages: 'new' });
      const flushed = store.flush();
      if (flushed) assert.is(nth, 4);
      disk.clearFaults();
      assert.ok(store.flush(), 'the next try takes other numbers');
      for (let reopening = 0; reopening < 2; reopening += 1) {
        disk.crash(model);
        const again = mustOpen(disk);
        for (let key = 1; key <= 20; key += 1) assert.is(again.get(key), key);
      }
    }
  }
});

test('[FJ1] [FJ2] a flush keeps the newest of each key, and the leaves are the sum of all changes', () => {
  const disk = newDisk('leaves');
  const store = mustOpen(disk);
  const wanted = new Map<number, [bigint, number]>();
  for (let step = 1; step <= 150; step += 1) {
    const key = step % 13;
    store.put(key, step);
    const leaf = Math.imul(key, 0x9e3779b1) >>> 24;
    const before = wanted.get(leaf) ?? [0n, 0];
    const installed = BigInt(key) + (BigInt(step) << 32n);
    wanted.set(leaf, [BigInt.asUintN(64, before[0] + installed), key]);
    if (step % 50 === 0) assert.ok(store.group() && store.sync() && store.flush());
  }
  const check = (leaves: Int32Array): void => {
    const values = new BigUint64Array(leaves.slice().buffer);
    for (const [leaf, [sum]] of wanted) assert.is(values[leaf], sum);
  };
  check(store.leaves);
  const again = mustOpen(disk);
  check(again.leaves);
  assert.ok(again.opened.leaves !== undefined);
  assert.is(
    again.tables.reduce((sum, table) => sum + table.table.recordCount, 0),
    13 * again.tables.length,
  );
  for (let step = 138; step <= 150; step += 1) assert.is(again.get(step % 13), step);
});

test('[LF1] leaves with any byte changed are not read', () => {
  const disk = newDisk('leaves-rot');
  const written = writeLeaves(
    disk,
    { fileNumber: 3, sequence: 9, leaves: Int32Array.of(1, 2) },
    checksum,
  );
  assert.ok(written.ok);
  const good = readLeaves(disk, 3, checksum);
  assert.equal(good.ok && good.value?.sequence, 9);
  const bytes = disk.contents('leaves-00000003');
  for (let at = 0; at < bytes.length; at += 1) {
    disk.corrupt('leaves-00000003', at, bytes[at]! ^ 4);
    const read = readLeaves(disk, 3, checksum);
    assert.ok(read.ok && read.value === undefined, `byte ${at}`);
    disk.corrupt('leaves-00000003', at, bytes[at]!);
  }
});

test.run();
