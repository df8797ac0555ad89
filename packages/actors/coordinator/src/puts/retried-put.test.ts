import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLY_KIND,
  RESPONSE_FLAG,
} from '@clockwise/protocol/frame';
import { responseFlags } from '@clockwise/protocol/response-reader';
import { field, opcodeOf, statusOf } from '../coordinator-world.ts';
import { record } from '../requests/sample-requests.ts';

import {
  acknowledge,
  answers,
  asked,
  CLIENT,
  copies,
  flagsOf,
  KNOWN,
  MERGED,
  notes,
  world,
} from './put-world.ts';

const { written, stored, read } = REPLY_KIND;

test('[P8] a retried write that another replica knows is stored everywhere and answered as a duplicate', () => {
  const one = world();
  const questions = asked(one);
  assert.equal([...questions.keys()], [0, 1, 2]);
  one.nodeReplies(1, questions.get(1)!, { kind: read, record: MERGED });
  one.nodeReplies(2, questions.get(2)!, { kind: read, record: KNOWN });
  const [own] = one.sentToShard();
  assert.is(opcodeOf(own!), REPLICA_OPCODE.store);
  assert.equal(
    [...copies(one)],
    [
      [1, 0],
      [2, 0],
    ],
  );
  acknowledge(one, 1);
  one.shardReplies([[own!, { kind: stored }]]);
  const [answer] = one.sentTo(CLIENT);
  assert.is(statusOf(answer!), STATUS_OK);
  const flags = responseFlags(answer!.words, answer!.offset);
  assert.is(flags & RESPONSE_FLAG.duplicate, RESPONSE_FLAG.duplicate);
  // What the own replica had to say comes too late to matter.
  one.shardReplies([[questions.get(0)!, { kind: read, status: STATUS_NOT_FOUND }]]);
  assert.equal(one.sentToShard().map(opcodeOf), []);
});

test('[P8] a retried write that nobody knows is written once all have answered, or have had their time', () => {
  for (const isSilent of [false, true]) {
    const one = world();
    const questions = asked(one);
    one.shardReplies([[questions.get(0)!, { kind: read, status: STATUS_NOT_FOUND }]]);
    one.nodeReplies(1, questions.get(1)!, { kind: read, record: MERGED });
    assert.equal(one.sentToShard(), []);
    if (isSilent) one.passes(150);
    else one.nodeReplies(2, questions.get(2)!, { kind: read, status: STATUS_NOT_FOUND });
    const [write] = one.sentToShard();
    assert.is(opcodeOf(write!), REPLICA_OPCODE.write);
    assert.is(flagsOf(write!) & REPLICA_REQUEST_FLAG.retry, REPLICA_REQUEST_FLAG.retry);
    assert.is(field(write!, REPLICA_REQUEST.ageMs), 300);
    one.shardReplies([[write!, { kind: written, record: MERGED }]]);
    assert.equal(
      [...copies(one)],
      [
        [1, 0],
        [2, 0],
      ],
    );
  }
});

test('[P8] an own replica that cannot read refuses the retried write, and nothing is made', () => {
  const one = world();
  const questions = asked(one);
  const status = ERRORS.READ_FAILED.code;
  one.nodeReplies(1, questions.get(1)!, { kind: read, status });
  assert.equal(one.sentTo(CLIENT), [], "another's is no reason");
  one.shardReplies([[questions.get(0)!, { kind: read, status }]]);
  assert.equal(one.sentTo(CLIENT).map(statusOf), [status]);
  assert.equal(one.sentToShard(), []);
  assert.is(one.figures()['inFlight'], 0);
});

test('[P8] O9 where what is known is too much to be held the retried write is refused, and nothing is made', () => {
  const one = world({ limits: { keptRequestBytesMax: 1000 } });
  const questions = asked(one);
  const dots = Array.from({ length: 30 }, (_, index) => [10 + index, 1] as const);
  one.nodeReplies(1, questions.get(1)!, { kind: read, record: record({ dots }) });
  assert.equal(one.sentTo(CLIENT).map(statusOf), [ERRORS.OVERLOADED.code]);
  assert.equal(one.sentToShard(), []);
  assert.is(one.figures()['inFlight'], 0);
});

test('[P8] stand-ins are asked for the positions of primaries that cannot be', () => {
  const one = world();
  one.linkDown(2);
  const questions = asked(one);
  assert.equal([...questions.keys()], [0, 1, 3]);
  assert.is(flagsOf(questions.get(3)!) & REPLICA_REQUEST_FLAG.hint, REPLICA_REQUEST_FLAG.hint);
  one.nodeReplies(3, questions.get(3)!, { kind: read, record: KNOWN });
  assert.equal(
    [...copies(one)],
    [
      [1, 0],
      [3, 0b100],
    ],
  );
});

test('[P9] the answer to the question is not the record read again, where the own store was refused', () => {
  const one = world();
  const questions = asked(one);
  one.nodeReplies(1, questions.get(1)!, { kind: read, record: KNOWN });
  const [own] = one.sentToShard();
  copies(one);
  one.linkDown(2);
  assert.equal(one.sentToShard().map(opcodeOf), [REPLICA_OPCODE.read]);
  one.shardReplies([[questions.get(0)!, { kind: read, record: MERGED }]]);
  assert.equal([...copies(one)], []);
  acknowledge(one, 1);
  one.shardReplies([[own!, { kind: stored }]]);
  assert.equal(answers(one), [[STATUS_OK, 2, 2, false]]);
  assert.equal(notes(one), [0b100]);
});

test('[PX1] a question that outlives its connection is not passed on', () => {
  const one = world({ replicas: [1, 2, 3] });
  for (const node of [1, 2, 3]) one.linkDown(node);
  const [question] = [...asked(one).values()];
  one.linkUp(1);
  one.step([{ kind: 'disconnected', connection: CLIENT, reason: 'gone' }]);
  one.shardReplies([[question!, { kind: read, status: STATUS_NOT_FOUND }]]);
  one.passes(200);
  assert.equal(one.sentToNode(1), []);
  assert.is(one.figures()['inFlight'], 0);
});

test.run();
