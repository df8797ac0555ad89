import { HEADER, HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GroupPayload, PACKED_BYTES_MAX } from './log-payload.ts';
import type { LogRange } from './log-writer.ts';
import { unpackRecords } from './record-pack.ts';

/** Words of a record with its prefix, by which groups are packed or not; an even number. */
const LIMIT_WORDS = PACKED_BYTES_MAX / 4;

interface Group {
  readonly ranges: readonly LogRange[];
  readonly words: readonly number[];
  readonly recordCount: number;
}

/** Runs of whole records in one buffer each, as chunks of memory hold them. */
function groupOf(runs: readonly (readonly number[])[]): Group {
  const words: number[] = [];
  const ranges = runs.map((lengths, run) => {
    const records = lengths.flatMap((wordCount, index) => recordOf(wordCount, run * 100 + index));
    words.push(...records);
    const chunk = Int32Array.from([...Array.from({ length: 16 }, () => -1), ...records, -1, -1]);
    return { buffer: chunk.buffer, fromWord: 16, toWord: 16 + records.length };
  });
  return { ranges, words, recordCount: runs.flat().length };
}

/** A record and its prefix: `wordCount` words in all, of which those behind the header repeat nothing. */
function recordOf(wordCount: number, number: number): number[] {
  const words = Array.from({ length: wordCount }, (_, index) => {
    return index < PREFIX_WORDS + HEADER_WORDS ? 7 : Math.imul(index + number, 0x9e3779b1);
  });
  words[PREFIX.previousInPartition] = 0;
  words[PREFIX.sequenceLow] = number;
  words[PREFIX_WORDS + HEADER.wordCount] = wordCount - PREFIX_WORDS;
  return words;
}

function joined(parts: readonly Uint8Array[]): Int32Array {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return new Int32Array(bytes.buffer);
}

/** The records that a reader makes of it. */
function read(payload: Int32Array, words: number): number[] {
  if (payload.length === words) return [...payload];
  const out = new Int32Array(words);
  assert.ok(unpackRecords(payload, 0, payload.length, out, words, PREFIX_WORDS));
  return [...out];
}

const length = fc
  .oneof(
    fc.integer({ min: PREFIX_WORDS / 2 + HEADER_WORDS / 2, max: 60 }),
    fc.integer({ min: LIMIT_WORDS / 2 - 3, max: LIMIT_WORDS / 2 + 3 }),
    fc.integer({ min: LIMIT_WORDS / 2, max: 1000 }),
  )
  .map((pairs) => pairs * 2);

test('[LGP1] a payload gives its group, whatever the sizes of records, over the ends of chunks', () => {
  const payload = new GroupPayload();
  const runs = fc.array(fc.array(length, { minLength: 1, maxLength: 8 }), { maxLength: 3 });
  fc.assert(
    fc.property(runs, (lengths) => {
      const { ranges, words, recordCount } = groupOf(lengths);
      const stored = joined(payload.of(ranges, words.length * 4, recordCount));
      assert.is(stored.length % 2, 0);
      assert.ok(stored.length <= words.length);
      assert.equal(read(stored, words.length), words);
    }),
    { numRuns: 300 },
  );
});

test('[LGP2] the mean size decides: up to it groups are packed, above it they stand as in memory', () => {
  const payload = new GroupPayload();
  const parts = (lengths: readonly number[]): readonly Uint8Array[] => {
    const { ranges, words, recordCount } = groupOf([lengths]);
    const given = payload.of(ranges, words.length * 4, recordCount);
    const isInPlace = given.every((part, index) => part.buffer === ranges[index]!.buffer);
    assert.is(isInPlace, joined(given).length === words.length);
    return given;
  };
  const packed = parts([LIMIT_WORDS, LIMIT_WORDS, LIMIT_WORDS]);
  assert.ok(joined(packed).length < LIMIT_WORDS * 3);
  assert.is(joined(parts([LIMIT_WORDS, LIMIT_WORDS + 2, LIMIT_WORDS])).length, LIMIT_WORDS * 3 + 2);
  assert.ok(joined(parts([LIMIT_WORDS + 40, LIMIT_WORDS - 40])).length < LIMIT_WORDS * 2);
  assert.equal(payload.of([], 0, 0), []);
});

test.run();
