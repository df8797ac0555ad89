import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  REPLY_FLAG,
  REPLY_KIND,
  REQUEST_FLAG,
  RESPONSE,
  RESPONSE_FLAG,
} from '@clockwise/protocol/frame';
import { CoordinatorWorld, requestIdOf, type Sent, statusOf } from '../coordinator-world.ts';
import { get, put, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
const RECORD = record({ dots: [[9, 1]] });
const { read, written } = REPLY_KIND;

function alone(): CoordinatorWorld {
  return CoordinatorWorld.linked({ nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } });
}

function asked(world: CoordinatorWorld, request: Parameters<CoordinatorWorld['ask']>[1]): Sent {
  world.ask(CLIENT, request);
  const sent = world.sentToShard();
  assert.is(sent.length, 1);
  return sent[0]!;
}

/** Request ids and statuses that the client was answered since it last looked. */
function answers(world: CoordinatorWorld): [number, number][] {
  return world.sentTo(CLIENT).map((sent) => [requestIdOf(sent), statusOf(sent)]);
}

test('[SC1] what the shard of the only copy says is the answer, once', () => {
  const world = alone();
  const write = asked(world, put(1, 'k', 'v'));
  const question = asked(world, get(2, 'k'));
  world.shardReplies([
    [write, { kind: written, record: RECORD }],
    [question, { kind: read, record: RECORD }],
  ]);
  assert.equal(answers(world), [
    [1, STATUS_OK],
    [2, STATUS_OK],
  ]);
  world.shardReplies([[write, { kind: written, record: RECORD }]]);
  world.shardReplies([[question, { kind: read, record: RECORD }]]);
  assert.equal(answers(world), []);
  assert.is(world.figures()['inFlight'], 0);
});

test('[SC1] a late answer is not the answer to the request that has the slot now', () => {
  const world = alone();
  const first = asked(world, put(1, 'k', 'v'));
  world.passes(60_001);
  answers(world);
  const second = asked(world, put(2, 'k', 'v'));
  world.shardReplies([[first, { kind: written, record: RECORD }]]);
  assert.equal(answers(world), []);
  world.shardReplies([[second, { kind: written, record: RECORD }]]);
  assert.equal(answers(world), [[2, STATUS_OK]]);
});

test('a duplicate is told as one, and errors and absent records are answered as they are', () => {
  const world = alone();
  const write = asked(world, put(1, 'k', 'v'));
  world.shardReplies([[write, { kind: written, record: RECORD, flags: REPLY_FLAG.duplicate }]]);
  const [sent] = world.sentTo(CLIENT);
  const flags = (sent!.words[sent!.offset + RESPONSE.status]! >>> 16) & 0xff;
  assert.is(flags & RESPONSE_FLAG.duplicate, RESPONSE_FLAG.duplicate);
  const refused = asked(world, put(2, 'k', 'v'));
  const absent = asked(world, get(3, 'k'));
  const unread = asked(world, get(4, 'k'));
  world.shardReplies([
    [refused, { kind: written, status: ERRORS.OVERLOADED.code }],
    [absent, { kind: read }],
    [unread, { kind: read, status: ERRORS.READ_FAILED.code }],
  ]);
  assert.equal(answers(world), [
    [2, ERRORS.OVERLOADED.code],
    [3, STATUS_NOT_FOUND],
    [4, ERRORS.READ_FAILED.code],
  ]);
  assert.is(world.figures()['inFlight'], 0);
});

test('one that is to be explained is answered with its account, and others beside it as ever', () => {
  const world = alone();
  const explained = asked(world, put(1, 'k', 'v', { flags: REQUEST_FLAG.explain }));
  const plain = asked(world, put(2, 'k', 'v'));
  world.shardReplies([
    [explained, { kind: written, record: RECORD }],
    [plain, { kind: written, record: RECORD }],
  ]);
  const sent = world.sentTo(CLIENT);
  assert.equal(
    sent.map((one) => [
      requestIdOf(one),
      (one.words[one.offset + RESPONSE.status]! >>> 16) & RESPONSE_FLAG.explained,
    ]),
    [
      [1, RESPONSE_FLAG.explained],
      [2, 0],
    ],
  );
});

test.run();
