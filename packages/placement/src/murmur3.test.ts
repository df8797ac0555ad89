import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { murmur3Bytes, murmur3Words } from './murmur3.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const zeros = (count: number): Uint8Array => new Uint8Array(count);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const published: readonly (readonly [input: Uint8Array, seed: number, hash: number])[] = [
  [zeros(0), 0, 0],
  [zeros(0), 1, 0x514e28b7],
  [zeros(0), 0xffffffff, 0x81f16f39],
  [bytes(0xff, 0xff, 0xff, 0xff), 0, 0x76293b50],
  [bytes(0x21, 0x43, 0x65, 0x87), 0, 0xf55b516b],
  [bytes(0x21, 0x43, 0x65, 0x87), 0x5082edee, 0x2362f9de],
  [bytes(0x21, 0x43, 0x65), 0, 0x7e4a8634],
  [bytes(0x21, 0x43), 0, 0xa0f7b07a],
  [bytes(0x21), 0, 0x72661cf4],
  [zeros(4), 0, 0x2362f9de],
  [zeros(3), 0, 0x85f0b427],
  [zeros(2), 0, 0x30f4c306],
  [zeros(1), 0, 0x514e28b7],
  [text('aaaa'), 0x9747b28c, 0x5a97808a],
  [text('aaa'), 0x9747b28c, 0x283e0130],
  [text('aa'), 0x9747b28c, 0x5d211726],
  [text('a'), 0x9747b28c, 0x7fa09ea6],
  [text('abc'), 0, 0xb3dd93fa],
  [text('Hello, world!'), 0x9747b28c, 0x24884cba],
  [text('The quick brown fox jumps over the lazy dog'), 0x9747b28c, 0x2fa826cd],
];

test('[H3] the published vectors come out on this little-endian machine', () => {
  for (const [input, seed, hash] of published) {
    assert.is(murmur3Bytes(input, seed) >>> 0, hash, `${String(input)} seed ${seed}`);
  }
});

test('[H1] [H2] words with a prefix hash as their bytes do, whatever follows the key', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.integer(),
      fc.integer(),
      fc.nat(3),
      fc.integer(),
      (key, seed, prefix, wordOffset, filler) => {
        const words = new Int32Array(wordOffset + Math.ceil(key.length / 4) + 1).fill(filler);
        new Uint8Array(words.buffer).set(key, wordOffset * 4);
        const whole = new Uint8Array(4 + key.length);
        new DataView(whole.buffer).setInt32(0, prefix, true);
        whole.set(key, 4);
        const hash = murmur3Words(words, wordOffset, key.length, seed, prefix);
        assert.is(hash, murmur3Bytes(whole, seed));
        assert.is(hash, hash | 0, 'a signed 32-bit integer');
      },
    ),
    { numRuns: 2_000 },
  );
});

test.run();
