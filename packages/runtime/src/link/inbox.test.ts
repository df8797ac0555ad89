import { FrameList } from '@clockwise/kernel/core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Inbox } from './inbox.ts';

test('[IB1] a frame is a copy, and stays until the inbox is cleared', () => {
  const frames = new FrameList();
  const inbox = new Inbox(frames, 64, 8);
  const message = new Uint8Array(16).fill(1);
  inbox.put(message, 256);
  message.fill(9);
  inbox.put(new Uint8Array(24).fill(2), 257);
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
  for (let frame = 0; frame < 3; frame += 1) inbox.put(new Uint8Array(8), 256);
  assert.not(inbox.hasRoom(8), 'three frames are there');
  frames.clear();
  inbox.clear();
  assert.ok(inbox.hasRoom(32));
});

test.run();
