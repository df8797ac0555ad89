/** Cursors against a sorted model, from any bound, and how much of an index a lookup looks at. */
import { Prng } from '@clockwise/kernel/prng';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { BLOCK_CODEC, BlockScratch, PURE_CODECS } from '@clockwise/storage/block-codec';
import type { Disk } from '@clockwise/storage/disk';
import { NEXT_BLOCK } from '@clockwise/storage/block-search';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { type KeyBound, TableCursor } from '@clockwise/storage/table-cursor';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, STORE_ID } from './store-fixture.ts';

const RECORD_WORDS = HEADER_WORDS + 2;

interface Place {
  readonly bucketId: number;
  readonly high: number;
  readonly low: number;
  readonly key: number;
}

function writeTable(
  disk: Disk,
  places: readonly Place[],
  options: { readonly blockBytes: number; readonly codec: number },
): TableReader {
  const created = TableWriter.create({
    disk,
    checksum,
    fileNumber: 1,
    level: 0,
    ...STORE_ID,
    ...options,
    codecs: PURE_CODECS,
    bloomBitsPerKey: 10,
    firstSequence: 1,
    lastSequence: 9,
  });
  if (!created.ok) throw new Error(created.detail);
  const words = new Int32Array(RECORD_WORDS);
  for (const { bucketId, high, low, key } of places) {
    words[HEADER.wordCount] = RECORD_WORDS;
    words[HEADER.kind] = 1;
    words[HEADER.bucketId] = bucketId;
    words[HEADER.tokenHigh] = high;
    words[HEADER.tokenLow] = low;
    words[HEADER.keyAndContext] = 6;
    words[HEADER_WORDS] = key;
    created.value.add(words, 0);
  }
  const table = created.value.finish();
  if (!table.ok) throw new Error(table.detail);
  const opening = openTable(disk, table.value, checksum);
  if (opening.kind !== 'open') throw new Error(opening.kind);
  return opening.reader;
}

function comparePlaces(left: Place, right: Place): number {
  return (
    (left.bucketId >>> 0) - (right.bucketId >>> 0) ||
    (left.high >>> 0) - (right.high >>> 0) ||
    (left.low >>> 0) - (right.low >>> 0) ||
    left.key - right.key
  );
}

function openCursor(disk: Disk, reader: TableReader, after: KeyBound | undefined, bytes: number) {
  const opened = TableCursor.open(disk, reader, after, bytes);
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

function keysOf(cursor: TableCursor): number[] {
  const keys: number[] = [];
  while (cursor.next()) keys.push(cursor.words[cursor.record + HEADER_WORDS]!);
  return keys;
}

/** Few places, so that tokens run over block borders. */
const place = fc.record({
  bucketId: fc.constantFrom(1, 2, -1),
  high: fc.constantFrom(0, 1, 2, 3, -2, -1),
  low: fc.constantFrom(0, 7, -1),
  key: fc.nat(20),
});

test('[TC1] a cursor gives what is behind any bound, in order, each record once', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(place, {
        minLength: 1,
        maxLength: 120,
        comparator: (a, b) => comparePlaces(a, b) === 0,
      }),
      fc.option(place, { nil: undefined }),
      fc.constantFrom(64, 120, 512),
      fc.constantFrom(1, 100, 300, 4096),
      fc.constantFrom(BLOCK_CODEC.none, BLOCK_CODEC.lz4),
      (places, bound, blockBytes, readBytes, codec) => {
        const disk = new SimulatedDisk({ prng: new Prng('cursor') });
        const sorted = places.toSorted(comparePlaces);
        const reader = writeTable(disk, sorted, { blockBytes, codec });
        const after =
          bound === undefined
            ? undefined
            : { bucketId: bound.bucketId, tokenHigh: bound.high, tokenLow: bound.low };
        const cursor = openCursor(disk, reader, after, readBytes);
        const wanted = sorted.filter(
          (one) =>
            bound === undefined || comparePlaces({ ...one, key: 0 }, { ...bound, key: 0 }) > 0,
        );
        assert.equal(
          keysOf(cursor),
          wanted.map(({ key }) => key),
        );
        assert.is(cursor.record, -1);
        assert.is(cursor.failure, undefined);
        assert.not.ok(cursor.next());
        assert.ok(cursor.blocksRead <= reader.blockCount);
        cursor.close();
      },
    ),
  );
});

test('[TC2] F12 a read that fails, a block that is damaged and a file cut short end it with a failure', () => {
  const places = Array.from({ length: 60 }, (_, key) => ({ bucketId: 1, high: key, low: 0, key }));
  for (const kind of ['read fails', 'damaged', 'short'] as const) {
    for (let at = 0; at < 10; at += 1) {
      const disk = new SimulatedDisk({ prng: new Prng('failing') });
      const reader = writeTable(disk, places, { blockBytes: 256, codec: BLOCK_CODEC.none });
      assert.ok(reader.blockCount >= 10);
      const cursor = openCursor(disk, reader, undefined, 256);
      const byte = reader.blockOffset(at) + 40;
      if (kind === 'read fails') disk.inject({ operation: 'read', nth: at + 1, code: 'EIO' });
      if (kind === 'damaged') disk.corrupt(reader.name, byte, 0x77);
      if (kind === 'short') {
        const read = disk.read.bind(disk);
        disk.read = (file, bytes, position) =>
          read(
            file,
            bytes.subarray(0, Math.max(0, Math.min(bytes.length, byte - position))),
            position,
          );
      }
      const keys = keysOf(cursor);
      assert.equal(
        keys,
        places.slice(0, keys.length).map(({ key }) => key),
      );
      assert.ok(keys.length < places.length);
      assert.is(cursor.failure?.code, 'EIO', `${kind} ${at}`);
      assert.not.ok(cursor.next());
      assert.is(cursor.record, -1);
    }
  }
});

/** One file in memory that only grows: a table of a million records is too much for a modelled disk. */
function oneFileDisk(byteCountMax: number): Disk {
  const file = new Uint8Array(byteCountMax);
  let size = 0;
  const done = { ok: true, value: null } as const;
  const unwanted = (): never => {
    throw new Error('a call that a table does not make');
  };
  return {
    open: () => ({ ok: true, value: 1 }),
    close: () => undefined,
    read: (_, bytes, position) => {
      const part = file.subarray(position, Math.min(size, position + bytes.length));
      bytes.set(part);
      return { ok: true, value: part.length };
    },
    write: (_, parts, position) => {
      let at = position;
      for (const part of parts) {
        file.set(part, at);
        at += part.length;
      }
      size = Math.max(size, at);
      return { ok: true, value: at - position };
    },
    size: () => ({ ok: true, value: size }),
    datasync: () => done,
    syncDirectory: () => done,
    list: unwanted,
    remove: unwanted,
    rename: unwanted,
    link: unwanted,
  };
}

test('[TR3] of a million tokens: three looks at the index at the most, one block for a hit', () => {
  const prng = new Prng('million');
  const count = 1_000_000;
  const highs = Uint32Array.from({ length: count }, () => prng.word() >>> 0).toSorted();
  const places = Array.from(highs, (high, key) => ({ bucketId: 1, high: high | 0, low: key, key }));
  const disk = oneFileDisk(64 * 1024 * 1024);
  const reader = writeTable(disk, places, { blockBytes: 1416, codec: BLOCK_CODEC.none });
  assert.ok(reader.blockCount > 25_000);
  const scratch = new BlockScratch();
  let [blocksRead, hitCount] = [0, 0];
  const key = new Int32Array(2);
  reader.index.probeCount = 0;
  for (let index = 0; index < count; index += 17) {
    const { high, low } = places[index]!;
    key[0] = index;
    let found = NEXT_BLOCK;
    for (let block = reader.locate(1, high, low); found === NEXT_BLOCK; block += 1) {
      const { offset, byteCount } = reader.blockRead(block);
      const words = new Int32Array(byteCount / 4);
      disk.read(1, new Uint8Array(words.buffer), offset);
      blocksRead += 1;
      assert.ok(reader.openBlock(words, 0, block, scratch));
      found = reader.searchWords(
        scratch.words,
        scratch.from,
        scratch.to,
        block,
        1,
        high,
        low,
        key,
        0,
        6,
      );
    }
    assert.ok(found >= 0, `key ${index}`);
    hitCount += 1;
  }
  const probes = reader.index.probeCount / hitCount;
  console.log(
    `index: ${probes.toFixed(3)} looks, ${(blocksRead / hitCount).toFixed(4)} blocks a hit`,
  );
  assert.ok(probes <= 3, `${probes} looks a lookup`);
  assert.ok(blocksRead / hitCount <= 1.01, `${blocksRead / hitCount} blocks a hit`);
});

test('[TR3] wherever tokens lie, and in however many buckets, the block is the right one', () => {
  const token = fc.oneof(
    fc.integer({ min: -5, max: 5 }),
    fc.integer(),
    fc.integer({ min: 1 << 20, max: (1 << 20) + 40 }),
  );
  const where = fc.record({
    bucketId: fc.constantFrom(1, 1, 1, 2),
    high: token,
    low: fc.constantFrom(0, 1, -1),
    key: fc.constant(0),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(where, {
        minLength: 1,
        maxLength: 150,
        comparator: (a, b) => comparePlaces(a, b) === 0,
      }),
      fc.array(where, { maxLength: 40 }),
      (places, strangers) => {
        const sorted = places.toSorted(comparePlaces);
        const reader = writeTable(oneFileDisk(32 * 1024), sorted, { blockBytes: 96, codec: 0 });
        for (const one of [...sorted, ...strangers]) {
          // Two records a block: none of them lies behind what is looked for, the next block's does.
          const behind = sorted.filter((other) => comparePlaces(other, one) > 0).length;
          const wanted = Math.ceil((sorted.length - behind) / 2) - 1;
          assert.is(reader.locate(one.bucketId, one.high, one.low), wanted);
        }
      },
    ),
  );
});

test.run();
