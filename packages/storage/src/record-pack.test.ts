import fc from 'fast-check';
import { HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packedWordsMax, RecordPacker, unpackRecords } from './record-pack.ts';

const CANARY = 0x5a5a5a5a;

/** Records of so many words, most of which repeat or count up as those of one store do. */
function recordsBehind(
  prefixWords: number,
  limits: { minLength: number; maxLength: number },
): fc.Arbitrary<number[][]> {
  const record = fc
    .tuple(
      fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 40, max: 300 })),
      fc.array(fc.oneof(fc.constant(0), fc.constant(-1), fc.nat(3), fc.integer()), {
        minLength: 1,
        maxLength: 9,
      }),
    )
    .map(([pairs, kinds]) =>
      recordOf(prefixWords, pairs * 2, (index) => kinds[(index * index) % kinds.length]!),
    );
  return fc.array(record, limits);
}

function recordOf(
  prefixWords: number,
  wordCount: number,
  wordAt: (index: number) => number,
): number[] {
  const words = Array.from({ length: prefixWords + wordCount }, (_, index) => wordAt(index) | 0);
  words[prefixWords] = wordCount;
  return words;
}

function packed(
  prefixWords: number,
  records: readonly (readonly number[])[],
): { words: Int32Array; raw: Int32Array } {
  const raw = Int32Array.from(records.flat());
  const packer = new RecordPacker(prefixWords);
  packer.begin(raw.length);
  // In two ranges: a group may go over from one chunk to the next.
  const cut = records.slice(0, records.length >> 1).flat().length;
  packer.add(raw, 0, cut);
  packer.add(raw.slice(cut), 0, raw.length - cut);
  assert.ok(packer.outWords <= packedWordsMax(raw.length));
  return { words: packer.out.slice(0, packer.outWords), raw };
}

function unpacked(prefixWords: number, words: Int32Array, rawWords: number): number[] | undefined {
  const guarded = new Int32Array(words.length + 16).fill(CANARY);
  guarded.set(words, 8);
  const out = new Int32Array(rawWords + 8).fill(CANARY);
  const isSound = unpackRecords(guarded, 8, 8 + words.length, out, rawWords, prefixWords);
  assert.ok(
    out.subarray(rawWords).every((word) => word === CANARY),
    '[LP2]',
  );
  return isSound ? [...out.subarray(0, rawWords)] : undefined;
}

/** As they come back. */
function kept(prefixWords: number, records: readonly (readonly number[])[]): number[] {
  const skipped = prefixWords === 0 ? -1 : PREFIX.previousInPartition;
  return records.flatMap((words) => words.map((word, index) => (index === skipped ? 0 : word)));
}

for (const prefixWords of [PREFIX_WORDS, 0]) {
  test(`[LP1] records behind ${prefixWords} words come back as they were, whatever they are`, () => {
    fc.assert(
      fc.property(recordsBehind(prefixWords, { minLength: 1, maxLength: 12 }), (records) => {
        const { words, raw } = packed(prefixWords, records);
        assert.equal(unpacked(prefixWords, words, raw.length), kept(prefixWords, records));
      }),
      { seed: 4711, numRuns: 300 },
    );
  });

  test(`[LP1] numbers that count up over the end of a word come back, behind ${prefixWords} words`, () => {
    const records = [0x7fffffff, 0x80000000, -1, 0].map((word) =>
      recordOf(prefixWords, 10, () => word),
    );
    const { words, raw } = packed(prefixWords, records);
    assert.equal(unpacked(prefixWords, words, raw.length), kept(prefixWords, records));
  });

  test(`[LP2] streams of any words, cut or changed anywhere, stay within bounds, behind ${prefixWords}`, () => {
    fc.assert(
      fc.property(
        recordsBehind(prefixWords, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.integer(),
        fc.nat(40),
        (records, at, word, cut) => {
          const { words, raw } = packed(prefixWords, records);
          const changed = words.slice(0, Math.max(1, words.length - cut));
          changed[at % changed.length] = word;
          unpacked(prefixWords, changed, raw.length);
          unpacked(prefixWords, changed, raw.length + 2);
          if (cut > 1 && cut < words.length) {
            const short = words.subarray(0, words.length - cut);
            assert.is(unpacked(prefixWords, short, raw.length), undefined);
          }
          assert.is(unpacked(prefixWords, words, raw.length - 2), undefined);
          assert.is(unpacked(prefixWords, words, raw.length + 2), undefined);
        },
      ),
      { seed: 4712, numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 60 }), fc.nat(400), (words, rawWords) => {
        unpacked(prefixWords, Int32Array.from(words), rawWords);
      }),
      { seed: 4713, numRuns: 2000 },
    );
  });
}

test('a record like the one before it takes two words', () => {
  const one = recordOf(PREFIX_WORDS, HEADER_WORDS + 16, (index) => index * 3 + 1);
  const next = one.map((word, index) => (index === 0 ? word + 1 : word));
  const { words: alone } = packed(PREFIX_WORDS, [one]);
  const { words: both } = packed(PREFIX_WORDS, [one, next]);
  assert.is(both.length - alone.length, 2);
});

test.run();
