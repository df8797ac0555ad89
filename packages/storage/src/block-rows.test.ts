import { HEADER, HEADER_WORDS, paddedWords, SIBLING } from '@clockwise/record/layout';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_CODEC, decodeBlock, PURE_CODECS } from './block-codec.ts';
import { BlockRows } from './block-rows.ts';
import { RowsPacker, type TokenOf } from './block-rows-writer.ts';

const CANARY = 0x5aa5;
const TOKEN = { high: 0, low: 0 };

/** No token of placement, but one of bucket and key. */
const tokenOf: TokenOf = (token, bucketId, words, at, byteCount) => {
  let mixed = bucketId;
  for (let index = 0; index < (byteCount + 3) >>> 2; index += 1) {
    mixed = Math.imul(mixed ^ words[at + index]!, 0x9e3779b1);
  }
  token.high = mixed;
  token.low = Math.imul(mixed, 7) | 0;
};
const CODECS = { ...PURE_CODECS, tokenOf };

interface Sample {
  readonly bucketId: number;
  readonly key: Uint8Array;
  readonly values: readonly Uint8Array[];
  readonly contexts: readonly number[];
  readonly recents: readonly number[];
  readonly hasOwnToken: boolean;
}

function bytesInto(words: Int32Array, at: number, bytes: Uint8Array): number {
  new Uint8Array(words.buffer).set(bytes, at * 4);
  return at + paddedWords(bytes.length);
}

/** Numbers that are alike, as those of clocks and incarnations are, and some that are not. */
function like(seed: number): number {
  return seed % 5 === 0 ? Math.imul(seed, 0x9e3779b1) : ((seed % 3) * 0x7fff_0000) | 0;
}

function recordOf({ bucketId, key, values, contexts, recents, hasOwnToken }: Sample): Int32Array {
  const words = new Int32Array(2000);
  words[HEADER.kind] = 0x0100_0001;
  words[HEADER.bucketId] = bucketId;
  words[HEADER.keyAndContext] = key.length | (contexts.length << 16);
  words[HEADER.siblingsAndRecents] = values.length | (recents.length << 16);
  let at = bytesInto(words, HEADER_WORDS, key);
  for (const seed of contexts) {
    for (let word = 0; word < 4; word += 1) words[at + word] = like(seed + word);
    at += 4;
  }
  for (const value of values) {
    for (let word = 2; word < 12; word += 1) words[at + word] = like(value.length * word);
    words[at + SIBLING.valueBytes] = value.length;
    at = bytesInto(words, at + 12, value);
  }
  for (const seed of recents) {
    for (let word = 0; word < 8; word += 1) words[at + word] = like(seed * word);
    at += 8;
  }
  words[HEADER.wordCount] = at;
  tokenOf(TOKEN, bucketId, words, HEADER_WORDS, key.length);
  words[HEADER.tokenHigh] = hasOwnToken ? TOKEN.high ^ 1 : TOKEN.high;
  words[HEADER.tokenLow] = TOKEN.low;
  return words.slice(0, at);
}

const key = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.nat(300).map((number) => new TextEncoder().encode(`user:${number}:profile`)),
);
const value = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc
    .record({ name: fc.nat(5000), size: fc.nat(40) })
    .map(({ name, size }) =>
      new TextEncoder().encode(`{"name":"n${name}","kind":"person","tags":"${'x'.repeat(size)}"}`),
    ),
);
const sample: fc.Arbitrary<Sample> = fc.record({
  bucketId: fc.constantFrom(1, 1, 1, 2, 0x4000_0001),
  key,
  values: fc.oneof(
    value.map((one) => [one]),
    fc.array(value, { maxLength: 3 }),
  ),
  contexts: fc.array(fc.nat(12), { maxLength: 3 }),
  recents: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.nat(9), { maxLength: 2 }) },
  ),
  hasOwnToken: fc.constant(false),
});
/** Of most blocks all tokens are those of the keys. */
const samples: fc.Arbitrary<Sample[]> = fc
  .record({ all: fc.array(sample, { minLength: 1, maxLength: 30 }), own: fc.nat(3) })
  .map(({ all, own }) => all.map((one) => ({ ...one, hasOwnToken: own === 0 })));

interface Packed {
  readonly raw: Int32Array;
  /** Where each record begins in `raw`. */
  readonly places: readonly number[];
  readonly rows: Int32Array;
}

function packed(all: readonly Sample[]): Packed {
  const records = all.map(recordOf);
  const raw = Int32Array.from(records.flatMap((one) => [...one]));
  const places: number[] = [];
  let at = 0;
  for (const record of records) {
    places.push(at);
    at += record.length;
  }
  const packer = new RowsPacker();
  const count = packer.pack(raw, 0, raw.length, tokenOf);
  assert.ok(count > 0);
  assert.is(count % 2, 0);
  return { raw, places, rows: packer.out.slice(0, count) };
}

test('[BR1] rows give the records, all of them or one alone, in any order', () => {
  const rows = new BlockRows();
  fc.assert(
    fc.property(samples, fc.array(fc.nat(29), { maxLength: 8 }), (all, order) => {
      const { raw, places, rows: words } = packed(all);
      const out = new Uint8Array(raw.byteLength);
      assert.ok(
        decodeBlock(BLOCK_CODEC.rows, CODECS, new Uint8Array(words.buffer), out),
        'a block is decoded',
      );
      assert.equal(new Int32Array(out.buffer), raw);
      assert.ok(rows.open(words, new Uint8Array(words.buffer), 0, words.length));
      const one = new Int32Array(2000);
      for (const wanted of order) {
        const row = wanted % all.length;
        const place = places[row]!;
        const end = rows.unpack(row, one, new Uint8Array(one.buffer), 0, one.length);
        assert.is(end, raw[place + HEADER.wordCount]);
        const copy = one.slice(0, end);
        if (rows.tokensOfKeys) {
          copy[HEADER.tokenHigh] = raw[place + HEADER.tokenHigh]!;
          copy[HEADER.tokenLow] = raw[place + HEADER.tokenLow]!;
        }
        assert.equal(copy, raw.slice(place, place + end));
      }
    }),
    { numRuns: 300 },
  );
});

test('[BR1] a key is found in the first row that has it, and no other is', () => {
  const rows = new BlockRows();
  fc.assert(
    fc.property(samples, fc.array(key, { maxLength: 5 }), (all, strangers) => {
      const { raw, places, rows: words } = packed(all);
      assert.ok(rows.open(words, new Uint8Array(words.buffer), 0, words.length));
      const sought = [
        ...all.map(({ key: one, bucketId }) => ({ one, bucketId })),
        ...strangers.map((one) => ({ one, bucketId: 1 })),
      ];
      for (const { one, bucketId } of sought) {
        // What stands behind a key is nobody's.
        const keyWords = new Int32Array(20).fill(CANARY);
        new Uint8Array(keyWords.buffer).set(one, 4);
        const first = all.findIndex(
          (other) => other.bucketId === bucketId && other.key.join() === one.join(),
        );
        const place = first < 0 ? 0 : places[first]!;
        const high = raw[place + HEADER.tokenHigh]!;
        const low = raw[place + HEADER.tokenLow]!;
        assert.is(rows.find(bucketId, high, low, keyWords, 1, one.length), first);
      }
    }),
    { numRuns: 200 },
  );
});

test('[BR1] what is no plain record makes no rows', () => {
  const packer = new RowsPacker();
  const good = recordOf({
    bucketId: 1,
    key: Uint8Array.of(1, 2, 3),
    values: [Uint8Array.of(1, 2, 3, 4, 5)],
    contexts: [],
    recents: [],
    hasOwnToken: false,
  });
  const tries = (change: (words: Int32Array) => void): number => {
    const words = good.slice();
    change(words);
    return packer.pack(words, 0, words.length, tokenOf);
  };
  assert.ok(tries(() => undefined) > 0);
  const valueAt = HEADER_WORDS + 2 + 12;
  for (const at of [HEADER_WORDS, HEADER_WORDS + 1, valueAt + 1]) {
    assert.is(
      tries((words) => {
        words[at]! |= 0x7f00_0000;
      }),
      -1,
      `padding at ${at}`,
    );
  }
  assert.is(
    tries((words) => {
      words[HEADER.siblingsAndRecents] = 0;
    }),
    -1,
  );
  assert.is(
    tries((words) => {
      words[HEADER_WORDS + 2 + SIBLING.valueBytes] = 900;
    }),
    -1,
  );
});

test('[BR1] tokens that are those of the keys take no room, and are not read without placement', () => {
  const all = Array.from({ length: 20 }, (_, index) => ({
    bucketId: 1,
    key: Uint8Array.of(index, 7, 7, 7),
    values: [new Uint8Array(30).fill(index)],
    contexts: [],
    recents: [],
    hasOwnToken: false,
  }));
  const { raw, rows } = packed(all);
  const own = packed(all.map((one) => ({ ...one, hasOwnToken: true })));
  assert.ok(own.rows.length >= rows.length + 30, `${own.rows.length}, ${rows.length}`);
  const bytes = new Uint8Array(rows.buffer);
  const out = new Uint8Array(raw.byteLength);
  assert.not.ok(decodeBlock(BLOCK_CODEC.rows, PURE_CODECS, bytes, out));
  assert.ok(decodeBlock(BLOCK_CODEC.rows, CODECS, bytes, out));
});

test('[BR2] rows that are damaged give what they give, within their bounds', () => {
  const rows = new BlockRows();
  const room = 40;
  fc.assert(
    fc.property(
      samples,
      fc.array(fc.record({ at: fc.nat(100_000), byte: fc.nat(255) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.boolean(),
      (all, damage, isAtFront) => {
        const { raw, rows: good } = packed(all);
        const words = good.slice();
        const bytes = new Uint8Array(words.buffer);
        const span = isAtFront ? Math.min(bytes.length, 120) : bytes.length;
        for (const { at, byte } of damage) bytes[at % span] = byte;
        const out = new Int32Array(raw.length + room).fill(CANARY);
        const outBytes = new Uint8Array(out.buffer);
        if (rows.open(words, bytes, 0, words.length)) {
          rows.find(1, 0, 0, Int32Array.of(1, 2, 3, 4), 0, 16);
          let at = 0;
          for (let row = 0; row < Math.min(rows.count, 50) && at >= 0; row += 1) {
            at = rows.unpack(row, out, outBytes, at, raw.length);
          }
        }
        assert.ok(out.subarray(raw.length).every((word) => word === CANARY));
        decodeBlock(BLOCK_CODEC.rows, CODECS, bytes, new Uint8Array(raw.byteLength));
      },
    ),
    { numRuns: 1000 },
  );
});

/** Sizes around those from which bytes are copied otherwise, and of which not all places are known. */
const largeValue = fc
  .record({
    size: fc.oneof(
      fc.integer({ min: 250, max: 264 }),
      fc.integer({ min: 508, max: 516 }),
      fc.integer({ min: 1000, max: 1100 }),
    ),
    noiseBytes: fc.constantFrom(1, 40, 500, 2000),
    seed: fc.nat(3),
  })
  .map(({ size, noiseBytes, seed }) =>
    Uint8Array.from({ length: size }, (_, index) => {
      return Math.imul((index % noiseBytes) + seed * 77 + 1, 0x9e3779b1) >>> 19;
    }),
  );

test('[BR1] the same of large values, shorter or not, whatever was packed before them', () => {
  const shared = new RowsPacker();
  fc.assert(
    fc.property(fc.array(fc.tuple(largeValue, key), { minLength: 1, maxLength: 6 }), (all) => {
      const large = all.map(([one, its]): Sample => {
        return {
          bucketId: 1,
          key: its,
          values: [one],
          contexts: [],
          recents: [],
          hasOwnToken: false,
        };
      });
      const { raw, rows: words } = packed(large);
      const count = shared.pack(raw, 0, raw.length, tokenOf);
      assert.equal(shared.out.slice(0, count), words);
      const out = new Uint8Array(raw.byteLength);
      assert.ok(decodeBlock(BLOCK_CODEC.rows, CODECS, new Uint8Array(words.buffer), out));
      assert.equal(new Int32Array(out.buffer), raw);
    }),
    { numRuns: 200 },
  );
});

test.run();
