import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_CODEC, decodeBlock, encodeBlock, PURE_CODECS } from './block-codec.ts';
import { lz4Compress } from './lz4.ts';

function compressed(raw: Uint8Array): Uint8Array {
  const target = new Uint8Array(raw.length * 2 + 32);
  return target.slice(0, lz4Compress(raw, 0, raw.length, target, 0));
}

test('[BC1] a block that does not shrink by an eighth is stored as it is', () => {
  const target = new Uint8Array(4096);
  const noise = Uint8Array.from({ length: 800 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 24);
  const withRun = (zeros: number): Uint8Array => noise.slice().fill(0, 800 - zeros);
  for (let zeros = 0; zeros < 300; zeros += 10) {
    const raw = withRun(zeros);
    const stored = encodeBlock(BLOCK_CODEC.lz4, PURE_CODECS, raw, target);
    assert.is(stored >= 0, compressed(raw).length <= 700, `${zeros} zeros`);
  }
  assert.is(encodeBlock(BLOCK_CODEC.none, PURE_CODECS, withRun(300), target), -1);
  assert.is(encodeBlock(BLOCK_CODEC.deflate, PURE_CODECS, withRun(300), target), -1);
  const echo = {
    ...PURE_CODECS,
    deflate: (raw: Uint8Array) => raw,
    inflate: (stored: Uint8Array) => stored,
  };
  assert.is(encodeBlock(BLOCK_CODEC.deflate, echo, withRun(300), target), -1);
});

test('[BC2] more than 7 bytes behind the stream, fewer bytes than wanted or another codec is damage', () => {
  const raw = new Uint8Array(256).fill(9);
  const stored = compressed(raw);
  const decode = (codec: number, padding: number, rawBytes: number): boolean => {
    const padded = new Uint8Array(stored.length + padding);
    padded.set(stored);
    return decodeBlock(codec, PURE_CODECS, padded, new Uint8Array(rawBytes));
  };
  assert.ok(decode(BLOCK_CODEC.lz4, 0, 256));
  assert.ok(decode(BLOCK_CODEC.lz4, 7, 256));
  assert.not.ok(decode(BLOCK_CODEC.lz4, 8, 256));
  assert.not.ok(decode(BLOCK_CODEC.lz4, 0, 257));
  assert.not.ok(decode(BLOCK_CODEC.lz4, 0, 255));
  assert.not.ok(decode(BLOCK_CODEC.deflate, 0, 256));
  assert.not.ok(decode(77, 0, 256));
  assert.not.ok(decode(BLOCK_CODEC.packed, 0, 256));
  const wrong = { ...PURE_CODECS, inflate: () => new Uint8Array(255) };
  assert.not.ok(decodeBlock(BLOCK_CODEC.deflate, wrong, stored, new Uint8Array(256)));
});

test.run();
