/** Runs of tables on a disk in memory, read by ranges, with and without a cache, against lists. */
import { Prng } from '@clockwise/kernel/prng';
import { encodeRecord } from '@clockwise/record/build';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { BlockCache } from '@clockwise/storage/block-cache';
import { BlockScratch, PURE_CODECS } from '@clockwise/storage/block-codec';
import { tableName } from '@clockwise/storage/file-names';
import { LevelSet } from '@clockwise/storage/level-set';
import type { Manifest, RangeDrop } from '@clockwise/storage/manifest';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import type { TokenRange } from '@clockwise/storage/token-range';
import { readWhole } from '@clockwise/storage/whole-transfer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from './memory-disk.ts';
import { checksum } from './open-replica.ts';
import { RunSource } from './run-source.ts';

const SEED = 'run-source-1';
const MANIFEST: Omit<Manifest, 'tables' | 'rangeDrops'> = {
  edition: 1,
  storeIdLow: 1,
  storeIdHigh: 2,
  shardIndex: 0,
  shardCount: 1,
  opening: 1,
  nextFileNumber: 100,
  floorSequence: 0,
  leavesFileNumber: 0,
  sealed: [],
  givenUp: [],
  droppedRecordCount: 0,
};

/** A record whose key and high half of the token are one number. */
function recordOf(key: number): Int32Array {
  return encodeRecord({
    bucketId: 1,
    token: BigInt(key) << 32n,
    key: Uint8Array.of(key >> 8, key & 0xff),
    replicationClass: 0,
    context: [],
    siblings: [],
    recents: [],
  });
}

interface Table {
  readonly fileNumber: number;
  readonly level: number;
  readonly keys: readonly number[];
  readonly lastSequence: number;
}

function write(disk: MemoryDisk, table: Table): TableReader {
  const writer = TableWriter.create({
    disk,
    checksum,
    fileNumber: table.fileNumber,
    level: table.level,
    storeIdLow: 1,
    storeIdHigh: 2,
    blockBytes: 128,
    bloomBitsPerKey: 10,
    codec: 0,
    codecs: PURE_CODECS,
    firstSequence: 1,
    lastSequence: table.lastSequence,
  });
  assert.ok(writer.ok);
  for (const key of table.keys) writer.value.add(recordOf(key), 0);
  const written = writer.value.finish();
  assert.ok(written.ok);
  const opening = openTable(disk, written.value, checksum);
  assert.is(opening.kind, 'open');
  return (opening as { readonly reader: TableReader }).reader;
}

function readWords(disk: MemoryDisk, name: string, from: number, byteCount: number): Int32Array {
  const words = new Int32Array(byteCount / 4);
  const file = disk.open(name, 'read');
  assert.ok(file.ok);
  readWhole(disk, file.value, new Uint8Array(words.buffer), from);
  disk.close(file.value);
  return words;
}

function keysOf(source: RunSource, range: TokenRange): number[] {
  const keys: number[] = [];
  for (const words of source.parts) {
    for (let record = 0; record < words.length; record += words[record + HEADER.wordCount]!) {
      const key = words[record + HEADER.tokenHigh]!;
      assert.is(words[record + HEADER_WORDS]! & 0xffff, (key >> 8) | ((key & 0xff) << 8));
      // A block that reaches over an end of the range is there as a whole.
      if (key >= range.fromHigh && key <= range.toHigh) keys.push(key);
    }
  }
  return keys;
}

test(`[RS1] [RS2] what is read of a run is what it holds of the range, in order (seed ${SEED})`, () => {
  for (let round = 0; round < 60; round += 1) {
    const prng = new Prng(`${SEED}/${round}`);
    const disk = new MemoryDisk();
    const cache = new BlockCache(prng.chance(0.3) ? 0 : 64 * 1024);
    const scratch = new BlockScratch();
    // One run of level 1 in several tables, and one of level 0.
    const keys = Array.from({ length: 200 }, (_, key) => key).filter(() => prng.chance(0.7));
    const cuts = [0, 40, 41, 150, 200];
    const tables: Table[] = cuts.slice(1).map((to, index) => ({
      fileNumber: 10 + index,
      level: 1,
      keys: keys.filter((key) => key >= cuts[index]! && key < to),
      lastSequence: index < 2 ? 5 : 20,
    }));
    tables.push({ fileNumber: 20, level: 0, keys: [3, 60, 199], lastSequence: 30 });
    const held = tables.filter((table) => table.keys.length > 0);
    const readers = held.map((table) => write(disk, table));
    const from = prng.below(200);
    const to = Math.min(199, from + prng.below(120));
    const range = { bucketId: 1, fromHigh: from, fromLow: 0, toHigh: to, toLow: -1 };
    const rangeDrops: RangeDrop[] = prng.chance(0.5)
      ? [{ bucketId: 1, fromHigh: 20, fromLow: 0, toHigh: 100, toLow: -1, sequence: 10 }]
      : [];
    const manifest = { ...MANIFEST, tables: readers.map(({ table }) => table), rangeDrops };
    const levels = LevelSet.of(
      manifest,
      new Map(readers.map((reader) => [reader.table.fileNumber, reader])),
    );
    assert.is(levels.runStarts.length, 3);
    for (let repeat = 0; repeat < 2; repeat += 1) {
      for (const [run, level] of [0, 1].entries()) {
        const source = new RunSource(levels, run, range);
        while (source.hasMore) {
          const soFar = keysOf(source, range).length;
          const blocks = source.nextRead(cache, scratch, prng.below(600));
          if (blocks === undefined) continue;
          const words = readWords(disk, blocks.file, blocks.offset, blocks.byteCount);
          assert.ok(source.take(blocks, words, scratch));
          assert.ok(keysOf(source, range).length >= soFar);
          if (prng.chance(0.5)) {
            const [block, number] = [blocks.firstBlock, Number.parseInt(blocks.file.slice(6), 16)];
            assert.is(tableName(number), blocks.file);
            const reader = readers.find(({ table }) => table.fileNumber === number)!;
            assert.ok(reader.openBlock(words, 0, block, scratch));
            cache.insert(number, block, words, 0, reader.blockByteCount(block) / 4);
          }
        }
        const wanted = held
          .filter((table) => table.level === level)
          .flatMap((table) =>
            table.keys.filter((key) => {
              if (key < from || key > to) return false;
              const isDropped = rangeDrops.length > 0 && key >= 20 && key <= 100;
              return !isDropped || table.lastSequence > 10;
            }),
          );
        assert.equal(keysOf(source, range), wanted, `round ${round}, level ${level}`);
      }
    }
  }
});

test('[RS1] a damaged block is not taken', () => {
  const disk = new MemoryDisk();
  const reader = write(disk, { fileNumber: 1, level: 0, keys: [1, 2, 3], lastSequence: 1 });
  const manifest = { ...MANIFEST, tables: [reader.table], rangeDrops: [] };
  const range = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 };
  const source = new RunSource(LevelSet.of(manifest, new Map([[1, reader]])), 0, range);
  const blocks = source.nextRead(new BlockCache(0), new BlockScratch(), 0)!;
  const words = readWords(disk, blocks.file, blocks.offset, blocks.byteCount);
  words[words.length - 1]! ^= 1;
  assert.not.ok(source.take(blocks, words, new BlockScratch()));
  assert.ok(source.hasMore);
});

test.run();
