/** Reads of keys whose tables hold deltas: hand-made, as no operation writes one yet. */
import { HEADER, KIND } from '@clockwise/record/layout';
import { BLOCK_CODEC, BlockScratch, PURE_CODECS } from '@clockwise/storage/block-codec';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { tableName } from '@clockwise/storage/file-names';
import type { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { TableWriter } from '@clockwise/storage/sstable-writer';
import { readWhole } from '@clockwise/storage/whole-transfer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from './memory-disk.ts';
import { checksum, PARTITION_BITS, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import { textOfBytes } from './sample-operations.ts';

function openOf(disk: MemoryDisk, name: string): { reader: TableReader; file: Int32Array } {
  const handle = disk.open(name, 'read');
  assert.ok(handle.ok);
  const size = disk.size(handle.value);
  assert.ok(size.ok);
  const file = new Int32Array(size.value / 4);
  readWhole(disk, handle.value, new Uint8Array(file.buffer), 0);
  disk.close(handle.value);
  const fileNumber = Number.parseInt(name.slice('table-'.length), 16);
  assert.is(tableName(fileNumber), name);
  const opening = openTable(disk, { fileNumber, byteCount: size.value } as never, checksum);
  assert.is(opening.kind, 'open');
  return { reader: (opening as { readonly reader: TableReader }).reader, file };
}

/** Writes a table anew, every record of it as a delta. */
function makeDeltas(disk: MemoryDisk, name: string): void {
  const { reader, file } = openOf(disk, name);
  const { table, storeIdLow, storeIdHigh } = reader.parts.footer;
  assert.ok(disk.remove(name).ok);
  const writer = TableWriter.create({
    disk,
    checksum,
    fileNumber: table.fileNumber,
    level: table.level,
    storeIdLow,
    storeIdHigh,
    blockBytes: SMALL_LIMITS.tableBlockBytes,
    bloomBitsPerKey: SMALL_LIMITS.bloomBitsPerKey,
    codec: BLOCK_CODEC.none,
    codecs: PURE_CODECS,
    firstSequence: table.firstSequence,
    lastSequence: table.lastSequence,
  });
  assert.ok(writer.ok);
  const scratch = new BlockScratch();
  for (let block = 0; block < reader.blockCount; block += 1) {
    assert.ok(reader.openBlock(file, reader.blockOffset(block) / 4, block, scratch));
    const { words, from, to } = scratch;
    for (let record = from; record < to; record += words[record + HEADER.wordCount]!) {
      words[record + HEADER.kind] = (words[record + HEADER.kind]! & ~0xff) | KIND.delta;
      writer.value.add(words, record);
    }
  }
  assert.ok(writer.value.finish().ok);
}

/** The newer one, as if it were none: what a delta says stands in its values. */
const combine: Combine = (newer, newerAt, older, olderAt, out, outAt) => {
  const wordCount = newer[newerAt]!;
  for (let index = 0; index < wordCount; index += 1) out[outAt + index] = newer[newerAt + index]!;
  const kind = older[olderAt + HEADER.kind]! & 0xff;
  out[outAt + HEADER.kind] = (out[outAt + HEADER.kind]! & ~0xff) | kind;
  return wordCount;
};

/** Versions of `a` in three tables, the newest `deltaCount` of them deltas. */
function worldWithDeltas(deltaCount: number, blockCacheBytes: number): ReplicaWorld {
  // As `makeDeltas` writes them anew: the manifest knows how long they are.
  const limits = { ...SMALL_LIMITS, blockCacheBytes, tableCodec: BLOCK_CODEC.none };
  const world = new ReplicaWorld(undefined, 1, limits);
  for (const round of [1, 2, 3]) {
    world.ask([{ kind: 'write', key: 'a', value: `a ${round}` }]);
    world.endReads();
    world.evict();
  }
  const names = world.disk.list();
  assert.ok(names.ok);
  const tables = names.value.filter((name) => name.startsWith('table-')).toSorted();
  assert.is(tables.length, 3);
  for (const name of tables.slice(3 - deltaCount)) makeDeltas(world.disk, name);
  return new ReplicaWorld(world.disk, 2, limits, combine);
}

test('[TD3] a delta is folded with what is older, down to a version that is none', () => {
  for (const blockCacheBytes of [0, 64 * 1024]) {
    for (const deltaCount of [0, 1, 2]) {
      const world = worldWithDeltas(deltaCount, blockCacheBytes);
      world.ask([{ kind: 'read', key: 'a' }]);
      let readCount = 0;
      const replies = [];
      for (; world.reads.length > 0; readCount += 1) replies.push(...world.endRead(0));
      assert.is(textOfBytes(replies[0]!.records[0]!.siblings[0]!.value), 'a 3');
      assert.is(readCount, deltaCount + 1);
      assert.is(world.ask([{ kind: 'read', key: 'a' }]).length, 1, 'it is in memory now');
    }
  }
});

test('[TD3] a delta whose older versions cannot be read is an error', () => {
  const world = worldWithDeltas(1, 0);
  world.ask([{ kind: 'read', key: 'a' }]);
  assert.equal(world.endRead(0), []);
  const [reply] = world.endRead(0, 'failed');
  assert.is(reply!.records.length, 0);
  assert.is.not(reply!.status, 0);
});

test('[SM1] a page shows the fold', () => {
  const world = worldWithDeltas(2, 0);
  const values: string[] = [];
  for (let partition = 0; partition < 1 << PARTITION_BITS; partition += 1) {
    const replies = world.ask([{ kind: 'scan', partition }]);
    for (const { records } of [...replies, ...world.endReads()]) {
      for (const { siblings } of records) values.push(textOfBytes(siblings[0]!.value));
    }
  }
  assert.equal(values, ['a 3']);
});

test.run();
