import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { LEVEL, REPLICA_OPCODE, REPLY_KIND, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { opcodeOf, statusOf } from '../coordinator-world.ts';
import { get, put, record } from '../requests/sample-requests.ts';

import {
  acknowledge,
  answers,
  asked,
  CLIENT,
  copies,
  KNOWN,
  LATE_MS,
  MERGED,
  notes,
  owedOf,
  suspect,
  world,
  writeOf,
} from './put-world.ts';

const { forward, written, read } = REPLY_KIND;
const { UNAVAILABLE, TIMEOUT, HINTS_FULL, OVERLOADED } = ERRORS;

test('[P4] C1 a stand-in counts for its one position, towards a sloppy level and not a strict one', () => {
  for (const strict of [false, true]) {
    const one = world();
    one.linkDown(1);
    const write = writeOf(one, 2, strict ? REQUEST_FLAG.strict : 0);
    one.shardReplies([[write, { kind: forward, record: MERGED }]]);
    assert.equal(
      [...copies(one)],
      [
        [2, 0],
        [3, 0b010],
      ],
    );
    one.shardReplies([[write, { kind: written, record: MERGED }]]);
    acknowledge(one, 3);
    acknowledge(one, 3);
    assert.equal(answers(one), strict ? [] : [[STATUS_OK, 2, 1, true]]);
    acknowledge(one, 2);
    assert.equal(answers(one), strict ? [[STATUS_OK, 2, 2, false]] : []);
    assert.equal(notes(one), [], '[P5] what a stand-in has is not noted');
    assert.is(one.figures()['inFlight'], 0);
  }
});

test('C1 on the side of the few a strict put is refused, and a sloppy one is taken by stand-ins', () => {
  const one = world();
  one.linkDown(1);
  suspect(one, 2);
  one.ask(CLIENT, put(1, 'k', 'value', { level: 2, flags: REQUEST_FLAG.strict }));
  assert.equal(one.sentTo(CLIENT).map(statusOf), [UNAVAILABLE.code]);
  assert.equal(one.sentToShard(), []);
  const write = writeOf(one, 3);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  assert.equal(
    [...copies(one)],
    [
      [3, 0b010],
      [4, 0b100],
    ],
  );
  acknowledge(one, 3);
  acknowledge(one, 4);
  assert.equal(answers(one), [[STATUS_OK, 3, 1, true]]);
});

test('C3 a stand-in that is full is not asked twice: the next one stands in, or the position is marked', () => {
  for (const refusal of [HINTS_FULL, OVERLOADED]) {
    const one = world();
    one.linkDown(1);
    const write = writeOf(one, 2);
    one.shardReplies([[write, { kind: written, record: MERGED }]]);
    copies(one);
    acknowledge(one, 2);
    assert.equal(answers(one), [[STATUS_OK, 2, 2, false]]);
    acknowledge(one, 3, refusal.code);
    const [again] = one.sentToShard();
    assert.is(opcodeOf(again!), REPLICA_OPCODE.read);
    one.shardReplies([[again!, { kind: read, record: MERGED }]]);
    assert.equal([...copies(one)], [[4, 0b010]]);
    acknowledge(one, 4, refusal.code);
    assert.equal(notes(one), [0b010]);
    assert.is(one.figures()['inFlight'], 0);
  }
});

test('[P5] C3 where nobody else is left, a full stand-in leaves a mark and the write succeeds', () => {
  const one = world({ nodeCount: 4 });
  one.linkDown(1);
  const write = writeOf(one, 2);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  copies(one);
  acknowledge(one, 3, HINTS_FULL.code);
  acknowledge(one, 2);
  assert.equal(answers(one), [[STATUS_OK, 2, 2, false]]);
  assert.equal(notes(one), [0b010]);
});

test('[P5] [P6] a silent replica is marked after lateAcksMs, and holds no slot until the deadline', () => {
  const one = world({ nodeCount: 3 });
  const write = writeOf(one, 2);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  copies(one);
  acknowledge(one, 1);
  assert.equal(answers(one), [[STATUS_OK, 2, 2, false]]);
  one.passes(LATE_MS - 10);
  assert.equal(notes(one), []);
  one.passes(20);
  assert.equal(notes(one), [0b100]);
  assert.is(one.figures()['inFlight'], 0);
  acknowledge(one, 2);
  assert.equal(notes(one), [], 'a late acknowledgement finds nobody');
});

test('[P5] a put that ran out of time marks what has not acknowledged, too', () => {
  const one = world({ nodeCount: 3 });
  const write = writeOf(one, 3);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  copies(one);
  acknowledge(one, 1);
  one.passes(5000);
  assert.equal(
    answers(one).map(([status]) => status),
    [TIMEOUT.code],
  );
  assert.equal(notes(one), [0b100]);
});

test('[P6] while more than half of the slots are in use an answered put waits for nobody', () => {
  const one = world({ nodeCount: 3, limits: { requestsInFlightMax: 2, lateAcksMs: LATE_MS } });
  one.ask(CLIENT, get(9, 'other'));
  one.sentToShard();
  const write = writeOf(one, 1);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  assert.equal(answers(one), [[STATUS_OK, 1, 1, false]]);
  one.passes(10);
  assert.equal(notes(one), [0b110]);
});

test('[P7] A7 a node outside the list makes no dot while a primary can be used', () => {
  const one = world({ replicas: [1, 2, 3] });
  for (const node of [1, 2]) {
    one.ask(CLIENT, put(node, 'k', 'value'));
    assert.equal(one.sentToShard(), []);
    assert.is([1, 2, 3].flatMap((peer) => one.sentToNode(peer)).length, 1, 'it is passed on');
    one.linkDown(node);
    for (const peer of [1, 2, 3]) one.sentToNode(peer);
  }
  suspect(one, 3);
  one.ask(CLIENT, put(7, 'k', 'value', { flags: REQUEST_FLAG.strict }));
  assert.equal(one.sentToShard(), [], 'and never for a strict put');
  const write = writeOf(one, 2);
  assert.is(owedOf(write), 0b111, 'what it makes it keeps for all');
  one.shardReplies([[write, { kind: forward, record: MERGED }]]);
  assert.is(copies(one).get(4), 0b011, 'and who stands in beside it keeps its copy for both');
  acknowledge(one, 4);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  assert.equal(answers(one).at(-1), [STATUS_OK, 2, 0, true]);
  one.passes(5000);
  assert.equal(notes(one), [], 'a stand-in needs no note');
});

test('a position whose primary is lost or suspected under the put gets a stand-in', () => {
  for (const isSuspected of [false, true]) {
    const one = world();
    const write = writeOf(one, 3);
    one.shardReplies([[write, { kind: written, record: MERGED }]]);
    assert.equal(
      [...copies(one)],
      [
        [1, 0],
        [2, 0],
      ],
    );
    acknowledge(one, 2);
    if (isSuspected) suspect(one, 1);
    else one.linkDown(1);
    const [again] = one.sentToShard();
    one.shardReplies([[again!, { kind: read, record: MERGED }]]);
    assert.equal([...copies(one)], [[3, 0b010]]);
    if (isSuspected) {
      // It was not down after all: the primary's own word is better than its stand-in's.
      acknowledge(one, 1);
      assert.equal(answers(one), [[STATUS_OK, 3, 3, false]]);
    } else {
      acknowledge(one, 3);
      assert.equal(answers(one), [[STATUS_OK, 3, 2, true]]);
    }
  }
});

test('positions of a data centre that is cut off whole are marked, and get no copies elsewhere', () => {
  const one = world({
    nodeCount: 6,
    dataCentres: ['a', 'b', 'b', 'a', 'b', 'a'],
    replicas: [0, 1, 2],
  });
  for (const node of [1, 2, 4]) one.linkDown(node);
  const write = writeOf(one, LEVEL.localQuorum);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  assert.equal([...copies(one)], []);
  assert.equal(answers(one), [[STATUS_OK, 1, 1, false]]);
  assert.equal(notes(one), [0b110]);
});

test('[P9] a shard that has forgotten what was forwarded is no source for a stand-in', () => {
  const one = world();
  const write = writeOf(one, 2);
  one.shardReplies([[write, { kind: forward, record: MERGED }]]);
  copies(one);
  one.step([{ kind: 'channel-down', target: 0 }]);
  one.step([{ kind: 'channel-up', target: 0 }]);
  acknowledge(one, 1);
  one.linkDown(2);
  const [again] = one.sentToShard();
  const older = record({ dots: [[8, 1]] });
  one.shardReplies([[again!, { kind: read, record: older }]]);
  assert.equal([...copies(one)], []);
  assert.equal(
    answers(one).map(([status]) => status),
    [TIMEOUT.code],
  );
});

test('[P5] no mark stands for a record that only a stand-in of this node holds', () => {
  const one = world({ limits: { lateAcksMs: LATE_MS, replicaOperationsInFlightMax: 1 } });
  const questions = asked(one);
  // The question holds the last credit of the own shard, so position 0 gets a stand-in.
  one.nodeReplies(1, questions.get(1)!, { kind: read, record: KNOWN });
  assert.equal(
    [...copies(one)],
    [
      [1, 0],
      [2, 0],
      [3, 0b001],
    ],
  );
  acknowledge(one, 1);
  acknowledge(one, 3);
  assert.equal(answers(one), [[STATUS_OK, 2, 1, true]]);
  one.shardReplies([[questions.get(0)!, { kind: read, status: STATUS_NOT_FOUND }]]);
  one.passes(LATE_MS + 10);
  assert.equal(notes(one), []);
  assert.is(one.figures()['notesLost'], 1);
  assert.is(one.figures()['inFlight'], 0);
});

test('a note that the own shard refuses is counted as lost', () => {
  const one = world({ nodeCount: 3 });
  const write = writeOf(one, 2);
  one.shardReplies([[write, { kind: written, record: MERGED }]]);
  copies(one);
  acknowledge(one, 1);
  one.passes(LATE_MS + 10);
  const [note] = one.sentToShard();
  assert.is(opcodeOf(note!), REPLICA_OPCODE.note);
  one.shardReplies([[note!, { kind: REPLY_KIND.noted, status: OVERLOADED.code }]]);
  assert.is(one.figures()['notesLost'], 1);
});

test.run();
