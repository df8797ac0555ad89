import { FrameList } from '@clockwise/kernel/core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Inbox } from './inbox.ts';

test('[IB1] a frame is a copy, and stays until the inbox is cleared', () => {
  const frames = new FrameList();
  const inbox = new Inbox(frames, 64, 8);
  const message = new Uint8Array(16).fill(1);
  inbox.put(message, 0, 16, 0, 256);
  message.fill(9);
  inbox.put(new Uint8Array(24).fill(2), 0, 24, 0, 257);
  assert.equal([...frames.words[0]!.subarray(0, 4)], new Array(4).fill(0x01010101));
  assert.equal(frames.offsets, [0, 4]);
  assert.equal(frames.wordCounts, [4, 6]);
  assert.equal(frames.sources, [256, 257]);
});

test('[IB2] words and frames have a bound', () => {
  const frames = new FrameList();
  const inbox = new Inbox(frames, 8, 3);
  assert.ok(inbox.hasRoom(32));
  assert.not(inbox.hasRoom(40));
  for (let frame = 0; frame < 3; frame += 1) inbox.put(new Uint8Array(8), 0, 8, 0, 256);
  assert.not(inbox.hasRoom(8), 'three frames are there');
  frames.clear();
  inbox.clear();
  assert.ok(inbox.hasRoom(32));
});

test('[IB1] a frame is copied from within a chunk, and its mask taken off', () => {
  for (const byteCount of [8, 16, 128, 136, 4096]) {
    for (const mask of [
      [0, 0, 0, 0],
      [0x81, 2, 0x7f, 0xf3],
    ]) {
      const frames = new FrameList();
      const inbox = new Inbox(frames, 4096, 8);
      inbox.put(new Uint8Array(8), 0, 8, 0, 256);
      const plain = Uint8Array.from({ length: byteCount }, (_, index) => index * 7);
      const chunk = new Uint8Array(byteCount + 20).fill(0xee);
      plain.forEach((byte, index) => (chunk[6 + index] = byte ^ mask[index & 3]!));
      const maskWord = new DataView(Uint8Array.from(mask).buffer).getInt32(0, true);
      inbox.put(chunk, 6, byteCount, maskWord, 257);
      const words = frames.words[1]!;
      const copy = new Uint8Array(words.buffer, frames.offsets[1]! * 4, frames.wordCounts[1]! * 4);
      assert.equal([...copy], [...plain], `${byteCount} bytes`);
    }
  }
});

test.run();
