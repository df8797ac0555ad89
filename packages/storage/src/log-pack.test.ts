import fc from 'fast-check';
import { HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packedWordsMax, RecordPacker, unpackRecords } from './log-pack.ts';

const LENGTH_AT = PREFIX_WORDS;
const CANARY = 0x5a5a5a5a;

/** A record of so many words, most of which repeat or count up as those of one store do. */
const record: fc.Arbitrary<number[]> = fc
  .tuple(
    fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 40, max: 300 })),
    fc.array(fc.oneof(fc.constant(0), fc.constant(-1), fc.nat(3), fc.integer()), {
      minLength: 1,
      maxLength: 9,
    }),
  )
  .map(([pairs, kinds]) => {
    const words = Array.from(
      { length: PREFIX_WORDS + pairs * 2 },
      (_, index) => kinds[(index * index) % kinds.length]!,
    );
    words[LENGTH_AT] = pairs * 2;
    return words;
  });

function packed(records: readonly (readonly number[])[]): { words: Int32Array; raw: Int32Array } {
  const raw = Int32Array.from(records.flat());
  const packer = new RecordPacker();
  packer.begin(raw.length);
  // In two ranges: a group may go over from one chunk to the next.
  const cut = records.slice(0, records.length >> 1).flat().length;
  packer.add(raw, 0, cut);
  packer.add(raw.slice(cut), 0, raw.length - cut);
  assert.ok(packer.outWords <= packedWordsMax(raw.length));
  return { words: packer.out.slice(0, packer.outWords), raw };
}

function unpacked(words: Int32Array, rawWords: number): Int32Array | undefined {
  const guarded = new Int32Array(words.length + 16).fill(CANARY);
  guarded.set(words, 8);
  const out = new Int32Array(rawWords + 8).fill(CANARY);
  const isSound = unpackRecords(guarded, 8, 8 + words.length, out, rawWords);
  assert.ok(
    out.subarray(rawWords).every((word) => word === CANARY),
    '[LP2]',
  );
  return isSound ? out.subarray(0, rawWords) : undefined;
}

/** As a log holds it. */
function logged(records: readonly (readonly number[])[]): number[] {
  return records.flatMap((words) =>
    words.map((word, index) => (index === PREFIX.previousInPartition ? 0 : word)),
  );
}

test('[LP1] records come back as they were, whatever their words and lengths', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), (records) => {
      const { words, raw } = packed(records);
      const back = unpacked(words, raw.length);
      assert.equal([...(back ?? [])], logged(records));
    }),
    { seed: 4711, numRuns: 300 },
  );
});

test('[LP1] numbers that count up over the end of a word come back', () => {
  const one = Array.from({ length: PREFIX_WORDS + 10 }, () => 0x7fffffff);
  const next = one.map((word) => (word + 1) | 0);
  const third = one.map(() => -1);
  for (const words of [one, next, third]) words[LENGTH_AT] = 10;
  const fourth = third.map((word, index) => (index === LENGTH_AT ? 10 : (word + 1) | 0));
  const { words, raw } = packed([one, next, third, fourth]);
  const back = unpacked(words, raw.length)!;
  assert.equal([...back], logged([one, next, third, fourth]));
});

test('[LP2] streams of any words, cut or changed anywhere, are refused or give records within bounds', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.integer(),
      fc.nat(40),
      (records, at, word, cut) => {
        const { words, raw } = packed(records);
        const changed = words.slice(0, Math.max(1, words.length - cut));
        changed[at % changed.length] = word;
        unpacked(changed, raw.length);
        unpacked(changed, raw.length + 2);
        if (cut > 1)
          assert.is(unpacked(words.subarray(0, words.length - cut), raw.length), undefined);
        assert.is(unpacked(words, raw.length - 2), undefined);
        assert.is(unpacked(words, raw.length + 2), undefined);
      },
    ),
    { seed: 4712, numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 60 }), fc.nat(400), (words, rawWords) => {
      unpacked(Int32Array.from(words), rawWords);
    }),
    { seed: 4713, numRuns: 2000 },
  );
});

test('a record like the one before it takes a few words', () => {
  const one = Array.from({ length: PREFIX_WORDS + HEADER_WORDS + 16 }, (_, index) => index * 3 + 1);
  one[LENGTH_AT] = HEADER_WORDS + 16;
  const next = one.map((word, index) => (index === 0 ? word + 1 : word));
  const { words: alone } = packed([one]);
  const { words: both } = packed([one, next]);
  assert.is(both.length - alone.length, 2);
});

test.run();
