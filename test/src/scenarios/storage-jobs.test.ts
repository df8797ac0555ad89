/** The flush job of the pool, on a disk that keeps what it was told and on one that does not. */
import { Prng } from '@clockwise/kernel/prng';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { DiskResult } from '@clockwise/storage/disk';
import { tableName } from '@clockwise/storage/file-names';
import { type JobOutput, runJob } from '@clockwise/storage/jobs';
import { FOOTER_BYTES } from '@clockwise/storage/sstable-format';
import { TableReader } from '@clockwise/storage/sstable-reader';
import { openTable } from '@clockwise/storage/table-open';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, getFromTable, mustOpen, STORE_ID } from './store-fixture.ts';

const KEYS = Array.from({ length: 20 }, (_, index) => index * 2);
const FILE_NUMBER = 9;
const NAME = tableName(FILE_NUMBER);

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng('jobs') });
}

/** Flushes a chunk with all keys; `spoil` runs once the table is durable, before it is opened. */
function flush(disk: SimulatedDisk, spoil: () => void): DiskResult<JobOutput> {
  const store = mustOpen(disk);
  for (const key of KEYS) assert.ok(store.put(key, key * 3));
  store.memtable.freeze();
  const chunk = store.memtable.beginFlush()!;
  const sync = disk.syncDirectory.bind(disk);
  disk.syncDirectory = () => {
    const synced = sync();
    spoil();
    return synced;
  };
  const input = {
    ...chunk,
    words: new Int32Array(chunk.buffer),
    fileNumber: FILE_NUMBER,
    ...STORE_ID,
    blockBytes: 512,
    codec: 0,
    bloomBitsPerKey: 10,
    rangeDrops: [],
    givenUp: [],
    leaves: undefined,
  };
  return runJob(disk, checksum, { kind: 'flush', input });
}

test('[JB1] a flush that is ok gives what a reader is made of, and all its keys are found', () => {
  const disk = newDisk();
  const flushed = flush(disk, () => undefined);
  assert.ok(flushed.ok && flushed.value.kind === 'flush');
  const reader = new TableReader(flushed.value.parts!, checksum);
  for (const key of KEYS) {
    assert.is(getFromTable(disk, reader, key), key * 3);
    assert.is(getFromTable(disk, reader, key + 1), undefined);
  }
});

test('[JB1] a table that is spoilt behind its write: the flush fails, or it can be opened again', () => {
  const whole = newDisk();
  assert.ok(flush(whole, () => undefined).ok);
  const bytes = whole.contents(NAME);
  const footerFrom = bytes.length - FOOTER_BYTES;
  let refused = 0;
  for (let at = 0; at < bytes.length; at += at < footerFrom ? 7 : 1) {
    const disk = newDisk();
    const flushed = flush(disk, () => disk.corrupt(NAME, at, bytes[at]! ^ 0x10));
    if (flushed.ok) {
      assert.ok(flushed.value.kind === 'flush' && at < footerFrom);
      const { table } = flushed.value.parts!.footer;
      assert.is(openTable(disk, table, checksum).kind, 'open', `byte ${at}`);
      continue;
    }
    refused += 1;
    assert.is(flushed.code, 'EIO');
    assert.match(flushed.detail, 'a table just written cannot be read');
  }
  assert.ok(refused >= FOOTER_BYTES, `${refused} refused`);
});

test('[JB1] a table that cannot be opened, or is gone, fails its flush', () => {
  const gone = newDisk();
  const without = flush(gone, () => gone.remove(NAME));
  assert.ok(!without.ok && without.code === 'EIO');
  assert.match(without.detail, 'is missing');
  const full = newDisk();
  const unopened = flush(full, () => full.inject({ operation: 'open', nth: 1, code: 'EMFILE' }));
  assert.ok(!unopened.ok && unopened.code === 'EMFILE');
});

test('a job reads a file from end to end and says what is wrong with it', () => {
  const disk = newDisk();
  assert.ok(flush(disk, () => undefined).ok);
  const faultOf = (name: string): string | undefined => {
    const verified = runJob(disk, checksum, { kind: 'verify', name });
    assert.ok(verified.ok && verified.value.kind === 'verify');
    return verified.value.fault;
  };
  assert.is(faultOf(NAME), undefined);
  disk.corrupt(NAME, 40, disk.contents(NAME)[40]! ^ 1);
  assert.match(faultOf(NAME) ?? '', 'damaged');
  assert.match(faultOf(tableName(FILE_NUMBER + 1)) ?? '', /\S/);
});

test.run();
