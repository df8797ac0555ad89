import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  FRAME,
  PRIORITY,
  REPLICA_OPCODE,
  REPLICA_REPLY,
  REPLICA_REPLY_HEADER_WORDS,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_STORE,
  REPLICA_STORE_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  SCAN,
  TAG,
} from '@clockwise/protocol/frame';
import { collectFrame, sampleReplicaRequests } from '@clockwise/protocol/frame-corpus';
import { validateReplicaReplyFrame } from '@clockwise/protocol/validate-replica';
import { hiddenWordCount, OWED, writeHidden } from '@clockwise/record/hidden';
import { recordLimits } from '@clockwise/record/validate';
import { CoordinatorWorld, field, opcodeOf, operations, type Sent } from '../coordinator-world.ts';
import { BACKGROUND_MS } from './peer-relay.ts';
import { record } from '../requests/sample-requests.ts';

// Of the year 2023, so that no copy of it is old.
const VALUE = record({ dots: [[9, 1_700_000_000_000]] });
const LIMITS = recordLimits(DEFAULT_LIMITS);
const { read, written, forward, stored, scanned, probed } = REPLY_KIND;

/** The sample operations, each under a slot and generation that its asker knows. */
function requests(): Int32Array {
  const frame = sampleReplicaRequests();
  operations(frame).forEach(({ offset }, index) => {
    frame[offset + REPLICA_REQUEST.route] = 0x1234;
    frame[offset + REPLICA_REQUEST.slot] = index;
    frame[offset + REPLICA_REQUEST.slotGeneration] = 100 + index;
  });
  // What is passed on is fan-out-relay.test.ts's matter.
  frame[operations(frame).at(-1)!.offset + REPLICA_STORE.fanOut] = 0;
  return frame;
}

function asked(options = {}): { world: CoordinatorWorld; peer: number } {
  const world = CoordinatorWorld.linked(options);
  const peer = world.peer(1);
  world.step([], [{ source: CONNECTION_TARGET + peer, frame: requests() }]);
  return { world, peer };
}

function replyOf(
  sent: Sent,
): readonly [kind: number, status: number, slot: number, generation: number] {
  const kind = field(sent, REPLICA_REPLY.kind);
  return [
    kind & 0xff,
    (kind >>> 8) & 0xffff,
    field(sent, REPLICA_REPLY.slot),
    field(sent, REPLICA_REPLY.slotGeneration),
  ];
}

test("a peer's operations go to their shards word for word, under a route of this coordinator's", () => {
  const { world } = asked();
  const sent = world.sentToShard();
  const original = operations(requests());
  assert.is(sent.length, original.length);
  sent.forEach((one, index) => {
    const size = field(one, REPLICA_REQUEST.wordCount);
    const passed = one.words.slice(one.offset, one.offset + size);
    const { words, offset } = original[index]!;
    const expected = words.slice(offset, offset + size);
    assert.is.not(passed[REPLICA_REQUEST.route], 0x1234);
    expected[REPLICA_REQUEST.route] = passed[REPLICA_REQUEST.route]!;
    assert.equal(passed, expected);
  });
});

test('[PR1] every operation of a peer is answered, on its own connection, and on the wire validly', () => {
  const { world, peer } = asked();
  const [one, two, three, four, five] = world.sentToShard();
  const flag = field(two!, REPLICA_REQUEST.opcode) >>> 8;
  assert.ok((flag & REPLICA_REQUEST_FLAG.forward) !== 0);
  world.shardReplies([
    [one!, { kind: read, record: VALUE }],
    [two!, { kind: forward, record: VALUE }],
    [two!, { kind: written, record: VALUE }],
    [three!, { kind: stored, record: VALUE }],
    [four!, { kind: scanned, flags: REPLY_FLAG.more, records: [VALUE, VALUE] }],
    [five!, { kind: probed }],
  ]);
  const frames = world.take(CONNECTION_TARGET + peer);
  for (const frame of frames) {
    assert.is(validateReplicaReplyFrame(frame, 0, frame.length, DEFAULT_LIMITS, LIMITS), 0);
  }
  const answers = frames.flatMap(operations);
  assert.equal(answers.map(replyOf), [
    [read, STATUS_OK, 0, 100],
    [forward, STATUS_OK, 1, 101],
    [written, STATUS_OK, 1, 101],
    [stored, STATUS_OK, 2, 102],
    [scanned, STATUS_OK, 3, 103],
    [probed, STATUS_OK, 4, 104],
  ]);
  const { words, offset } = answers[0]!;
  const start = offset + REPLICA_REPLY_HEADER_WORDS;
  assert.equal(words.slice(start, start + VALUE.length), VALUE);
  assert.equal(world.takeEffects(), []);
});

test('[PR1] a shard that is down refuses, each operation in its own kind', () => {
  const world = CoordinatorWorld.linked();
  const peer = world.peer(1);
  world.step([{ kind: 'channel-down', target: 0 }]);
  world.step([], [{ source: CONNECTION_TARGET + peer, frame: requests() }]);
  const { code } = ERRORS.NOT_READY;
  assert.equal(world.sentTo(peer).map(replyOf), [
    [read, code, 0, 100],
    [written, code, 1, 101],
    [stored, code, 2, 102],
    [scanned, code, 3, 103],
    [probed, code, 4, 104],
    [written, code, 5, 105],
    [stored, code, 6, 106],
    [stored, code, 7, 107],
  ]);
});

test('[PR1] a shard without credit refuses, and takes again what it has answered for', () => {
  const { world, peer } = asked({ limits: { replicaOperationsInFlightMax: 2 } });
  const sent = world.sentToShard();
  assert.is(sent.length, 2);
  const requestCount = operations(requests()).length;
  const { code } = ERRORS.OVERLOADED;
  assert.equal(
    world.sentTo(peer).map((one) => replyOf(one)[1]),
    Array.from({ length: requestCount - 2 }, () => code),
  );
  world.shardReplies([
    [sent[0]!, { kind: read, status: STATUS_NOT_FOUND }],
    [sent[1]!, { kind: forward, record: VALUE }],
  ]);
  world.step([], [{ source: CONNECTION_TARGET + peer, frame: requests() }]);
  assert.is(world.sentToShard().length, 1);
});

test('[PR1] a scan of a partition that there is not is refused', () => {
  const world = CoordinatorWorld.linked();
  const peer = world.peer(1);
  const frame = requests();
  const scan = operations(frame).find((one) => opcodeOf(one) === REPLICA_OPCODE.scan)!;
  frame[scan.offset + 10 + SCAN.partition] = 8;
  world.step([], [{ source: CONNECTION_TARGET + peer, frame }]);
  assert.equal(
    world.sentTo(peer).map((one) => replyOf(one).slice(0, 2)),
    [[scanned, ERRORS.BAD_REQUEST.code]],
  );
});

test('[PR1] a peer that has gone is not answered, nor is who has its number now', () => {
  const { world, peer } = asked();
  const [one] = world.sentToShard();
  world.step([{ kind: 'disconnected', connection: peer, reason: 'cut' }]);
  world.greet(peer, 'client', '');
  world.shardReplies([[one!, { kind: read, record: VALUE }]]);
  assert.equal(world.sentTo(peer), []);
});

/** A store of a hinted copy for node 2, of the priority given. */
function hintedStore(priority: number): Int32Array {
  const frame = collectFrame((writer) => {
    const wordCount = REPLICA_STORE_HEADER_WORDS + VALUE.length;
    writer.priority = priority;
    const start = writer.begin(TAG.replicaRequest, wordCount);
    writer.words.fill(0, start, start + REPLICA_STORE_HEADER_WORDS);
    writer.words[start + REPLICA_REQUEST.opcode] =
      REPLICA_OPCODE.store | (REPLICA_REQUEST_FLAG.hint << 8);
    writer.words[start + REPLICA_STORE.owed] = (1 << OWED.epochShift) | 0b100;
    writer.words.set(VALUE, start + REPLICA_STORE_HEADER_WORDS);
    writer.end(wordCount);
  });
  return frame;
}

test('[PR2] background work gets half of the credit, and a little of the rest; its time goes along', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: 4 } });
  const peer = world.peer(1);
  const says = (priority: number): void => {
    const frame = hintedStore(priority);
    frame[FRAME.remainingMs] = 300;
    world.step([], [{ source: CONNECTION_TARGET + peer, frame }]);
  };
  const refusals = (): number[] => world.sentTo(peer).map((one) => replyOf(one)[1]);
  for (let count = 0; count < 2; count += 1) says(PRIORITY.background);
  const frames = world.take(0);
  assert.is(frames.flatMap(operations).length, 2);
  assert.equal(
    frames.map((frame) => [frame[FRAME.due], (frame[FRAME.tag]! >>> 16) & 0xff]),
    [0, 1].map(() => [world.now + 300, PRIORITY.background]),
  );
  // However busy it is, as long as it is not full a little goes on.
  for (let count = 0; count < 3; count += 1) says(PRIORITY.background);
  assert.equal(refusals(), [ERRORS.OVERLOADED.code, ERRORS.OVERLOADED.code]);
  assert.is(world.sentToShard().length, 1);
  world.passes(BACKGROUND_MS);
  for (let count = 0; count < 2; count += 1) says(PRIORITY.background);
  assert.equal(refusals(), [ERRORS.OVERLOADED.code]);
  assert.is(world.sentToShard().length, 1);
  world.passes(BACKGROUND_MS);
  for (const priority of [PRIORITY.background, PRIORITY.foreground]) says(priority);
  assert.equal(refusals(), [ERRORS.OVERLOADED.code, ERRORS.OVERLOADED.code], 'its credit is spent');
});

test('[PR3] a hinted copy beyond what may be held is refused, and no answer tells of hidden form', () => {
  const hidden = new Int32Array(hiddenWordCount(VALUE, 0));
  writeHidden(VALUE, 0, (1 << OWED.epochShift) | 0b100, hidden, 0);
  const hintBytesMax = hidden.length * 4 + 8;
  const world = CoordinatorWorld.linked({ limits: { hintBytesMax } });
  const peer = world.peer(1);
  const frame = hintedStore(PRIORITY.foreground);
  world.step([], [{ source: CONNECTION_TARGET + peer, frame }]);
  const [one] = world.sentToShard();
  const reply = { kind: stored, flags: REPLY_FLAG.hidden, record: hidden };
  world.shardReplies([[one!, reply]]);
  const [answer] = world.take(CONNECTION_TARGET + peer);
  assert.is(validateReplicaReplyFrame(answer!, 0, answer!.length, DEFAULT_LIMITS, LIMITS), 0);
  assert.equal(operations(answer!).map(replyOf)[0]![1], STATUS_OK);
  world.step([], [{ source: CONNECTION_TARGET + peer, frame }]);
  assert.is(world.sentToShard().length, 0);
  assert.equal(
    world.sentTo(peer).map((sent) => replyOf(sent)[1]),
    [ERRORS.HINTS_FULL.code],
  );
  assert.is(world.figures()['hintsRefused'], 1);
});

test("a peer's probe is answered to the peer, and is none of the gossiper's", () => {
  const { world, peer } = asked();
  const probe = world.sentToShard().at(-1)!;
  world.shardReplies([[probe, { kind: probed }]]);
  assert.equal(world.takeEffects(), []);
  assert.is(world.sentTo(peer).length, 1);
});

test.run();
