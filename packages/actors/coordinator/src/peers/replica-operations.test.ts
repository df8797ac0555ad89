import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  POLICY,
  REPLICA_OPCODE,
  REPLICA_REQUEST,
  REPLICA_REQUEST_FLAG,
  REPLICA_WRITE_HEADER_WORDS,
  REPLY_KIND,
} from '@clockwise/protocol/frame';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { validateReplicaRequestFrame } from '@clockwise/protocol/validate-replica';
import { recordLimits } from '@clockwise/record/validate';
import { readBytes } from '@clockwise/record/build';
import { CoordinatorWorld, field, opcodeOf, statusOf } from '../coordinator-world.ts';
import { bytes, get, put, record, remove, scan, tokenOf } from '../requests/sample-requests.ts';

const CLIENT = 1;
const CREDIT = 3;

test('[RO1] a shard is sent no more than the credit for its answers, of all kinds together', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: CREDIT } });
  world.step([{ kind: 'told', from: 'gossiper', message: { kind: 'probe', probe: 1 } }]);
  world.ask(CLIENT, (writer) => {
    get(1, 'a')(writer);
    put(2, 'b', 'v')(writer);
    get(3, 'c', { level: 1 })(writer);
    scan(4, 0, { level: 1 })(writer);
    remove(5, 'e')(writer);
  });
  const sent = world.sentToShard();
  assert.equal(sent.map(opcodeOf), [
    REPLICA_OPCODE.probe,
    REPLICA_OPCODE.read,
    REPLICA_OPCODE.write,
  ]);
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.OVERLOADED.code]);
  world.shardReplies([[sent[1]!, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND }]]);
  world.ask(CLIENT, (writer) => {
    put(6, 'f', 'v')(writer);
    put(7, 'g', 'v')(writer);
  });
  assert.is(world.sentToShard().length, 1);
});

test('[RO1] H3 however much a shard is asked, one probe of the data path is sent to it, and no more', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: 1 } });
  const probe = (number: number): void => {
    world.step([{ kind: 'told', from: 'gossiper', message: { kind: 'probe', probe: number } }]);
  };
  world.ask(CLIENT, get(1, 'a', { level: 1 }));
  probe(1);
  probe(2);
  const sent = world.sentToShard();
  assert.equal(sent.map(opcodeOf), [REPLICA_OPCODE.read, REPLICA_OPCODE.probe]);
  world.ask(CLIENT, put(2, 'b', 'v'));
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.OVERLOADED.code]);
  world.shardReplies([[sent[1]!, { kind: REPLY_KIND.probed, status: STATUS_OK }]]);
  const answer = { kind: 'probe-answer', probe: 1 };
  const told = world.takeEffects().filter(({ kind }) => kind === 'tell');
  assert.equal(told, [{ kind: 'tell', to: 'gossiper', message: answer }]);
  probe(3);
  assert.equal(
    world.sentToShard().map(opcodeOf),
    [REPLICA_OPCODE.probe],
    'as soon as it has answered',
  );
});

test('[RO1] a repair of the own replica waits for no credit: it is left to the next read', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: 2 } });
  world.ask(CLIENT, (writer) => {
    get(1, 'k')(writer);
    put(2, 'b', 'v')(writer);
  });
  const [read] = world.sentToShard();
  world.shardReplies([[read!, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND }]]);
  world.ask(CLIENT, put(3, 'c', 'v'));
  assert.is(world.sentToShard().length, 1);
  const [other] = world.sentToNode(1);
  const found = record({ dots: [[9, 1]] });
  world.nodeReplies(1, other!, { kind: REPLY_KIND.read, record: found });
  assert.equal(world.sentToShard(), []);
});

test('[RO1] a channel that takes nothing now is refused like one without credit', () => {
  const world = CoordinatorWorld.linked();
  world.block(0, true);
  world.ask(CLIENT, put(1, 'a', 'v'));
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.OVERLOADED.code]);
  world.block(0, false);
  world.ask(CLIENT, put(2, 'a', 'v'));
  assert.is(world.sentToShard().length, 1);
});

test('what goes to peers passes the validation of peers', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, (writer) => {
    get(1, 'k')(writer);
    scan(2, 0)(writer);
    put(3, 'k', 'v')(writer);
  });
  const write = world.sentToShard().at(-1)!;
  const merged = record({ dots: [[9, 1]] });
  world.shardReplies([[write, { kind: REPLY_KIND.forward, record: merged }]]);
  const frames = world.take(CONNECTION_TARGET + world.linkOf(1));
  assert.is(frames.length, 2);
  const limits = recordLimits(DEFAULT_LIMITS);
  for (const frame of frames) {
    assert.is(validateReplicaRequestFrame(frame, 0, frame.length, DEFAULT_LIMITS, limits), 0);
  }
});

test('a write names what the replica must know, and carries key, context and value', () => {
  const bucket = { lww: true, policy: POLICY.lww | (1 << POLICY.durabilityShift) };
  const world = CoordinatorWorld.linked({ bucket });
  const context = Int32Array.of(9, 0, 1, 0);
  world.ask(CLIENT, (writer) => {
    put(1, 'k', 'value', {}, context)(writer);
    remove(2, 'k')(writer);
  });
  const [write, tombstone] = world.sentToShard();
  const { forward, contextGiven, tombstone: deleted } = REPLICA_REQUEST_FLAG;
  assert.is(
    field(write!, REPLICA_REQUEST.opcode),
    REPLICA_OPCODE.write | ((forward | contextGiven) << 8) | (bucket.policy << 24),
  );
  assert.is((field(tombstone!, REPLICA_REQUEST.opcode) >>> 8) & 0xff, forward | deleted);
  const { high, low } = tokenOf(bytes('k'));
  assert.is(field(write!, REPLICA_REQUEST.tokenHigh), high);
  assert.is(field(write!, REPLICA_REQUEST.tokenLow), low);
  assert.is(field(write!, REPLICA_REQUEST.remainingMs), 2000);
  assert.is(field(write!, REPLICA_REQUEST.sequence), 1);
  const body = write!.offset + REPLICA_WRITE_HEADER_WORDS;
  assert.equal(readBytes(write!.words, body, 1), bytes('k'));
  assert.equal(write!.words.slice(body + 2, body + 6), context);
  assert.equal(readBytes(write!.words, body + 6, 5), bytes('value'));
});

test.run();
