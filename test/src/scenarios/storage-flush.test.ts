/** Flushes of chunks of which a range drop took some records, or all. */
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { tableName } from '@clockwise/storage/file-names';
import { flushChunk, type FlushInput } from '@clockwise/storage/flush-job';
import { runJob } from '@clockwise/storage/jobs';
import { readLeaves } from '@clockwise/storage/leaves-file';
import type { RangeDrop } from '@clockwise/storage/manifest';
import { openTable } from '@clockwise/storage/table-open';
import { rangeHolds } from '@clockwise/storage/table-extent';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, getFromTable, mustOpen, STORE_ID } from './store-fixture.ts';

const LEAF_COUNT = 256;
const FILE_NUMBER = 9;

interface Write {
  readonly key: number;
  readonly value: number;
  readonly sequence: number;
}

function tokenOf(key: number): { readonly high: number; readonly low: number } {
  return { high: Math.imul(key, 0x9e3779b1), low: Math.imul(key, 0x85ebca6b) };
}

function isDropped(write: Write, drops: readonly RangeDrop[]): boolean {
  const { high, low } = tokenOf(write.key);
  return drops.some((drop) => write.sequence <= drop.sequence && rangeHolds(drop, 1, high, low));
}

function randomDrops(prng: Prng): RangeDrop[] {
  return Array.from({ length: prng.between(0, 2) }, () => {
    const ends = [prng.below(2 ** 32), prng.below(2 ** 32)].toSorted((left, right) => left - right);
    const [from, to] = [ends[0]! | 0, ends[1]! | 0];
    const sequence = prng.between(1, 60);
    return { bucketId: 1, fromHigh: from, fromLow: 0, toHigh: to, toLow: -1, sequence };
  });
}

test('[FJ1] [FJ2] a flush leaves away what was dropped, and the change of its leaves, by random drops', () => {
  let droppedCount = 0;
  for (let seed = 0; seed < 60; seed += 1) {
    const prng = new Prng(`flush-${seed}`);
    const disk = new SimulatedDisk({ prng: prng.stream('disk') });
    const store = mustOpen(disk);
    const writes: Write[] = [];
    for (let sequence = 1; sequence <= 30; sequence += 1) {
      const write = { key: prng.below(20), value: sequence + 100, sequence };
      assert.ok(store.put(write.key, write.value));
      writes.push(write);
    }
    store.memtable.freeze();
    const chunk = store.memtable.beginFlush()!;
    const rangeDrops = seed === 0 ? [wholeRange(30)] : randomDrops(prng);
    const input: FlushInput = {
      ...chunk,
      words: new Int32Array(chunk.buffer),
      fileNumber: FILE_NUMBER,
      ...STORE_ID,
      blockBytes: 512,
      codec: 0,
      bloomBitsPerKey: 10,
      rangeDrops,
      leaves: { fileNumber: FILE_NUMBER + 1, words: new Int32Array(LEAF_COUNT * 2) },
    };
    const flushed = flushChunk(disk, checksum, input);
    assert.ok(flushed.ok);
    const alive = new Map(writes.map((write) => [write.key, write]));
    for (const write of alive.values()) if (isDropped(write, rangeDrops)) alive.delete(write.key);
    droppedCount += writes.length - alive.size;
    const { table } = flushed.value;
    assert.is(table === undefined, alive.size === 0);
    assert.is(disk.names().includes(tableName(FILE_NUMBER)), alive.size > 0);
    if (table !== undefined) {
      assert.is(table.recordCount, alive.size);
      assert.equal([table.firstSequence, table.lastSequence], [1, 30]);
      const opening = openTable(disk, table, checksum);
      assert.ok(opening.kind === 'open');
      for (let key = 0; key < 20; key += 1) {
        assert.is(getFromTable(disk, opening.reader, key), alive.get(key)?.value);
      }
    }
    assert.equal(
      flushed.value.leaves,
      leavesOf(writes.filter((each) => !isDropped(each, rangeDrops))),
    );
    const stored = readLeaves(disk, FILE_NUMBER + 1, checksum);
    assert.ok(stored.ok && stored.value !== undefined);
    assert.equal(stored.value.leaves, flushed.value.leaves);
    assert.is(stored.value.sequence, 30);
  }
  assert.ok(droppedCount > 100, `${droppedCount} dropped`);
});

function wholeRange(sequence: number): RangeDrop {
  return { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1, sequence };
}

/** The fixture's store says of each record that it replaced nothing and installed (key, value). */
function leavesOf(writes: readonly Write[]): Int32Array {
  const leaves = new Int32Array(LEAF_COUNT * 2);
  for (const { key, value } of writes) {
    const leaf = tokenOf(key).high >>> 24;
    const sum =
      (BigInt(leaves[leaf * 2 + 1]! >>> 0) << 32n) +
      BigInt(leaves[leaf * 2]! >>> 0) +
      (BigInt(value) << 32n) +
      BigInt(key);
    leaves[leaf * 2] = Number(BigInt.asIntN(32, sum));
    leaves[leaf * 2 + 1] = Number(BigInt.asIntN(32, sum >> 32n));
  }
  return leaves;
}

test('[JB1] the job of a flush of which nothing is left says that there is no table', () => {
  const disk = new SimulatedDisk({ prng: new Prng('nothing') });
  const store = mustOpen(disk);
  assert.ok(store.put(1, 2));
  store.memtable.freeze();
  const chunk = store.memtable.beginFlush()!;
  const done = runJob(disk, checksum, {
    kind: 'flush',
    input: {
      ...chunk,
      words: new Int32Array(chunk.buffer),
      fileNumber: FILE_NUMBER,
      ...STORE_ID,
      blockBytes: 512,
      codec: 0,
      bloomBitsPerKey: 10,
      rangeDrops: [wholeRange(1)],
      leaves: undefined,
    },
  });
  assert.ok(done.ok);
  assert.equal(done.value, { kind: 'flush', parts: undefined, leaves: undefined });
});

test.run();
