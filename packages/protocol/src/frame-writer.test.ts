import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArrayBacking } from './array-backing.ts';
import { FRAME, FRAME_HEADER_WORDS, OPERATION, PRIORITY, PROTOCOL_VERSION, TAG } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';

function write(writer: FrameWriter, tag: number, wordCount: number): void {
  const operation = writer.begin(tag, wordCount);
  assert.ok(operation > 0);
  writer.words[operation + OPERATION.opcode] = wordCount;
  writer.end(wordCount);
}

test('[FW1, AB1] operations of one tag share a frame; its header counts them and their words', () => {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  writer.epoch = 7;
  write(writer, TAG.request, 10);
  write(writer, TAG.request, 12);
  write(writer, TAG.response, 6);
  writer.flush();
  const [requests, responses] = backing.take();
  assert.is(requests!.length, FRAME_HEADER_WORDS + 22);
  assert.is(requests![FRAME.wordCount], FRAME_HEADER_WORDS + 22);
  assert.is(requests![FRAME.tag], TAG.request | (PROTOCOL_VERSION << 8));
  assert.is(requests![FRAME.operationCount], 2);
  assert.is(requests![FRAME.epoch], 7);
  assert.is(responses![FRAME.operationCount], 1);
  assert.is(backing.take().length, 0);
});

test('[FW2] an operation that did not end is in no frame', () => {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  write(writer, TAG.request, 10);
  assert.ok(writer.begin(TAG.request, 10) > 0);
  writer.flush();
  const frames = backing.take();
  assert.is(frames.length, 1);
  assert.is(frames[0]![FRAME.operationCount], 1);
});

test('[FW1] an operation longer than a usual frame gets a frame of its own', () => {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  write(writer, TAG.request, 10);
  write(writer, TAG.request, 1000);
  writer.flush();
  assert.equal(
    backing.take().map((frame) => frame.length),
    [FRAME_HEADER_WORDS + 10, FRAME_HEADER_WORDS + 1000],
  );
});

test('[FW5] what was written may wait as long as the least patient of it', () => {
  const writer = new FrameWriter(new ArrayBacking(), 64);
  const patient = (patienceMs: number): number => {
    writer.patienceMs = patienceMs;
    write(writer, TAG.response, 6);
    return writer.waitMs;
  };
  assert.is(writer.waitMs, Infinity);
  assert.equal([20, 8, 10].map(patient), [20, 8, 8]);
  write(writer, TAG.response, 6);
  assert.is(writer.waitMs, 0, 'nobody said that this one may wait');
  assert.is(patient(10), 0);
  writer.waitMs = Infinity;
  writer.patienceMs = 10;
  write(writer, TAG.response, 64);
  assert.is(writer.waitMs, 0, 'a whole frame is there');
});

test('[FW3] two control messages of one step are two frames', () => {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  write(writer, TAG.control, 6);
  write(writer, TAG.control, 6);
  write(writer, TAG.response, 6);
  writer.flush();
  assert.equal(
    backing.take().map((frame) => [frame[FRAME.tag]! & 0xff, frame[FRAME.operationCount]]),
    [
      [TAG.control, 1],
      [TAG.control, 1],
      [TAG.response, 1],
    ],
  );
});

test('[FW4] an operation of another priority begins a new frame, and the next is foreground again', () => {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  write(writer, TAG.replicaRequest, 10);
  for (const priority of [PRIORITY.repair, PRIORITY.repair, PRIORITY.background]) {
    writer.priority = priority;
    write(writer, TAG.replicaRequest, 10);
  }
  write(writer, TAG.replicaRequest, 10);
  writer.flush();
  assert.equal(
    backing.take().map((frame) => [(frame[FRAME.tag]! >>> 16) & 0xff, frame[FRAME.operationCount]]),
    [
      [PRIORITY.foreground, 1],
      [PRIORITY.repair, 2],
      [PRIORITY.background, 1],
      [PRIORITY.foreground, 1],
    ],
  );
});

test.run();
