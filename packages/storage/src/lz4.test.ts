import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lz4Compress } from './lz4.ts';
import { Lz4Decoder, lz4Decompress } from './lz4-decode.ts';

const CANARY = 0xa5;

/** Bytes with repetitions near and far, and some without any. */
const bytes: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .record({ byte: fc.nat(255), count: fc.nat(600) })
        .map(({ byte, count }) => new Uint8Array(count).fill(byte)),
      fc
        .record({ seed: fc.nat(255), count: fc.nat(300) })
        .map(({ seed, count }) =>
          Uint8Array.from({ length: count }, (_, index) => (index * seed) & 31),
        ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

function compressed(raw: Uint8Array): Uint8Array {
  const target = new Uint8Array(raw.length + (raw.length >>> 7) + 32);
  const end = lz4Compress(raw, 0, raw.length, target, 0);
  assert.ok(end > 0);
  return target.slice(0, end);
}

test('[LZ1] what is compressed comes back, from and to any place', () => {
  fc.assert(
    fc.property(bytes, fc.nat(9), (raw, shift) => {
      const source = new Uint8Array(raw.length + 20).fill(CANARY);
      source.set(raw, shift);
      const stored = new Uint8Array(raw.length * 2 + 64).fill(CANARY);
      const end = lz4Compress(source, shift, shift + raw.length, stored, shift);
      assert.ok(end > shift);
      assert.ok(stored.subarray(end).every((byte) => byte === CANARY));
      const target = new Uint8Array(raw.length + 20).fill(CANARY);
      const taken = lz4Decompress(stored, shift, stored.length, target, shift, shift + raw.length);
      assert.is(taken, end);
      assert.equal(target, source);
    }),
  );
});

test('[LZ3] what is decoded in steps is, as far as it goes, what is decoded at once', () => {
  const decoder = new Lz4Decoder();
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(90), { maxLength: 40 }), fc.nat(9), (raw, steps, shift) => {
      const stored = compressed(raw);
      const source = new Uint8Array(stored.length + shift).fill(CANARY);
      source.set(stored, shift);
      const target = new Uint8Array(raw.length + shift + 9).fill(CANARY);
      const end = shift + raw.length;
      decoder.begin(source, shift, source.length, target, shift, end);
      let stop = shift;
      for (const step of [...steps, raw.length]) {
        stop = Math.min(end, stop + step);
        assert.ok(decoder.run(stop));
        assert.ok(decoder.put >= stop && decoder.put <= end);
        assert.equal(target.subarray(shift, decoder.put), raw.subarray(0, decoder.put - shift));
        // [LZ2]
        assert.ok(target.subarray(0, shift).every((byte) => byte === CANARY));
        assert.ok(target.subarray(end).every((byte) => byte === CANARY));
      }
      assert.is(decoder.put, end);
    }),
  );
});

test('[LZ1] long runs, literals and matches of every length about the limits of a token', () => {
  for (const literals of [0, 1, 14, 15, 16, 269, 270, 271, 525]) {
    for (const matched of [12, 18, 19, 20, 273, 274, 275, 529]) {
      const raw = Uint8Array.from({ length: literals + matched + 6 }, (_, index) =>
        index < literals
          ? (index * 167 + (index >>> 3) * 31) & 0xff
          : index < literals + matched
            ? 7
            : index & 0xff,
      );
      const target = new Uint8Array(raw.length);
      const stored = compressed(raw);
      assert.is(lz4Decompress(stored, 0, stored.length, target, 0, raw.length), stored.length);
      assert.equal(target, raw);
    }
  }
  const zeros = new Uint8Array(200_000);
  assert.ok(compressed(zeros).length < 1000);
});

test('[LZ1] a match farther than 64 KiB is none', () => {
  const raw = new Uint8Array(70_100);
  for (let index = 0; index < raw.length; index += 1)
    raw[index] = Math.imul(index, 0x9e3779b1) >>> 24;
  raw.copyWithin(70_000, 0, 100);
  const stored = compressed(raw);
  const target = new Uint8Array(raw.length);
  assert.is(lz4Decompress(stored, 0, stored.length, target, 0, raw.length), stored.length);
  assert.equal(target, raw);
});

test('[LZ2] the target too small at any size is -1, and nothing behind it is written', () => {
  const raw = new TextEncoder().encode(
    'now is the time, now is the time, for all good men. '.repeat(4),
  );
  const whole = compressed(raw).length;
  for (let size = 0; size < whole; size += 1) {
    const target = new Uint8Array(whole + 8).fill(CANARY);
    assert.is(lz4Compress(raw, 0, raw.length, target.subarray(0, size), 0), -1);
    assert.ok(target.subarray(size).every((byte) => byte === CANARY));
  }
});

/** Decompresses between canaries, from a source whose neighbours are all ones. */
function decompressGuarded(stored: Uint8Array, rawBytes: number): number {
  const source = new Uint8Array(stored.length + 64).fill(0xff);
  source.set(stored, 32);
  const target = new Uint8Array(rawBytes + 1024).fill(CANARY);
  const result = lz4Decompress(source, 32, 32 + stored.length, target, 512, 512 + rawBytes);
  assert.ok(result === -1 || (result > 32 && result <= 32 + stored.length));
  assert.ok(target.subarray(0, 512).every((byte) => byte === CANARY));
  assert.ok(target.subarray(512 + rawBytes).every((byte) => byte === CANARY));
  return result;
}

test('[LZ2] streams of any bytes, and good ones damaged or cut anywhere, stay within their bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(200), (stored, rawBytes) => {
      decompressGuarded(stored, rawBytes);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(255), fc.nat(40), (raw, at, byte, cut) => {
      const stored = compressed(raw);
      const damaged = stored.slice(0, Math.max(1, stored.length - cut));
      damaged[at % damaged.length] = byte;
      decompressGuarded(damaged, raw.length);
      assert.is(decompressGuarded(stored, raw.length + 1), -1);
      if (raw.length > 0) assert.is(decompressGuarded(stored, raw.length - 1), -1);
    }),
  );
});

test('[LZ2] a match before the beginning, of distance zero, or longer than what is wanted is damage', () => {
  // One literal, then a match: offset 2 of one byte, offset 0, and 4 + 15 + 255 + 10 bytes for 32.
  assert.is(decompressGuarded(Uint8Array.of(0x10, 1, 2, 0, 0x10, 1), 6), -1);
  assert.is(decompressGuarded(Uint8Array.of(0x10, 1, 0, 0, 0x10, 1), 6), -1);
  assert.is(decompressGuarded(Uint8Array.of(0x1f, 1, 1, 0, 255, 10, 0x10, 1), 32), -1);
  assert.is(decompressGuarded(Uint8Array.of(0x10, 1, 1, 0, 0x10, 9), 6), 38);
});

test.run();
