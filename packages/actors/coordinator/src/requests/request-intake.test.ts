import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ErrorName, ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { LEVEL, REPLY_KIND } from '@clockwise/protocol/frame';
import type { FrameWriter } from '@clockwise/protocol/frame-writer';
import { responseOpcode, responseRetryAfterMs } from '@clockwise/protocol/response-reader';
import {
  BUCKET,
  CoordinatorWorld,
  requestIdOf,
  statusOf,
  type WorldOptions,
} from '../coordinator-world.ts';
import { get, put, remove, scan } from './sample-requests.ts';

const CLIENT = 1;
const LONG = 'x'.repeat(2000);

type Fill = (writer: FrameWriter) => void;

interface Row {
  readonly why: ErrorName;
  readonly fill: Fill;
  readonly options?: WorldOptions;
  readonly prepare?: (world: CoordinatorWorld) => void;
}

function cutAll(world: CoordinatorWorld): void {
  world.linkDown(1);
  world.linkDown(2);
}
function shardDown(world: CoordinatorWorld): void {
  world.step([{ kind: 'channel-down', target: 0 }]);
}

const context = Int32Array.from({ length: 165 * 4 }, (_, index) =>
  index % 4 === 0 ? index + 1 : index % 4 === 2 ? 1 : 0,
);
const strictBucket: WorldOptions = { bucket: { requireContext: true } };

const REFUSALS: readonly Row[] = [
  { why: 'NO_SUCH_BUCKET', fill: get(1, 'k', { bucketId: BUCKET.id + 1 }) },
  { why: 'KEY_TOO_LARGE', fill: get(1, LONG) },
  { why: 'KEY_TOO_LARGE', fill: get(1, '') },
  { why: 'VALUE_TOO_LARGE', fill: put(1, 'k', LONG.repeat(6)) },
  { why: 'CONTEXT_TOO_LARGE', fill: put(1, 'k', 'v', {}, context) },
  { why: 'CONTEXT_REQUIRED', fill: put(1, 'k', 'v'), options: strictBucket },
  { why: 'CONTEXT_REQUIRED', fill: remove(1, 'k'), options: strictBucket },
  { why: 'IMPOSSIBLE_LEVEL', fill: get(1, 'k', { level: 4 }) },
  { why: 'IMPOSSIBLE_LEVEL', fill: put(1, 'k', 'v', { level: 4 }) },
  { why: 'IMPOSSIBLE_LEVEL', fill: scan(1, 0, { level: 4 }) },
  {
    why: 'IMPOSSIBLE_LEVEL',
    fill: get(1, 'k', { level: LEVEL.localQuorum }),
    options: { dataCentres: ['one', 'two', 'two'], replicas: [1, 2] },
  },
  { why: 'UNAVAILABLE', fill: get(1, 'k'), prepare: cutAll },
  { why: 'UNAVAILABLE', fill: put(1, 'k', 'v'), prepare: cutAll },
  {
    why: 'UNAVAILABLE',
    fill: put(1, 'k', 'v', { level: 1 }),
    prepare: (world) => {
      cutAll(world);
      shardDown(world);
    },
  },
  { why: 'BAD_REQUEST', fill: scan(1, 8) },
];

test('[RI1] what is refused is answered by name, at once, and holds no slot', () => {
  for (const { why, fill, options, prepare } of REFUSALS) {
    const world = CoordinatorWorld.linked(options);
    prepare?.(world);
    world.ask(CLIENT, fill);
    const answers = world.sentTo(CLIENT);
    assert.equal(answers.map(statusOf), [ERRORS[why].code], why);
    assert.is(requestIdOf(answers[0]!), 1);
    assert.is(ERRORS[why].outcome, 'not-applied');
    assert.is(world.figures()['inFlight'], 0, why);
    for (const node of [1, 2]) assert.equal(world.sentToNode(node), []);
    if (why !== 'UNAVAILABLE') assert.equal(world.sentToShard(), []);
  }
});

test('[RI1] every operation of a frame is answered, its neighbours refused or not', () => {
  const world = CoordinatorWorld.linked({ nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } });
  world.ask(CLIENT, (writer) => {
    get(1, 'a')(writer);
    get(2, LONG)(writer);
    get(3, 'b')(writer);
    put(4, 'c', LONG.repeat(6))(writer);
    get(5, 'd', { bucketId: 9 })(writer);
    get(6, 'e')(writer);
  });
  const refused = world.sentTo(CLIENT);
  assert.equal(refused.map(requestIdOf), [2, 4, 5]);
  assert.equal(
    refused.map(({ words, offset }) => responseOpcode(words, offset)),
    [1, 2, 1],
  );
  const reads = world.sentToShard();
  const nothing = { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND };
  world.shardReplies(reads.map((sent) => [sent, nothing] as const));
  assert.equal(world.sentTo(CLIENT).map(requestIdOf), [1, 3, 6]);
});

/** Milliseconds after which to come again, with jitter. */
function assertHint(retryAfterMs: number): void {
  assert.ok(retryAfterMs >= 8 && retryAfterMs <= 1250, `${retryAfterMs} ms`);
}

test('[RI2] beyond the slots, OVERLOADED with a hint when to try again, and no work', () => {
  const world = CoordinatorWorld.linked({ limits: { requestsInFlightMax: 2 } });
  world.ask(CLIENT, (writer) => {
    for (const id of [1, 2, 3, 4]) get(id, `k${id}`)(writer);
  });
  const refused = world.sentTo(CLIENT);
  assert.equal(refused.map(requestIdOf), [3, 4]);
  for (const sent of refused) {
    assert.is(statusOf(sent), ERRORS.OVERLOADED.code);
    assertHint(responseRetryAfterMs(sent.words, sent.offset));
  }
  assert.is(world.sentToShard().length, 2);
  assert.is(world.figures()['overloaded'], 2);
});

test('H1 who asks again whenever it is refused is told at the end of its rest, from its second rest on', () => {
  const world = CoordinatorWorld.linked({ limits: { requestsInFlightMax: 2 } });
  /** The requests that are answered; all are refused. */
  const answered = (): number[] =>
    world.sentTo(CLIENT).map((sent) => {
      assert.is(statusOf(sent), ERRORS.OVERLOADED.code);
      return requestIdOf(sent);
    });
  for (const id of [1, 2, 3]) world.ask(CLIENT, get(id, 'k'));
  assert.equal(answered(), [3]);
  world.passes(1);
  world.ask(CLIENT, get(4, 'k'));
  assert.equal(answered(), [4], 'it may not have heard yet');
  world.passes(30);
  world.ask(CLIENT, get(5, 'k'));
  const [first] = world.sentTo(CLIENT);
  assert.is(requestIdOf(first!), 5);
  const hint = responseRetryAfterMs(first!.words, first!.offset);
  for (const id of [6, 7]) {
    world.passes(1);
    world.ask(CLIENT, get(id, 'k'));
  }
  world.passes(hint - 3);
  assert.equal(answered(), []);
  world.passes(10);
  assert.equal(answered(), [6, 7]);
  world.ask(CLIENT, get(8, 'k'));
  assert.equal(answered(), [8], 'a new rest begins');
  const { overloaded, refusalsHeld } = world.figures();
  assert.equal([overloaded, refusalsHeld], [6, 2]);
});

test('a peer, who asks for many, is refused at once each time, as is who has little time', () => {
  const world = CoordinatorWorld.linked({ limits: { requestsInFlightMax: 1 } });
  const peer = world.peer(1);
  world.ask(CLIENT, get(1, 'k'));
  for (const id of [2, 3, 4]) {
    world.ask(peer, get(id, 'k'));
    world.passes(1);
  }
  assert.equal(world.sentTo(peer).map(requestIdOf), [2, 3, 4]);
  for (const id of [2, 3, 4]) {
    world.ask(CLIENT, (writer) => {
      get(id, 'k')(writer);
      writer.remainingMs = 12;
    });
    world.passes(1);
  }
  assert.equal(world.sentTo(CLIENT).map(requestIdOf), [2, 3, 4]);
});

test('[RI2] beyond the credit of a shard, OVERLOADED for what only that shard can do', () => {
  const world = CoordinatorWorld.linked({ limits: { replicaOperationsInFlightMax: 1 } });
  world.ask(CLIENT, (writer) => {
    put(1, 'a', 'v')(writer);
    put(2, 'b', 'v')(writer);
    get(3, 'c', { level: 3 })(writer);
    get(4, 'd')(writer);
  });
  const refused = world.sentTo(CLIENT);
  assert.equal(
    refused.map((sent) => [requestIdOf(sent), statusOf(sent)]),
    [
      [2, ERRORS.OVERLOADED.code],
      [3, ERRORS.OVERLOADED.code],
    ],
  );
  for (const { words, offset } of refused) {
    assertHint(responseRetryAfterMs(words, offset));
  }
  assert.is(world.sentToShard().length, 1);
  assert.is(world.figures()['inFlight'], 2);
});

test('[RI2] beyond the bytes of requests that may be kept, OVERLOADED for large ones only', () => {
  const world = CoordinatorWorld.linked({
    nodeCount: 4,
    replicas: [1, 2, 3],
    limits: { keptRequestBytesMax: 4096 },
  });
  const value = 'v'.repeat(1000);
  const refused = (from: number): number[] => {
    world.ask(CLIENT, (writer) => {
      for (let id = from; id < from + 5; id += 1) put(id, `k${id}`, value)(writer);
      put(from + 5, 'small', 'v')(writer);
    });
    return world.sentTo(CLIENT).map(requestIdOf);
  };
  assert.equal(refused(1), [4, 5]);
  assert.equal(refused(11), [11, 12, 13, 14, 15]);
  world.passes(5000);
  world.sentTo(CLIENT);
  assert.is(world.figures()['inFlight'], 0);
  assert.equal(refused(21), [24, 25], 'what ended is kept no longer');
});

test("[RI2] a replica's own OVERLOADED carries the hint too", () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'a', 'v'));
  const [write] = world.sentToShard();
  const { written: kind } = REPLY_KIND;
  world.shardReplies([[write!, { kind, status: ERRORS.OVERLOADED.code }]]);
  const [answer] = world.sentTo(CLIENT);
  assert.is(statusOf(answer!), ERRORS.OVERLOADED.code);
  assertHint(responseRetryAfterMs(answer!.words, answer!.offset));
});

test('a frame names its time, up to the limit; without one the default holds', () => {
  const rows = [
    [0, 2000],
    [100, 100],
    [60_000, 60_000],
  ] as const;
  for (const [remainingMs, dueMs] of rows) {
    const world = CoordinatorWorld.linked();
    world.ask(CLIENT, (writer) => {
      put(1, 'a', 'v')(writer);
      writer.remainingMs = remainingMs;
    });
    world.passes(dueMs - 1);
    assert.equal(world.sentTo(CLIENT), []);
    world.passes(10);
    assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.TIMEOUT.code]);
  }
});

test.run();
