/** A search that decodes only as much of a block as it needs, against one among all of its records. */
import { Prng } from '@clockwise/kernel/prng';
import { HEADER, HEADER_WORDS, SIBLING, SIBLING_HEADER_WORDS } from '@clockwise/record/layout';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { BLOCK_CODEC, BlockScratch } from '@clockwise/storage/block-codec';
import { BlockRoom } from '@clockwise/storage/block-room';
import { DAMAGED_BLOCK, searchBlock } from '@clockwise/storage/block-search';
import { BLOCK, BLOCK_HEADER_WORDS } from '@clockwise/storage/sstable-format';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { openTable } from '@clockwise/storage/table-open';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, readBlocks, STORE_ID } from './store-fixture.ts';

interface Place {
  readonly bucketId: number;
  readonly high: number;
  readonly low: number;
  readonly key: number;
}

function comparePlaces(left: Place, right: Place): number {
  return (
    left.bucketId - right.bucketId ||
    (left.high >>> 0) - (right.high >>> 0) ||
    (left.low >>> 0) - (right.low >>> 0) ||
    left.key - right.key
  );
}

function createWriter(disk: SimulatedDisk, fileNumber: number, codec: number): TableWriter {
  const created = TableWriter.create({
    disk,
    checksum,
    fileNumber,
    level: 0,
    ...STORE_ID,
    blockBytes: 1024,
    codec,
    codecs: NODE_BLOCK_CODECS,
    bloomBitsPerKey: 10,
    firstSequence: 1,
    lastSequence: 9,
  });
  if (!created.ok) throw new Error(created.detail);
  return created.value;
}

function writeWords(words: Int32Array, place: Place, wordCount: number): void {
  words.fill(0);
  words[HEADER.wordCount] = wordCount;
  words[HEADER.kind] = 1;
  words[HEADER.bucketId] = place.bucketId;
  words[HEADER.tokenHigh] = place.high;
  words[HEADER.tokenLow] = place.low;
  words[HEADER.keyAndContext] = 6;
  words[HEADER_WORDS] = place.key;
}

/** Records of many sizes, what is theirs half noise, half repetition; some are only a header and a key. */
function writeTable(disk: SimulatedDisk, places: readonly Place[], codec: number): TableReader {
  const writer = createWriter(disk, 1, codec);
  const prng = new Prng('rest');
  const words = new Int32Array(100);
  for (const place of places) {
    const sibling = HEADER_WORDS + 2;
    const wordCount = sibling + (prng.chance(0.2) ? 0 : SIBLING_HEADER_WORDS + prng.below(30) * 2);
    writeWords(words, place, wordCount);
    for (let at = sibling; at < wordCount; at += 3) words[at] = prng.word();
    if (wordCount > sibling) {
      words[HEADER.siblingsAndRecents] = 1;
      words[sibling + SIBLING.valueBytes] = (wordCount - sibling - SIBLING_HEADER_WORDS) * 4;
    }
    writer.add(words, 0);
  }
  return finish(disk, writer);
}

function finish(disk: SimulatedDisk, writer: TableWriter): TableReader {
  const table = writer.finish();
  if (!table.ok) throw new Error(table.detail);
  const opening = openTable(disk, table.value, checksum, NODE_BLOCK_CODECS);
  if (opening.kind !== 'open') throw new Error(opening.kind);
  return opening.reader;
}

/** The answer of a search in a block that was read. */
function search(
  reader: TableReader,
  room: BlockRoom,
  block: number,
  scratch: BlockScratch,
  { bucketId, high, low, key }: Place,
): number {
  if (!reader.isSound(room, block)) return DAMAGED_BLOCK;
  const { words, bytes, at } = room;
  const keyWords = Int32Array.of(key, 0);
  return reader.searchStored(words, bytes, at, block, scratch, bucketId, high, low, keyWords, 0, 6);
}

function readTo(room: BlockRoom, disk: SimulatedDisk, reader: TableReader, block: number): void {
  const words = readBlocks(disk, reader.blockRead(block));
  room.viewFor(words.byteLength).set(new Uint8Array(words.buffer, 0, words.byteLength));
}

/** Few places, so that tokens run over block borders. */
const place = fc.record({
  bucketId: fc.constantFrom(1, 1, 2),
  high: fc.constantFrom(0, 1, 2, -2),
  low: fc.constantFrom(0, 7, -1),
  key: fc.nat(30),
});

for (const [name, codec] of Object.entries(BLOCK_CODEC)) {
  test(`[BS1] [TX1] ${name}: in part or as a whole, a block gives the same answer`, () => {
    const [room, scratch, whole] = [new BlockRoom(64), new BlockScratch(), new BlockScratch()];
    fc.assert(
      fc.property(
        fc.uniqueArray(place, {
          minLength: 1,
          maxLength: 120,
          comparator: (a, b) => comparePlaces(a, b) === 0,
        }),
        fc.array(place, { maxLength: 20 }),
        (places, strangers) => {
          const disk = new SimulatedDisk({ prng: new Prng('search') });
          const reader = writeTable(disk, places.toSorted(comparePlaces), codec);
          for (const { bucketId, high, low, key } of [...places, ...strangers]) {
            const keyWords = Int32Array.of(key, 0);
            for (let block = 0; block < reader.blockCount; block += 1) {
              readTo(room, disk, reader, block);
              const found = search(reader, room, block, scratch, { bucketId, high, low, key });
              assert.ok(reader.openBlock(room.words, room.at, block, whole));
              const wanted = reader.searchWords(
                whole.words,
                whole.from,
                whole.to,
                block,
                bucketId,
                high,
                low,
                keyWords,
                0,
                6,
              );
              if (wanted < 0) {
                assert.is(found, wanted);
                continue;
              }
              const wordCount = whole.words[wanted + HEADER.wordCount]!;
              assert.equal(
                scratch.words.slice(found, found + wordCount),
                whole.words.slice(wanted, wanted + wordCount),
              );
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test(`F14 [TR2] ${name}: damage behind the record that is looked for is found, too`, () => {
    const disk = new SimulatedDisk({ prng: new Prng('damage') });
    const places = Array.from({ length: 60 }, (_, key) => ({
      bucketId: 1,
      high: key,
      low: 0,
      key,
    }));
    const reader = writeTable(disk, places, codec);
    const [room, scratch] = [new BlockRoom(64), new BlockScratch()];
    for (let block = 0; block < reader.blockCount; block += 1) {
      const high = reader.index.tokenHighOf(block);
      const first = { bucketId: 1, high, low: 0, key: high };
      readTo(room, disk, reader, block);
      const bytes = room.viewFor(reader.blockByteCount(block));
      assert.ok(search(reader, room, block, scratch, first) >= 0);
      for (let at = 0; at < bytes.length; at += 1) {
        bytes[at]! ^= 1 << (at & 7);
        const found = search(reader, room, block, scratch, first);
        assert.is(found, DAMAGED_BLOCK, `block ${block}, byte ${at}`);
        assert.not.ok(reader.openBlock(room.words, room.at, block, scratch));
        bytes[at]! ^= 1 << (at & 7);
      }
      assert.ok(reader.openBlock(room.words, room.at, block, scratch));
    }
  });
}

test('[TW1] a block ends with the record that reaches its target, or before one that is too large', () => {
  const disk = new SimulatedDisk({ prng: new Prng('sizes') });
  const places = Array.from({ length: 900 }, (_, key) => ({ bucketId: 1, high: key, low: 0, key }));
  const [room, scratch] = [new BlockRoom(64), new BlockScratch()];
  const targetWords = 1024 / 4 - BLOCK_HEADER_WORDS;
  const reader = writeTable(disk, places, BLOCK_CODEC.none);
  let recordCount = 0;
  for (let block = 0; block < reader.blockCount; block += 1) {
    readTo(room, disk, reader, block);
    assert.ok(reader.openBlock(room.words, room.at, block, scratch));
    const { words, from, to } = scratch;
    let last = from;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      last = record;
      recordCount += 1;
    }
    assert.ok(last - from < targetWords, 'one that reached its target goes on');
    const isLast = block + 1 === reader.blockCount;
    assert.ok(to - from >= targetWords || isLast, 'one that did not reach its target ends');
  }
  assert.is(recordCount, places.length);
  // Records of about half a target and of several: two of the former, the latter alone.
  const created = createWriter(disk, 2, BLOCK_CODEC.none);
  const words = new Int32Array(1000);
  for (const [key, wordCount] of [140, 140, 140, 140, 900, 10, 600, 10].entries()) {
    writeWords(words, { bucketId: 1, high: key, low: 0, key }, wordCount);
    created.add(words, 0);
  }
  const large = finish(disk, created);
  const counts = Array.from({ length: large.blockCount }, (_, block) => {
    readTo(room, disk, large, block);
    return room.words[room.at + BLOCK.codecAndCount]! >>> 8;
  });
  assert.equal(counts, [2, 2, 1, 1, 1, 1]);
});

test('[BS2] a stream that is no records ends a search, and is no "not found" as far as it goes', () => {
  const prng = new Prng('streams');
  const [room, scratch] = [new BlockRoom(4096), new BlockScratch()];
  const key = Int32Array.of(1, 0);
  let damagedCount = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const storedBytes = 8 * (1 + prng.below(20));
    const view = room.viewFor(16 + storedBytes);
    for (let at = 0; at < view.length; at += 1) {
      view[at] = prng.chance(0.5) ? prng.below(256) : prng.below(3);
    }
    room.words[room.at + BLOCK.rawBytes] = prng.chance(0.1)
      ? (prng.word() >>> 1) >>> 15
      : 64 * prng.below(20);
    room.words[room.at + BLOCK.storedBytes] = storedBytes;
    room.words[room.at + BLOCK.codecAndCount] = prng.chance(0.5)
      ? BLOCK_CODEC.lz4
      : BLOCK_CODEC.packed;
    const { words, bytes, at } = room;
    const found = searchBlock(words, bytes, at, scratch, 1, prng.word(), 0, key, 0, 6);
    if (found === DAMAGED_BLOCK) damagedCount += 1;
    assert.ok(found < 0);
  }
  assert.ok(damagedCount > 10_000, `${damagedCount} damaged`);
});

test.run();
