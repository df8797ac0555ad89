import fc from 'fast-check';
import { encodeRecord, type RecordObject } from '@clockwise/record/build';
import { HEADER, KIND } from '@clockwise/record/layout';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mergePage, type MergeInput, type PageSource } from './scan-merge.ts';

const RANGE = { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 };

/** Few tokens, so that keys share them. */
function recordOf(key: number, source: number): RecordObject {
  return {
    bucketId: 1,
    token: BigInt(key >> 1) << 33n,
    key: Uint8Array.of(key),
    replicationClass: source,
    context: [],
    siblings: [],
    recents: [],
  };
}

/** Every third version is a delta. */
function isDeltaOf(key: number, source: number): boolean {
  return (key * 7 + source * 5) % 3 === 0;
}

function encode(key: number, source: number): Int32Array {
  const words = encodeRecord(recordOf(key, source));
  if (isDeltaOf(key, source)) words[HEADER.kind] = (words[HEADER.kind]! & ~0xff) | KIND.delta;
  return words;
}

/** Which sources a record was folded from, newest first, as digits. */
function sourcesOf(words: Int32Array, record: number): number {
  const source = (words[record + HEADER.kind]! >>> 16) & 0xff;
  return words[record + HEADER.reserved]! || source + 1;
}

const combine: Combine = (newer, newerAt, older, olderAt, out, outAt) => {
  const wordCount = newer[newerAt]!;
  for (let index = 0; index < wordCount; index += 1) out[outAt + index] = newer[newerAt + index]!;
  out[outAt + HEADER.reserved] = sourcesOf(newer, newerAt) * 8 + sourcesOf(older, olderAt);
  return wordCount;
};

interface Layer {
  readonly keys: readonly number[];
  /** Records in each block, in turn; and how many blocks were read. */
  readonly blockSizes: readonly number[];
  readonly blocksRead: number;
}

const layer: fc.Arbitrary<Layer> = fc.record({
  keys: fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }),
  blockSizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  blocksRead: fc.integer({ min: 0, max: 6 }),
});

function blocksOf({ keys, blockSizes }: Layer, source: number): Int32Array[] {
  const records = keys.toSorted((left, right) => left - right).map((key) => encode(key, source));
  const blocks: Int32Array[] = [];
  for (let index = 0; records.length > 0; index += 1) {
    const taken = records.splice(0, blockSizes[index % blockSizes.length]);
    const words = taken.flatMap((record) => [...record]);
    blocks.push(Int32Array.from(words));
  }
  return blocks;
}

function sourceOf(table: Layer, number: number): { source: PageSource; lastRead: number } {
  const blocks = blocksOf(table, number);
  const read = blocks.slice(0, table.blocksRead);
  const source = {
    parts: read,
    hasMore: read.length < blocks.length,
  };
  const sorted = table.keys.toSorted((left, right) => left - right);
  const readCount = read.reduce(
    (sum, words) => sum + words.length / encodeRecord(recordOf(0, 0)).length,
    0,
  );
  return { source, lastRead: source.hasMore ? (sorted[readCount - 1] ?? -1) : 1000 };
}

test('[SM1, SM2] against a sorted map: the newest of each key, deltas folded, as far as every source was read', () => {
  fc.assert(
    fc.property(
      layer,
      fc.array(layer, { maxLength: 4 }),
      fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      fc.integer({ min: 1, max: 25 }),
      (memory, tables, cursorKey, recordsMax) => {
        const memoryWords = memory.keys
          .toSorted((left, right) => left - right)
          .map((key) => encode(key, 0));
        const sources = tables.map((table, index) => sourceOf(table, index + 1));
        const input: MergeInput = {
          cursor:
            cursorKey === undefined
              ? undefined
              : {
                  tokenHigh: (cursorKey >> 1) << 1,
                  tokenLow: 0,
                  words: Int32Array.of(cursorKey, 0),
                  key: 0,
                  keyByteCount: 1,
                },
          range: RANGE,
          chunks: memoryWords,
          places: {
            count: memoryWords.length,
            chunks: Int32Array.from(memoryWords, (_, index) => index),
            offsets: new Int32Array(memoryWords.length),
          },
          tables: sources.map(({ source }) => source),
          recordsMax,
          bytesMax: 1 << 20,
          combine,
        };
        const page = mergePage(input);
        const got = page.records.map(({ words, offset }) => [
          words[offset + 8]! & 0xff,
          sourcesOf(words, offset),
        ]);
        const end = Math.min(...sources.map(({ lastRead }) => lastRead), 1000);
        const folds = new Map<number, number>();
        const whole = new Set<number>();
        for (const [source, { keys }] of [memory, ...tables].entries()) {
          for (const key of keys) {
            if (whole.has(key)) continue;
            folds.set(key, (folds.get(key) ?? 0) * 8 + source + 1);
            if (!isDeltaOf(key, source)) whole.add(key);
          }
        }
        const reachable = [...folds]
          .filter(([key]) => key <= end && key > (cursorKey ?? -1))
          .toSorted(([left], [right]) => left - right);
        assert.equal(got, reachable.slice(0, recordsMax));
        assert.is(page.more, reachable.length > recordsMax || end < 1000);
        assert.is(page.recordCount, got.length);
      },
    ),
  );
});

test.run();
