import { BLOCK_CODEC, decodeBlock, encodeBlock } from '@clockwise/storage/block-codec';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE_BLOCK_CODECS } from './node-block-codecs.ts';

const TEXT = new TextEncoder().encode('all that rises must converge. '.repeat(40).slice(0, 1000));

test('deflate gives a block back, also with padding behind it', () => {
  const stored = new Uint8Array(1200);
  const byteCount = encodeBlock(BLOCK_CODEC.deflate, NODE_BLOCK_CODECS, TEXT, stored);
  assert.ok(byteCount > 0 && byteCount < 200);
  for (const padding of [0, 1, 7]) {
    const raw = new Uint8Array(TEXT.length);
    const padded = stored.subarray(0, byteCount + padding);
    assert.ok(decodeBlock(BLOCK_CODEC.deflate, NODE_BLOCK_CODECS, padded, raw));
    assert.equal(raw, TEXT);
  }
});

test('[NC1] a stream that is cut, too long or no stream is damaged, and nothing throws', () => {
  const stored = NODE_BLOCK_CODECS.deflate(TEXT);
  for (let length = 0; length < stored.length; length += 1) {
    assert.is(NODE_BLOCK_CODECS.inflate(stored.subarray(0, length), TEXT.length), undefined);
  }
  assert.is(NODE_BLOCK_CODECS.inflate(stored, TEXT.length - 1), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const raw = new Uint8Array(96);
      decodeBlock(BLOCK_CODEC.deflate, NODE_BLOCK_CODECS, bytes, raw);
      return true;
    }),
  );
});

test.run();
