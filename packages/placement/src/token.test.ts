import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { murmur3Bytes } from './murmur3.ts';
import { type Token, compareTokens, computeToken, partitionOf, partitionStart } from './token.ts';

/** The key in words at an offset, with braces behind it that must not be read. */
function tokenOf(bucketId: number, key: Uint8Array): Token {
  const wordOffset = 3;
  const words = new Int32Array(wordOffset + Math.ceil(key.length / 4)).fill(0x7d7a7b7b);
  new Uint8Array(words.buffer).set(key, wordOffset * 4);
  const token = { high: 0, low: 0 };
  computeToken(token, bucketId, words, wordOffset, key.length);
  return token;
}

/** The same by searching a string (one character for each byte) and hashing bytes. */
function referenceToken(bucketId: number, key: Uint8Array): Token {
  const text = String.fromCharCode(...key);
  const open = text.indexOf('{');
  const close = open === -1 ? -1 : text.indexOf('}', open + 1);
  const tagged = close > open + 1 ? key.slice(open + 1, close) : key;
  const hash = (part: Uint8Array, seed: number): number => {
    const whole = new Uint8Array(4 + part.length);
    new DataView(whole.buffer).setUint32(0, bucketId, true);
    whole.set(part, 4);
    return murmur3Bytes(whole, seed);
  };
  return { high: hash(tagged, 0), low: hash(key, 1) };
}

const ascii = (key: string): Uint8Array => Uint8Array.from(key, (char) => char.charCodeAt(0));
const braced = fc
  .array(fc.constantFrom('{', '}', 'a', 'z', '|', '\u00fb', '\u0000'), { maxLength: 40 })
  .map((characters) => ascii(characters.join('')));

test('[T3] tokens equal the byte-wise reading, wherever tags begin and end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 0x7fffffff }),
      fc.oneof(braced, fc.uint8Array({ maxLength: 70 })),
      (bucketId, key) => assert.equal(tokenOf(bucketId, key), referenceToken(bucketId, key)),
    ),
    { numRuns: 5_000 },
  );
});

test('[T1] keys with the same tag share the high half and differ in the low one', () => {
  const groups = [
    ['{user1000}.following', '{user1000}.followers', 'x{user1000}', 'abc{user1000}{other}'],
    ['foo{{bar}}zap', 'q{{bar}'],
  ];
  for (const keys of groups) {
    const tokens = keys.map((key) => tokenOf(7, ascii(key)));
    assert.is(new Set(tokens.map((token) => token.high)).size, 1, keys.join(' '));
    assert.is(new Set(tokens.map((token) => token.low)).size, keys.length, keys.join(' '));
  }
});

test('the vectors in docs/formats/ring.md hold: stored keys are found by them', () => {
  const vectors: readonly (readonly [key: string, high: number, low: number])[] = [
    ['key', 0xae2654c3, 0x6c23b779],
    ['user:1', 0x99c62be1, 0x6256ac71],
    ['{user:1}:cart', 0x99c62be1, 0x8991b1c0],
    ['{}x', 0x266c1796, 0x02858779],
  ];
  for (const [key, high, low] of vectors) {
    assert.equal(tokenOf(1, ascii(key)), { high: high | 0, low: low | 0 }, key);
  }
});

test('an empty tag is none, and only the first brace opens one', () => {
  for (const key of ['foo{}{bar}', '}a{', '{a', 'a}', '{', '{}', '']) {
    const bytes = ascii(key);
    const prefixed = Uint8Array.from([9, 0, 0, 0, ...bytes]);
    assert.is(tokenOf(9, bytes).high, murmur3Bytes(prefixed, 0), key);
  }
});

test('buckets place the same key apart', () => {
  assert.is.not(tokenOf(1, ascii('key')).high, tokenOf(2, ascii('key')).high);
});

test('[T2] a partition is the top bits, and token order is partition order', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.integer({ min: 0, max: 14 }), (a, b, log2) => {
      const count = 2 ** log2;
      assert.is(partitionOf(a, log2), Math.floor((a >>> 0) / (2 ** 32 / count)));
      const order = compareTokens(a, 0, b, 0);
      assert.is(order, Math.sign((a >>> 0) - (b >>> 0)));
      if (order < 0) assert.ok(partitionOf(a, log2) <= partitionOf(b, log2));
      const start = partitionStart(partitionOf(a, log2), log2);
      assert.is(partitionOf(start, log2), partitionOf(a, log2));
      assert.ok(compareTokens(start, 0, a, 0) <= 0);
    }),
  );
  assert.is(compareTokens(-1, 0, 1, 0), 1);
  assert.is(compareTokens(5, -1, 5, 1), 1);
  assert.is(compareTokens(5, 5, 5, 5), 0);
});

test.run();
