import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_KIND } from '@clockwise/protocol/frame';
import { CoordinatorWorld, type ReplyFields, requestIdOf, statusOf } from '../coordinator-world.ts';
import { get, put, record, scan } from '../requests/sample-requests.ts';

const CLIENT = 1;
const VALUE = record({ dots: [[9, 1]] });
const { read, written, forward, stored, scanned, probed } = REPLY_KIND;
const ALONE = { nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } } as const;

const EVERY_REPLY: readonly ReplyFields[] = [
  { kind: read, record: VALUE },
  { kind: read, status: STATUS_NOT_FOUND },
  { kind: read, status: ERRORS.READ_FAILED.code },
  { kind: written, record: VALUE },
  { kind: written, status: ERRORS.DISK_FAILED.code },
  { kind: stored, record: VALUE },
  { kind: scanned, records: [VALUE] },
];

test('[RD1] a late answer of an older slot generation touches nothing, whatever it says', () => {
  for (const reply of EVERY_REPLY) {
    for (const next of [get(2, 'k'), put(2, 'k', 'v'), scan(2, 0)]) {
      const world = CoordinatorWorld.linked({ ...ALONE, limits: { requestsInFlightMax: 1 } });
      world.ask(CLIENT, get(1, 'k'));
      const [late] = world.sentToShard();
      world.passes(5000);
      assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.TIMEOUT.code]);
      world.ask(CLIENT, next);
      assert.is(world.sentToShard().length, 1);
      world.shardReplies([[late!, reply]]);
      assert.equal(world.sentTo(CLIENT), []);
      assert.is(world.figures()['inFlight'], 1);
    }
  }
});

test('[RD1] a late answer over a link touches nothing either', () => {
  const limits = { requestsInFlightMax: 1 };
  for (const reply of EVERY_REPLY) {
    const world = CoordinatorWorld.linked({ limits });
    world.ask(CLIENT, get(1, 'k'));
    const [late] = world.sentToNode(1);
    world.passes(5000);
    world.sentTo(CLIENT);
    world.ask(CLIENT, get(2, 'k', { level: 3 }));
    world.nodeReplies(1, late!, reply);
    assert.equal(world.sentTo(CLIENT), []);
    assert.is(world.figures()['inFlight'], 1);
  }
});

test('[RD2] each answer but a forward gives its credit back, once, late or not', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: 1 } });
  const isFull = (): boolean => {
    world.ask(CLIENT, put(99, 'other', 'v'));
    const isRefused = world.sentTo(CLIENT).some((sent) => statusOf(sent) === 18);
    assert.is(world.sentToShard().length, isRefused ? 0 : 1);
    return isRefused;
  };
  world.ask(CLIENT, put(1, 'k', 'v'));
  const [write] = world.sentToShard();
  world.shardReplies([[write!, { kind: forward, record: VALUE }]]);
  assert.ok(isFull());
  world.passes(5000);
  world.sentTo(CLIENT);
  assert.ok(isFull());
  world.shardReplies([[write!, { kind: written, record: VALUE }]]);
  assert.not(isFull());
  assert.ok(isFull());
});

test('[RD2] what a shard still said before it went down was given up with its credit', () => {
  const world = CoordinatorWorld.linked({ ...ALONE, limits: { replicaOperationsInFlightMax: 2 } });
  world.ask(CLIENT, (writer) => {
    get(1, 'a')(writer);
    get(2, 'b')(writer);
  });
  const sent = world.sentToShard();
  const late = world.shardFrame(sent.map((one) => [one, { kind: read, record: VALUE }] as const));
  world.step([{ kind: 'channel-down', target: 0 }], [late]);
  const unknown = ERRORS.UNKNOWN_OUTCOME.code;
  assert.equal(world.sentTo(CLIENT).map(statusOf), [unknown, unknown]);
  world.step([{ kind: 'channel-up', target: 0 }]);
  world.ask(CLIENT, (writer) => {
    for (const id of [3, 4, 5]) get(id, 'k')(writer);
  });
  assert.is(world.sentToShard().length, 2);
  const refused = world.sentTo(CLIENT);
  assert.equal(
    refused.map((one) => [requestIdOf(one), statusOf(one)]),
    [[5, ERRORS.OVERLOADED.code]],
  );
});

test('[C3] H4 what is sent in the step that hears of a new life of a shard counts for that life', () => {
  const world = CoordinatorWorld.linked({ ...ALONE, limits: { replicaOperationsInFlightMax: 1 } });
  const message = { kind: 'probe', probe: 1 } as const;
  world.step([
    { kind: 'told', from: 'gossiper', message },
    { kind: 'channel-down', target: 0 },
    { kind: 'channel-up', target: 0 },
  ]);
  const [probe] = world.sentToShard();
  world.shardReplies([[probe!, { kind: probed }]]);
  world.ask(CLIENT, (writer) => {
    for (const id of [1, 2]) get(id, 'k')(writer);
  });
  assert.is(world.sentToShard().length, 1, 'as many as there is credit for');
});

test('[RD3] a reply of the wrong kind is no answer, and the right one still counts', () => {
  const rows = [
    { fill: get(1, 'k', { level: 3 }), right: read },
    { fill: scan(1, 0, { level: 3 }), right: scanned },
  ];
  for (const { fill, right } of rows) {
    for (const kind of [read, written, forward, stored, scanned, probed]) {
      if (kind === right) continue;
      const world = CoordinatorWorld.linked();
      world.ask(CLIENT, fill);
      const [own] = world.sentToShard();
      const [other] = world.sentToNode(1);
      const [third] = world.sentToNode(2);
      world.nodeReplies(1, other!, { kind });
      assert.equal(world.sentTo(CLIENT), [], `kind ${kind}`);
      const inline = right === read ? { record: record({ dots: [[9, 1]] }) } : { records: [] };
      world.nodeReplies(1, other!, { kind: right, ...inline });
      world.nodeReplies(2, third!, { kind: right, ...inline });
      world.shardReplies([[own!, { kind: right, ...inline }]]);
      assert.equal(world.sentTo(CLIENT).map(statusOf), [STATUS_OK]);
    }
  }
});

test('[RD3] a record of another key, or none at all, is a failure to read', () => {
  for (const reply of [{ record: record({ key: 'kk', dots: [[1, 1]] }) }, {}]) {
    const world = CoordinatorWorld.linked();
    world.ask(CLIENT, get(1, 'k', { level: 3 }));
    const [other] = world.sentToNode(1);
    world.nodeReplies(1, other!, { kind: read, ...reply });
    assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.READ_FAILED.code]);
  }
});

test("a probe's answer goes to the gossiper, from any shard", () => {
  const world = CoordinatorWorld.linked({ shardCount: 2 });
  world.step([{ kind: 'told', from: 'gossiper', message: { kind: 'probe', probe: 12 } }]);
  for (const shard of [0, 1]) {
    const [probe] = world.sentToShard(shard);
    world.shardReplies([[probe!, { kind: probed }]], shard);
    const message = { kind: 'probe-answer', probe: 12 } as const;
    assert.equal(world.takeEffects(), [{ kind: 'tell', to: 'gossiper', message }]);
  }
});

test.run();
