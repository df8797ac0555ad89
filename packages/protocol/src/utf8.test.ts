import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './byte-buffer.ts';
import { decodeUtf8, encodeUtf8, utf8ByteLength } from './utf8.ts';
import { readBytes, writeBytes } from './word-bytes.ts';

const SEED = 20_117;

test('[U1] bytes are UTF-8 for us exactly when they are for the platform', () => {
  const platform = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const judge = (bytes: Uint8Array): string | undefined => {
    try {
      return platform.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const lead = fc.constantFrom(0x7f, 0xc0, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff);
  const tail = fc.constantFrom(0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0);
  const byte = fc.oneof(lead, tail, fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 12 }), (numbers) => {
      const bytes = Uint8Array.from(numbers);
      assert.is(decodeUtf8(bytes), judge(bytes));
    }),
    { seed: SEED, numRuns: 5000 },
  );
});

test('[U1] every two- and three-byte form is judged as the platform judges it', () => {
  const platform = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (let first = 0xc0; first < 0xf8; first += 1) {
    for (let second = 0; second < 256; second += 1) {
      const bytes = Uint8Array.of(first, second, 0x80, 0xbf);
      for (const length of [2, 3, 4]) {
        let expected: string | undefined;
        try {
          expected = platform.decode(bytes.subarray(0, length));
        } catch {
          expected = undefined;
        }
        assert.is(decodeUtf8(bytes, 0, length), expected);
      }
    }
  }
});

test('[U2] well-formed text comes back equal, whatever its planes and length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      const bytes = encodeUtf8(text);
      assert.is(bytes?.length, new TextEncoder().encode(text).length);
      assert.is(decodeUtf8(bytes!), text);
    }),
    { seed: SEED },
  );
});

test('[U2] lone surrogates are refused', () => {
  for (const text of ['\ud800', 'a\udc00', '\ud800\ud800', '\udc00\ud800', 'x\udbff']) {
    assert.is(utf8ByteLength(text), -1);
    assert.is(encodeUtf8(text), undefined);
  }
});

test('[BB1] a reader that meets its end stays failed', () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3));
  assert.is(reader.unsigned(2), 0x0201);
  assert.is(reader.unsigned(4), 0);
  assert.ok(reader.failed);
  assert.is(reader.unsigned(1), 0);
  assert.is(reader.remaining, 1);
});

test('[BB2] I1 a length of 4 GB with 10 bytes behind it makes nothing', () => {
  const writer = new ByteWriter(1);
  writer.unsigned(0xffff_ffff, 4);
  writer.raw(new Uint8Array(10));
  const reader = new ByteReader(writer.view());
  assert.is(reader.raw(reader.unsigned(4)).length, 0);
  assert.ok(reader.failed);
});

test('[WB1] bytes go into words and out again, padded with zeros', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 67 }), (bytes) => {
      const words = new Int32Array(24).fill(-1);
      const end = writeBytes(words, 2, bytes);
      assert.is(end, 2 + Math.ceil(bytes.length / 8) * 2);
      assert.equal(readBytes(words, 2, bytes.length), bytes);
      const padding = readBytes(words, 2, (end - 2) * 4).subarray(bytes.length);
      assert.ok(padding.every((byte) => byte === 0));
      assert.is(words[end], -1);
    }),
    { seed: SEED },
  );
});

test.run();
