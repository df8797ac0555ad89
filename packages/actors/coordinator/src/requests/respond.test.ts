import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_KIND, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { readContext, readSiblings } from '@clockwise/protocol/response-reader';
import { validateResponseFrame } from '@clockwise/protocol/validate-response';
import { decodeRecord, encodeRecord } from '@clockwise/record/build';
import { recordLimits } from '@clockwise/record/validate';
import {
  CoordinatorWorld,
  operations,
  requestIdOf,
  type Sent,
  statusOf,
} from '../coordinator-world.ts';
import { get, put, record, scan } from './sample-requests.ts';
import { bitCount } from './respond.ts';

const CLIENT = 1;
const ALONE = { nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } } as const;
const VALUE = record({ dots: [[9, 1]] });
const { read, written, scanned } = REPLY_KIND;

test('[RE1] a request gets one answer, however often its replica answers', () => {
  const world = CoordinatorWorld.linked(ALONE);
  world.ask(CLIENT, (writer) => {
    get(1, 'k')(writer);
    put(2, 'k', 'v')(writer);
    scan(3, 0)(writer);
  });
  const [one, two, three] = world.sentToShard();
  for (let round = 0; round < 3; round += 1) {
    world.shardReplies([
      [one!, { kind: read, record: VALUE }],
      [two!, { kind: written, record: VALUE }],
      [three!, { kind: scanned, records: [VALUE] }],
    ]);
  }
  world.passes(5000);
  assert.equal(world.sentTo(CLIENT).map(requestIdOf), [1, 2, 3]);
  assert.is(world.figures()['inFlight'], 0);
});

test('[RE1] two requests of one id are two requests', () => {
  const world = CoordinatorWorld.linked(ALONE);
  world.ask(CLIENT, (writer) => {
    get(1, 'k')(writer);
    get(1, 'k')(writer);
  });
  const sent = world.sentToShard();
  world.shardReplies(sent.map((each) => [each, { kind: read, record: VALUE }] as const));
  assert.equal(world.sentTo(CLIENT).map(requestIdOf), [1, 1]);
});

test('every answer passes the validation of clients', () => {
  const world = CoordinatorWorld.linked(ALONE);
  world.ask(CLIENT, (writer) => {
    get(1, 'k')(writer);
    get(2, 'gone')(writer);
    put(3, 'k', 'v', { flags: REQUEST_FLAG.wantContext })(writer);
    scan(4, 0)(writer);
    get(5, 'k', { bucketId: 7 })(writer);
  });
  const [one, two, three, four] = world.sentToShard();
  world.shardReplies([
    [one!, { kind: read, record: VALUE }],
    [two!, { kind: read, status: STATUS_NOT_FOUND }],
    [three!, { kind: written, record: VALUE }],
    [four!, { kind: scanned, records: [VALUE] }],
  ]);
  const frames = world.take(CONNECTION_TARGET + CLIENT);
  const limits = recordLimits(DEFAULT_LIMITS);
  for (const frame of frames) {
    assert.is(validateResponseFrame(frame, 0, frame.length, DEFAULT_LIMITS, limits), 0);
  }
  assert.is(frames.flatMap(operations).length, 5);
});

test('a reader is shown what is alive, under the whole context', () => {
  const now = 1_700_000_000;
  const both = decodeRecord(
    record({
      dots: [
        [8, 1],
        [9, 1],
      ],
    }),
    0,
  );
  const rows = [
    { expirySeconds: [0, 0], shown: ['v8.1', 'v9.1'], status: STATUS_OK },
    { expirySeconds: [now - 1, 0], shown: ['v9.1'], status: STATUS_OK },
    { expirySeconds: [now + 1, now], shown: ['v8.1'], status: STATUS_OK },
    { expirySeconds: [now, now], shown: [], status: STATUS_NOT_FOUND },
  ];
  for (const { expirySeconds, shown, status } of rows) {
    const siblings = both.siblings.map((sibling, index) => ({
      ...sibling,
      expirySeconds: expirySeconds[index]!,
    }));
    const world = CoordinatorWorld.linked(ALONE);
    world.wallTimeMs = now * 1000 + 500;
    world.ask(CLIENT, get(1, 'k'));
    const [sent] = world.sentToShard();
    world.shardReplies([[sent!, { kind: read, record: encodeRecord({ ...both, siblings }) }]]);
    const [answer] = world.sentTo(CLIENT);
    assert.is(statusOf(answer!), status);
    assert.is(readContext(answer!.words, answer!.offset).length, 8);
    const values = readSiblings(answer!.words, answer!.offset);
    assert.equal(
      values.map((sibling) => String.fromCharCode(...sibling.bytes)),
      shown,
    );
  }
});

test('a connection that takes nothing now loses its answer, counted, and nothing else', () => {
  const world = CoordinatorWorld.linked(ALONE);
  world.greet(2, 'client', '');
  world.ask(1, get(1, 'k'));
  world.ask(2, get(2, 'k'));
  const sent = world.sentToShard();
  world.block(CONNECTION_TARGET + 1, true);
  world.shardReplies(sent.map((one) => [one, { kind: read, record: VALUE }] as const));
  world.ask(1, get(3, 'k', { bucketId: 7 }));
  world.block(CONNECTION_TARGET + 1, false);
  assert.equal(world.sentTo(1), []);
  assert.equal(world.sentTo(2).map(requestIdOf), [2]);
  const { responsesDropped, inFlight } = world.figures();
  assert.equal([responsesDropped, inFlight], [2, 0]);
});

test('an answer goes to who asked, not to who has its connection number now', () => {
  const world = CoordinatorWorld.linked(ALONE);
  world.ask(CLIENT, get(1, 'k'));
  const [sent] = world.sentToShard();
  world.step([{ kind: 'disconnected', connection: CLIENT, reason: 'gone' }]);
  world.greet(CLIENT, 'client', '');
  world.shardReplies([[sent!, { kind: read, record: VALUE }]]);
  assert.equal(world.sentTo(CLIENT), []);
  assert.is(world.figures()['inFlight'], 0);
});

test('[RE2] where many wait, answers to clients may wait for one another, those to peers may not', () => {
  const world = CoordinatorWorld.linked({ ...ALONE, nodeCount: 2, replicas: [0] });
  const peer = world.peer(1);
  const nothing = { kind: read, status: STATUS_NOT_FOUND };
  const asked: Sent[] = [];
  /** So many answers to gets that were asked this long ago. */
  const answer = (count: number): void =>
    world.shardReplies(asked.splice(0, count).map((sent) => [sent, nothing] as const));
  const waits = (): number[] => {
    for (const connection of [CLIENT, peer]) world.ask(connection, get(1, 'k'));
    const sent = world.sentToShard();
    for (const connection of [CLIENT, peer]) world.takeWaitMs(CONNECTION_TARGET + connection);
    world.shardReplies(sent.map((each) => [each, nothing] as const));
    return [CLIENT, peer].map((each) => world.takeWaitMs(CONNECTION_TARGET + each));
  };
  assert.equal(waits(), [0, 0]);
  for (let frame = 0; frame < 10; frame += 1) {
    world.ask(CLIENT, (writer) => {
      for (let id = 0; id < 60; id += 1) get(id, 'k')(writer);
    });
  }
  asked.push(...world.sentToShard());
  world.passes(48);
  answer(20);
  world.passes(60);
  answer(1);
  assert.equal(waits(), [12, 0]);
});

test('bits are counted', () => {
  for (const bits of [0, 1, 0b1011, 0x7fffffff, -1, -2147483648]) {
    assert.is(bitCount(bits), (bits >>> 0).toString(2).replaceAll('0', '').length);
  }
});

test.run();
