import type { Socket } from 'node:net';
import { FRAME, FRAME_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BufferPool } from './buffer-pool.ts';
import { SocketBacking } from './socket-backing.ts';
import { headerByteCount } from './websocket-header.ts';

const FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** Takes writes as a socket does; `stuck` keeps them in its queue. */
class FakeSocket {
  writableLength = 0;
  stuck = false;
  writeCount = 0;
  readonly bytes: number[] = [];

  write(chunk: Uint8Array): boolean {
    this.writeCount += 1;
    for (const byte of chunk) this.bytes.push(byte);
    if (this.stuck) this.writableLength += chunk.length;
    return !this.stuck;
  }
  cork(): void {
    this.writeCount -= 1000;
  }
  uncork(): void {
    this.writeCount += 1000;
  }
}

interface Message {
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

/** A dumb reading of RFC 6455 that insists on shortest lengths. */
function parse(bytes: readonly number[]): Message[] {
  const all = Uint8Array.from(bytes);
  const view = new DataView(all.buffer);
  const messages: Message[] = [];
  let position = 0;
  while (position < all.length) {
    assert.is(all[position], 0x82, 'a final binary frame');
    const masked = (all[position + 1]! & 0x80) !== 0;
    let length = all[position + 1]! & 0x7f;
    position += 2;
    if (length === 126) {
      length = view.getUint16(position);
      assert.ok(length >= 126);
      position += 2;
    } else if (length === 127) {
      assert.is(view.getUint32(position), 0);
      length = view.getUint32(position + 4);
      assert.ok(length >= 65_536);
      position += 8;
    }
    if (masked) {
      assert.is(view.getUint32(position), 0, 'a zero mask');
      position += 4;
    }
    messages.push({ masked, payload: all.slice(position, position + length) });
    position += length;
  }
  assert.is(position, all.length);
  return messages;
}

function write(backing: SocketBacking, tag: number, wordCount: number, fill: number): void {
  const { writer } = backing;
  const offset = writer.begin(tag, wordCount);
  assert.ok(offset >= 0 && offset % 2 === 0, '8-byte aligned');
  writer.words.fill(fill, offset, offset + wordCount);
  writer.end(wordCount);
}

for (const masked of [false, true]) {
  test(`[SB1] random frames leave whole and in order, ${masked ? 'masked' : 'unmasked'}`, () => {
    const prng = new Prng(`socket-backing ${masked}`);
    const backing = new SocketBacking(new BufferPool(), masked, 2048, FRAME_BYTES_MAX);
    for (let tick = 0; tick < 60; tick += 1) {
      const socket = new FakeSocket();
      const expected: { tag: number; wordCount: number; fill: number }[] = [];
      const count = prng.between(1, 12);
      for (let index = 0; index < count; index += 1) {
        const size = prng.pick([2, 10, 24, 26, 100, 4000, 16_370, 16_384, 40_000]);
        // Tags alternate, so that each operation begins a frame.
        const operation = { tag: (index % 2) + 1, wordCount: size, fill: prng.word() };
        write(backing, operation.tag, operation.wordCount, operation.fill);
        expected.push(operation);
      }
      backing.flush(socket as unknown as Socket);
      const messages = parse(socket.bytes);
      assert.is(messages.length, expected.length);
      messages.forEach((message, index) => {
        assert.is(message.masked, masked);
        const words = new Int32Array(message.payload.buffer);
        const { tag, wordCount, fill } = expected[index]!;
        assert.is(words.length, FRAME_HEADER_WORDS + wordCount);
        assert.is(words[FRAME.wordCount], words.length);
        assert.is(words[FRAME.tag]! & 0xff, tag);
        assert.is(words[FRAME_HEADER_WORDS], wordCount);
        assert.ok(words.subarray(FRAME_HEADER_WORDS + 1).every((word) => word === fill));
      });
    }
  });
}

test('frames of a tick that fit a buffer leave by one write', () => {
  const backing = new SocketBacking(new BufferPool(), false, 1024, FRAME_BYTES_MAX);
  const socket = new FakeSocket();
  for (let index = 0; index < 8; index += 1) write(backing, (index % 2) + 1, 200, index);
  backing.flush(socket as unknown as Socket);
  assert.is(socket.writeCount, 1);
  backing.flush(socket as unknown as Socket);
  assert.is(socket.writeCount, 1, 'nothing written, nothing sent');
});

test('[SB2] a buffer is used again only when the kernel has all of it', () => {
  const pool = new BufferPool();
  const backing = new SocketBacking(pool, false, 1024, FRAME_BYTES_MAX);
  const socket = new FakeSocket();
  const buffers = new Set<ArrayBufferLike>();
  socket.stuck = true;
  for (let tick = 0; tick < 3; tick += 1) {
    write(backing, TAG.response, 8, tick);
    buffers.add(backing.words.buffer);
    backing.flush(socket as unknown as Socket);
  }
  assert.is(buffers.size, 3);
  assert.not(backing.recycle(socket as unknown as Socket));
  socket.writableLength = 0;
  assert.ok(backing.recycle(socket as unknown as Socket));
  write(backing, TAG.response, 8, 1);
  assert.ok(buffers.has(backing.words.buffer));
});

test('[SB3] a blocked connection takes nothing', () => {
  const backing = new SocketBacking(new BufferPool(), false, 1024, FRAME_BYTES_MAX);
  backing.blocked = true;
  assert.is(backing.writer.begin(TAG.response, 8), -1);
  backing.blocked = false;
  assert.ok(backing.writer.begin(TAG.response, 8) >= 0);
});

test('[SB4] a frame that the other side would not take is not begun, and none grows to that', () => {
  const wordCountMax = 2000;
  const backing = new SocketBacking(new BufferPool(), false, 1024, wordCountMax * 4);
  const { writer } = backing;
  assert.is(writer.begin(TAG.response, wordCountMax - FRAME_HEADER_WORDS + 2), -1);
  const longest = writer.begin(TAG.response, wordCountMax - FRAME_HEADER_WORDS);
  assert.ok(longest >= 0);
  writer.end(wordCountMax - FRAME_HEADER_WORDS);
  // Room for thousands of words is left in the buffer, but not in the frame.
  for (let index = 0; index < 300; index += 1) write(backing, TAG.response, 8, index);
  const socket = new FakeSocket();
  backing.flush(socket as unknown as Socket);
  const lengths = parse(socket.bytes).map(({ payload }) => payload.length);
  assert.is(Math.max(...lengths), wordCountMax * 4);
  assert.ok(lengths.length > 1);
});

test('headers have the shortest form', () => {
  assert.equal(
    [0, 125, 126, 65_535, 65_536].map((bytes) => headerByteCount(bytes, false)),
    [2, 2, 4, 4, 10],
  );
  assert.is(headerByteCount(1, true), 6);
});

test.run();
