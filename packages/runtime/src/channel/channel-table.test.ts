import { FrameList, LANE } from '@clockwise/kernel/core';
import { FRAME, FRAME_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { closeRing, createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingPublisher } from '@clockwise/sharedarraybuffer-ring/ring-publisher';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChannelTable } from './channel-table.ts';

const OPERATION_WORDS = 8;

interface Pair {
  readonly asker: ChannelTable;
  readonly answerer: ChannelTable;
  readonly rings: readonly RingHandle[];
  readonly publisher: RingPublisher;
}

function channel(capacityWords = 256, generation = 1, tables?: Pair): Pair {
  const asker = tables?.asker ?? new ChannelTable(new Sleeper(createDoorbell()), 32);
  const answerer = tables?.answerer ?? new ChannelTable(new Sleeper(createDoorbell()), 32);
  const requests = createRing({ capacityWords, generation });
  const now = createRing({ capacityWords, generation });
  const durable = createRing({ capacityWords, generation, publishedBy: 'publisher' });
  asker.attach({ target: 3, sends: [requests], receives: [now, durable], chunks: [] });
  answerer.attach({ target: 7, sends: [now, durable], receives: [requests], chunks: [] });
  const publisher = new RingPublisher(durable);
  return { asker, answerer, rings: [requests, now, durable], publisher };
}

function write(table: ChannelTable, target: number, lane: 0 | 1, value: number): boolean {
  const sink = table.sink(target, lane);
  const offset = sink.begin(TAG.replicaRequest, OPERATION_WORDS);
  if (offset < 0) return false;
  sink.words[offset + 2] = value;
  sink.end(OPERATION_WORDS);
  return true;
}

function flush(table: ChannelTable): void {
  table.complete();
  table.publish();
}

/** Values of all operations that wait, which are then released. */
function read(table: ChannelTable, source: number): number[] {
  const frames = new FrameList();
  const values: number[] = [];
  table.take(frames, 1000, Infinity);
  for (let index = 0; index < frames.count; index += 1) {
    const words = frames.words[index]!;
    const offset = frames.offsets[index]!;
    assert.is(frames.sources[index], source);
    assert.is(frames.wordCounts[index], words[offset + FRAME.wordCount]);
    const count = words[offset + FRAME.operationCount]!;
    for (let operation = 0; operation < count; operation += 1) {
      values.push(words[offset + FRAME_HEADER_WORDS + operation * OPERATION_WORDS + 2]!);
    }
  }
  table.release();
  return values;
}

test('frames of both lanes reach the other end, in order; durable ones when published', () => {
  const { asker, answerer, publisher } = channel();
  write(asker, 3, LANE.now, 1);
  write(asker, 3, LANE.now, 2);
  assert.equal(read(answerer, 7), [], 'nothing is visible before the flush');
  flush(asker);
  assert.equal(read(answerer, 7), [1, 2]);
  write(answerer, 7, LANE.durable, 5);
  write(answerer, 7, LANE.now, 6);
  flush(answerer);
  assert.equal(read(asker, 3), [6]);
  publisher.publishTo(answerer.durableSender(7)!.position());
  assert.equal(read(asker, 3), [5]);
});

test('[RS1] a full ring refuses, and takes again when its reader has released', () => {
  const { asker, answerer } = channel(64);
  const sent: number[] = [];
  for (let value = 0; write(asker, 3, LANE.now, value); value += 1) {
    sent.push(value);
    flush(asker);
  }
  assert.ok(sent.length > 1 && sent.length < 8);
  assert.equal(read(answerer, 7), sent);
  assert.ok(write(asker, 3, LANE.now, 99));
});

test('[RS2] a dead end swallows, and the next ring carries on', () => {
  const pair = channel();
  const { asker, answerer, rings } = pair;
  for (const ring of rings) closeRing(ring, 'consumer');
  assert.ok(write(asker, 3, LANE.now, 1));
  flush(asker);
  assert.is(asker.written(3, LANE.now), asker.consumed(3, LANE.now));
  assert.ok(asker.detach(3));
  assert.not(asker.detach(3));
  assert.ok(write(asker, 3, LANE.now, 2));
  flush(asker);
  answerer.detach(7);
  channel(256, 2, pair);
  assert.ok(write(asker, 3, LANE.now, 3));
  flush(asker);
  assert.equal(read(answerer, 7), [3]);
});

test('[RS3] consumed reaches written only when the frame under construction is let go of', () => {
  const pair = channel();
  const { asker, answerer, rings } = pair;
  let latest = 0;
  for (let round = 0; round < 50; round += 1) {
    write(asker, 3, LANE.now, round);
    const written = asker.written(3, LANE.now);
    assert.ok(written > latest, 'monotonic');
    assert.ok(asker.consumed(3, LANE.now) < written);
    flush(asker);
    assert.ok(asker.consumed(3, LANE.now) < written);
    read(answerer, 7);
    assert.ok(asker.consumed(3, LANE.now) >= written);
    latest = asker.written(3, LANE.now);
  }
  write(asker, 3, LANE.now, 1);
  flush(asker);
  const written = asker.written(3, LANE.now);
  for (const ring of rings) closeRing(ring, 'consumer');
  assert.ok(asker.consumed(3, LANE.now) >= written, 'a dead end has let go of all');
});

test('[CT1] what is borrowed is not overwritten before it is released', () => {
  const { asker, answerer } = channel(64);
  write(asker, 3, LANE.now, 1);
  flush(asker);
  const frames = new FrameList();
  answerer.take(frames, 10, Infinity);
  const words = frames.words[0]!;
  const first = frames.offsets[0]! + FRAME_HEADER_WORDS + 2;
  for (let value = 2; write(asker, 3, LANE.now, value); value += 1) flush(asker);
  assert.is(words[first], 1);
  answerer.release();
  while (words[first] === 1) {
    read(answerer, 7);
    assert.ok(write(asker, 3, LANE.now, 99));
    flush(asker);
  }
});

test('[CT2] each turn starts with another ring', () => {
  const table = new ChannelTable(new Sleeper(createDoorbell()), 32);
  const senders = [0, 1, 2].map((target) => {
    const ring = createRing({ capacityWords: 256 });
    table.attach({ target, sends: [], receives: [ring], chunks: [] });
    const sender = new ChannelTable(new Sleeper(createDoorbell()), 32);
    sender.attach({ target: 0, sends: [ring], receives: [], chunks: [] });
    for (let frame = 0; frame < 4; frame += 1) {
      write(sender, 0, LANE.now, frame);
      flush(sender);
    }
    return sender;
  });
  const served = new Set<number>();
  for (let turn = 0; turn < 3; turn += 1) {
    const frames = new FrameList();
    table.take(frames, 1, Infinity);
    served.add(frames.sources[0]!);
    table.release();
  }
  assert.is(served.size, senders.length);
});

test.run();
