// runner: test limit 30s
/** Tables by each codec: every key is found, every changed byte is noticed, and properties are right. */
import { Prng } from '@clockwise/kernel/prng';
import {
  HEADER,
  HEADER_WORDS,
  KIND,
  SIBLING,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { BLOCK_CODEC, BlockScratch, flushCodec } from '@clockwise/storage/block-codec';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type TableMetadata,
  tableOrder,
} from '@clockwise/storage/manifest';
import { BLOCK, FOOTER_BYTES } from '@clockwise/storage/sstable-format';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable, openTableIndex } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, getFromTable, readBlocks, STORE_ID, writeRecord } from './store-fixture.ts';

const CODECS = Object.entries(BLOCK_CODEC);
const RECORD_WORDS = 48;
const SIBLING_AT: number = HEADER_WORDS + 2;

function newDisk(seed: string): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng(seed) });
}

function createTable(disk: SimulatedDisk, codec: number, fileNumber = 1): TableWriter {
  const created = TableWriter.create({
    disk,
    checksum,
    fileNumber,
    level: 0,
    ...STORE_ID,
    blockBytes: 2048,
    codec,
    codecs: NODE_BLOCK_CODECS,
    bloomBitsPerKey: 10,
    firstSequence: 1,
    lastSequence: 9,
  });
  if (!created.ok) throw new Error(created.detail);
  return created.value;
}

function finish(disk: SimulatedDisk, writer: TableWriter): TableReader {
  const table = writer.finish();
  if (!table.ok) throw new Error(table.detail);
  return reopen(disk, table.value);
}

function reopen(disk: SimulatedDisk, table: TableMetadata): TableReader {
  const opening = openTable(disk, table, checksum, NODE_BLOCK_CODECS);
  if (opening.kind !== 'open') throw new Error(opening.kind);
  return opening.reader;
}

/** Keys 0 to `count` - 1; the values are half noise, half zeros, and every 7th is noise alone. */
function writeTable(disk: SimulatedDisk, codec: number, count: number): TableReader {
  const prng = new Prng('values');
  const words = new Int32Array(RECORD_WORDS);
  const writer = createTable(disk, codec);
  for (const key of sorted(count)) {
    writeRecord(words, 0, key, key * 3);
    words[HEADER.wordCount] = RECORD_WORDS;
    words[HEADER.siblingsAndRecents] = 1;
    words[SIBLING_AT + SIBLING.valueBytes] = (RECORD_WORDS - SIBLING_AT - SIBLING_HEADER_WORDS) * 4;
    for (let at = 24; at < RECORD_WORDS; at += 1) {
      words[at] = at % 2 === 0 || key % 7 === 0 ? prng.word() : 0;
    }
    writer.add(words, 0);
  }
  return finish(disk, writer);
}

function sorted(count: number): number[] {
  const high = (key: number): number => Math.imul(key, 0x9e3779b1) >>> 0;
  return Array.from({ length: count }, (_, key) => key).toSorted((a, b) => high(a) - high(b));
}

for (const [name, codec] of CODECS) {
  test(`${name}: every key is found, and what a codec does not shrink is stored as it is`, () => {
    const disk = newDisk(name);
    const reader = writeTable(disk, codec, 700);
    for (let key = 0; key < 700; key += 1) assert.is(getFromTable(disk, reader, key), key * 3);
    assert.is(reader.table.rawBytes, 700 * RECORD_WORDS * 4);
    const ratio = reader.table.byteCount / reader.table.rawBytes;
    assert.ok(codec === BLOCK_CODEC.none ? ratio > 1 : ratio < 0.9, `${ratio}`);
    const first = readBlocks(disk, reader.blockRead(0));
    assert.is(first[BLOCK.codecAndCount]! & 0xff, codec);
    // Half of what it was asked for, but no more bytes: a table of noise alone.
    const noise = new Int32Array(RECORD_WORDS);
    const prng = new Prng('noise');
    const writer = createTable(disk, codec, 2);
    writeRecord(noise, 0, 1, 1);
    noise[HEADER.wordCount] = RECORD_WORDS;
    for (let at = HEADER_WORDS + 2; at < RECORD_WORDS; at += 1) noise[at] = prng.word();
    writer.add(noise, 0);
    const stored = finish(disk, writer);
    const block = readBlocks(disk, stored.blockRead(0));
    assert.is(block[BLOCK.codecAndCount]! & 0xff, BLOCK_CODEC.none);
    assert.is(stored.parts.footer.codec, codec);
  });

  test(`F14 [TR2] ${name}: whatever byte of a block is changed, the block is damaged`, () => {
    const disk = newDisk(`rot-${name}`);
    const reader = writeTable(disk, codec, codec === BLOCK_CODEC.none ? 330 : 450);
    const scratch = new BlockScratch();
    let damagedCount = 0;
    for (let block = 0; block < reader.blockCount; block += 1) {
      const words = readBlocks(disk, reader.blockRead(block));
      const bytes = new Uint8Array(words.buffer);
      assert.ok(reader.openBlock(words, 0, block, scratch));
      for (let at = 0; at < bytes.length; at += 1) {
        for (const [place, byte] of changesOf(bytes, at)) {
          const [old, neighbour] = [bytes[at]!, bytes[place]!];
          bytes[at] = byte;
          if (place !== at) bytes[place] = old;
          assert.not.ok(reader.openBlock(words, 0, block, scratch), `block ${block}, byte ${at}`);
          damagedCount += 1;
          bytes[place] = neighbour;
          bytes[at] = old;
        }
      }
    }
    assert.ok(damagedCount > 100_000, `${damagedCount} changes`);
  });

  test(`F14 [TR1] [TO1] ${name}: a changed byte of index or footer is damage, of the filter a maybe`, () => {
    const disk = newDisk(`tail-${name}`);
    const { table, parts, name: file } = writeTable(disk, codec, 330);
    const { footer } = parts;
    const bytes = disk.contents(file);
    const footerFrom = bytes.length - FOOTER_BYTES;
    for (let at = footer.indexBytesFrom; at < bytes.length; at += 1) {
      const isFilter = at >= footer.filterBytesFrom && at < footerFrom;
      for (const [place, byte] of changesOf(bytes, at)) {
        if (place !== at && at + 1 === footer.filterBytesFrom) continue;
        disk.corrupt(file, at, byte);
        if (place !== at) disk.corrupt(file, place, bytes[at]!);
        const opening = openTable(disk, table, checksum, NODE_BLOCK_CODECS);
        if (opening.kind === 'open') {
          assert.ok(isFilter, `byte ${at}`);
          assert.not.ok(opening.reader.filterSound);
          assert.is(getFromTable(disk, opening.reader, at % 330), (at % 330) * 3);
        } else {
          assert.is(opening.kind, 'damaged');
          assert.ok(!isFilter || place === footerFrom, `byte ${at}`);
        }
        disk.corrupt(file, place, bytes[place]!);
        disk.corrupt(file, at, bytes[at]!);
      }
    }
    assert.ok(reopen(disk, table).filterSound);
  });
}

/** The byte another way, and swapped with the one behind it: [place of the swap, new byte]. */
function changesOf(bytes: Uint8Array, at: number): [number, number][] {
  const old = bytes[at]!;
  const changes: [number, number][] = [old ^ (1 << (at & 7)), 0, 0xff]
    .filter((byte) => byte !== old)
    .map((byte) => [at, byte]);
  if (at + 1 < bytes.length && bytes[at + 1] !== old) changes.push([at + 1, bytes[at + 1]!]);
  return changes;
}

test('F14 the index or the filter of another table is not taken for the one asked for', () => {
  const disk = newDisk('bound');
  const first = writeTable(disk, BLOCK_CODEC.none, 330);
  const { indexBytesFrom, filterBytesFrom, filterWords } = first.parts.footer;
  const bytes = disk.contents(first.name);
  // A table of the same shape and other keys, whose parts come to stand in the first one's places.
  const words = new Int32Array(RECORD_WORDS);
  const writer = createTable(disk, BLOCK_CODEC.none, 2);
  for (const key of sorted(330)) {
    writeRecord(words, 0, key, key * 3);
    words[HEADER.wordCount] = RECORD_WORDS;
    words[HEADER.tokenLow] = key;
    writer.add(words, 0);
  }
  const second = finish(disk, writer);
  const others = disk.contents(second.name);
  assert.is(others.length, bytes.length);
  const copy = (from: number, to: number): void => {
    for (let at = from; at < to; at += 1) disk.corrupt(first.name, at, others[at]!);
  };
  const filterEnd = filterBytesFrom + filterWords * 4;
  // With the other one's footer words, so that the checksums alone would agree.
  const footerAt = bytes.length - FOOTER_BYTES;
  const forged = new Int32Array(bytes.slice(footerAt).buffer);
  const foreign = new Int32Array(others.slice(footerAt).buffer);
  const FILTER_CHECKSUM = 28;
  forged[FILTER_CHECKSUM] = foreign[FILTER_CHECKSUM]!;
  forged[63] = checksum(new Uint8Array(forged.buffer, 0, 63 * 4), 0);
  copy(filterBytesFrom, filterEnd);
  const forgedBytes = new Uint8Array(forged.buffer);
  forgedBytes.forEach((byte, at) => disk.corrupt(first.name, footerAt + at, byte));
  const opening = openTable(disk, first.table, checksum, NODE_BLOCK_CODECS);
  assert.ok(opening.kind === 'open' && !opening.reader.filterSound);
  for (let key = 0; key < 330; key += 1) {
    assert.is(getFromTable(disk, opening.reader, key), key * 3);
  }
  copy(indexBytesFrom, filterBytesFrom);
  assert.is(openTable(disk, first.table, checksum, NODE_BLOCK_CODECS).kind, 'damaged');
});

test('[TP1] [TW3] counts, expiries and bounds are those of the records', () => {
  const disk = newDisk('properties');
  const writer = createTable(disk, BLOCK_CODEC.none);
  assert.is(writer.lastBound(), undefined);
  const words = new Int32Array(64);
  const kinds = [KIND.full, KIND.tombstone, KIND.delta, KIND.full, KIND.acceptor];
  const expiries = [[0, 500], [0], [-2, 900], [], []];
  for (let index = 0; index < kinds.length; index += 1) {
    words.fill(0);
    const siblings = expiries[index]!;
    const wordCount = HEADER_WORDS + 2 + siblings.length * SIBLING_HEADER_WORDS;
    words[HEADER.wordCount] = wordCount;
    words[HEADER.kind] = kinds[index]!;
    words[HEADER.bucketId] = 1;
    words[HEADER.tokenHigh] = index;
    words[HEADER.keyAndContext] = 6;
    words[HEADER.siblingsAndRecents] = siblings.length;
    siblings.forEach((seconds, at) => {
      const sibling = HEADER_WORDS + 2 + at * SIBLING_HEADER_WORDS;
      words[sibling + SIBLING.expirySeconds] = seconds;
    });
    writer.add(words, 0);
    assert.equal(writer.lastBound(), { bucketId: 1, tokenHigh: index, tokenLow: 0 });
  }
  assert.ok(writer.byteCount >= (34 + 22 + 34 + 10 + 10) * 4);
  const { table, memoryBytes, parts } = finish(disk, writer);
  assert.is(memoryBytes, parts.index.byteLength + parts.filter.byteLength);
  assert.is(table.recordCount, 5);
  assert.is(table.tombstoneCount, 1);
  assert.is(table.deltaCount, 1);
  assert.is(table.expiringCount, 2);
  assert.is(table.earliestExpirySeconds, 500);
  assert.is(table.latestExpirySeconds, 2 ** 32 - 2);
  assert.is(table.largestRecordWords, 34);
  assert.is(table.rawBytes, (34 + 22 + 34 + 10 + 10) * 4);
  const reader = reopen(disk, { ...table, level: 3 });
  assert.is(reader.table.level, 3, 'the level is the manifest’s');
  assert.ok(reader.covers(1, 0, 0) && reader.covers(1, 4, 0) && reader.covers(1, 2, -1));
  assert.not.ok(reader.covers(1, 4, 1) || reader.covers(0, 4, 0) || reader.covers(2, 1, 0));
  const index = openTableIndex(disk, table, checksum);
  assert.ok(index.kind === 'open' && index.reader.parts.filter.length === 0);
});

test('an abandoned table leaves no file', () => {
  const disk = newDisk('abandoned');
  const words = new Int32Array(64);
  const writer = createTable(disk, BLOCK_CODEC.lz4);
  writeRecord(words, 0, 1, 1);
  writer.add(words, 0);
  writer.abandon();
  const names = disk.list();
  assert.ok(names.ok && names.value.length === 0);
});

test('a table or manifest of another version is foreign, and says which one is read', () => {
  const disk = newDisk('version');
  const { table, name } = writeTable(disk, BLOCK_CODEC.none, 10);
  for (const version of [3, 5]) {
    setVersion(disk, name, version);
    const opening = openTable(disk, table, checksum);
    assert.ok(opening.kind === 'foreign');
    const expected = `${name}: table version ${version}; this build reads version 4`;
    assert.is(opening.reason, expected);
  }
  const words = encodeManifest(manifestOf([]), checksum);
  words[1] = 4;
  words[31] = 0;
  words[31] = checksum(new Uint8Array(words.buffer), 0);
  assert.equal(decodeManifest(words, checksum), {
    kind: 'foreign',
    reason: 'manifest version 4; this build reads version 3',
  });
});

test('what is flushed is packed where merges compress, and as it is where they do not', () => {
  assert.is(flushCodec(BLOCK_CODEC.none), BLOCK_CODEC.none);
  assert.is(flushCodec(BLOCK_CODEC.deflate), BLOCK_CODEC.packed);
  assert.is(flushCodec(BLOCK_CODEC.lz4), BLOCK_CODEC.packed);
});

function setVersion(disk: SimulatedDisk, name: string, version: number): void {
  const bytes = disk.contents(name);
  const footerAt = bytes.length - FOOTER_BYTES;
  const footer = new Int32Array(bytes.slice(footerAt).buffer);
  footer[1] = version;
  footer[63] = checksum(new Uint8Array(footer.buffer, 0, 63 * 4), 0);
  const changed = new Uint8Array(footer.buffer);
  changed.forEach((byte, at) => disk.corrupt(name, footerAt + at, byte));
}

function manifestOf(tables: readonly TableMetadata[]): Manifest {
  return {
    edition: 1,
    ...STORE_ID,
    opening: 1,
    nextFileNumber: 99,
    floorSequence: 9,
    leavesFileNumber: 0,
    sealed: [],
    tables,
    rangeDrops: [],
    givenUp: [],
    droppedRecordCount: 0,
  };
}

test('[MF3] tables are listed oldest first, and an edition that lists them otherwise is damaged', () => {
  const { table } = writeTable(newDisk('order'), BLOCK_CODEC.none, 10);
  const at = (fileNumber: number, level: number, lastSequence: number, high: number) => ({
    ...table,
    fileNumber,
    level,
    lastSequence,
    firstTokenHigh: high,
    lastTokenHigh: high,
  });
  // A run of two tables in level 0; tokens beyond 2^31 are the greater ones.
  const ordered = [at(9, 3, 5, 1), at(8, 1, 7, 3), at(1, 1, 2, -3)];
  ordered.push(at(7, 0, 10, 5), at(6, 0, 10, -9), at(5, 0, 20, 1));
  const prng = new Prng('shuffle');
  for (let round = 0; round < 20; round += 1) {
    const shuffled = ordered
      .map((one) => ({ one, place: prng.word() }))
      .toSorted((left, right) => left.place - right.place)
      .map(({ one }) => one);
    assert.equal(tableOrder(shuffled), ordered);
  }
  const words = encodeManifest(manifestOf(ordered), checksum);
  assert.is(decodeManifest(words, checksum).kind, 'valid');
  assert.throws(() => encodeManifest(manifestOf(ordered.toReversed()), checksum), /MF3/);
  const [first, second] = [words.slice(32, 64), words.slice(64, 96)];
  words.set(second, 32);
  words.set(first, 64);
  words[31] = 0;
  words[31] = checksum(new Uint8Array(words.buffer), 0);
  assert.equal(decodeManifest(words, checksum), { kind: 'damaged', reason: 'order of the tables' });
});

test.run();
