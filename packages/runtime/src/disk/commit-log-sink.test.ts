import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  HEADER,
  HEADER_WORDS,
  KIND,
  LAYOUT_VERSION,
  PREFIX,
  PREFIX_WORDS,
} from '@clockwise/record/layout';
import { openStore } from '@clockwise/storage/open-store';
import type { OpenedStore } from '@clockwise/storage/open-store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CommitLogSink } from './commit-log-sink.ts';
import { LogRanges } from './group-commit.ts';
import { NodeDisk } from './node-disk.ts';

const directory = mkdtempSync(join(tmpdir(), 'commit-log-sink-'));
const RUN_WORDS = PREFIX_WORDS + HEADER_WORDS;

/** Opens the store and gives it with the sequences that its log replayed. */
function open(): { readonly store: OpenedStore; readonly replayed: number[] } {
  const replayed: number[] = [];
  const outcome = openStore({
    disk: new NodeDisk(directory),
    checksum: crc32,
    storeIdLow: 1,
    storeIdHigh: 2,
    shardIndex: 0,
    shardCount: 1,
    segmentBytesMax: DEFAULT_LIMITS.logSegmentBytes,
    mustExist: false,
    replay: (words, prefix) => {
      replayed.push(words[prefix + PREFIX.sequenceLow]!);
      return true;
    },
  });
  assert.is(outcome.kind, 'ready', JSON.stringify(outcome));
  return { store: (outcome as { readonly store: OpenedStore }).store, replayed };
}

/** A run of records without keys, sequences from `first` on. */
function writeRun(words: Int32Array, start: number, first: number, count: number): number {
  let position = start;
  for (let sequence = first; sequence < first + count; sequence += 1, position += RUN_WORDS) {
    words[position + PREFIX.sequenceLow] = sequence;
    words[position + PREFIX_WORDS + HEADER.wordCount] = HEADER_WORDS;
    words[position + PREFIX_WORDS + HEADER.kind] = KIND.full | (LAYOUT_VERSION << 24);
  }
  return position;
}

test('what a sink has written and synced is replayed by the next opening of the store', () => {
  const { store } = open();
  const chunk = new SharedArrayBuffer(64 * 1024);
  const words = new Int32Array(chunk);
  const sink = new CommitLogSink({
    directory,
    checksum: crc32,
    start: store.log,
    limits: DEFAULT_LIMITS,
    chunks: [chunk],
  });
  const ranges = new LogRanges();
  let position = 2;
  let next = store.nextSequence;
  for (let group = 0; group < 5; group += 1) {
    ranges.clear();
    const end = writeRun(words, position, next, 10);
    ranges.push(0, position, end);
    next += 10;
    assert.is(sink.write(ranges, next - 1), undefined);
    assert.is(sink.sync(), undefined);
    position = end;
  }
  assert.is(sink.floor(0), undefined);
  assert.is(sink.close(), undefined);
  const { replayed } = open();
  assert.equal(
    replayed,
    Array.from({ length: 50 }, (_, index) => store.nextSequence + index),
  );
});

test('a log that is not there does not open: the thread ends with the reason', () => {
  const { store } = open();
  assert.throws(
    () =>
      new CommitLogSink({
        directory,
        checksum: crc32,
        start: { ...store.log, firstIndex: 99 },
        limits: DEFAULT_LIMITS,
        chunks: [],
      }),
    /ENOENT/,
  );
});

test.after(() => rmSync(directory, { recursive: true }));
test.run();
