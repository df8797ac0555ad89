import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLICA_OPCODE, REPLY_KIND } from '@clockwise/protocol/frame';
import {
  CoordinatorWorld,
  opcodeOf,
  type ReplyFields,
  type Sent,
  statusOf,
  type WorldOptions,
} from '../coordinator-world.ts';
import { type Answer, GetWorld } from './get-world.ts';
import { get, record } from '../requests/sample-requests.ts';

const CLIENT = 1;
/** Nothing is known of the bucket's latency yet. */
const HEDGE_MS = DEFAULT_LIMITS.hedgeMsMax;
const OLD = record({ dots: [[9, 1]] });
const NEW = record({ dots: [[9, 2]] });
const OTHER = record({ dots: [[8, 1]] });
const BOTH = record({
  dots: [
    [8, 1],
    [9, 1],
  ],
});
const DELETED = record({ dots: [[9, 3]], tombstone: true });
const FOREIGN = record({ key: 'another', dots: [[9, 9]] });
const { READ_FAILED, TIMEOUT, UNAVAILABLE } = ERRORS;

test('[G1] R replicas are asked, the own one first, and the R-th reading answers', () => {
  const rows: readonly (readonly [level: number, asked: number[]])[] = [
    [1, [0]],
    [2, [0, 1]],
    [3, [0, 1, 2]],
  ];
  for (const [level, asked] of rows) {
    const one = new GetWorld({}, level);
    assert.equal(one.asked, asked);
    asked.forEach((node, index) => {
      assert.equal(one.shown(), []);
      one.answers(node, OLD);
      if (index < asked.length - 1) return;
      assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
      assert.is(one.inFlight(), 0);
    });
  }
});

test('[G1] a second answer of one replica is not a second replica', () => {
  const one = new GetWorld();
  one.answers(1, OLD);
  one.answers(1, OLD);
  assert.equal(one.shown(), []);
  one.answers(0, OLD);
  assert.is(one.shown().length, 1);
});

test('[G1] an answer of a replica that was not asked counts for nothing', () => {
  const one = new GetWorld();
  one.reads.set(2, one.reads.get(1)!);
  one.answers(2, OLD);
  one.answers(0, OLD);
  assert.equal(one.shown(), []);
});

interface Merge {
  readonly answers: readonly [Answer, Answer];
  readonly shown: readonly [number, ...string[]];
  readonly mended: readonly number[];
  readonly with?: Int32Array;
}

const MERGES: readonly Merge[] = [
  { answers: [OLD, OLD], shown: [STATUS_OK, 'v9.1'], mended: [] },
  { answers: [OLD, NEW], shown: [STATUS_OK, 'v9.2'], mended: [0], with: NEW },
  { answers: [NEW, OLD], shown: [STATUS_OK, 'v9.2'], mended: [1], with: NEW },
  { answers: ['nothing', OLD], shown: [STATUS_OK, 'v9.1'], mended: [0], with: OLD },
  { answers: [OLD, 'nothing'], shown: [STATUS_OK, 'v9.1'], mended: [1], with: OLD },
  { answers: ['nothing', 'nothing'], shown: [STATUS_NOT_FOUND], mended: [] },
  { answers: [OLD, OTHER], shown: [STATUS_OK, 'v8.1', 'v9.1'], mended: [0, 1], with: BOTH },
  { answers: [BOTH, OTHER], shown: [STATUS_OK, 'v8.1', 'v9.1'], mended: [1], with: BOTH },
  { answers: [OLD, DELETED], shown: [STATUS_NOT_FOUND], mended: [0], with: DELETED },
];

test('[G1, G3] answers are merged; read repair sends what is lacking, and only to those behind', () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    for (const { answers, shown, mended, with: repaired } of MERGES) {
      const one = new GetWorld();
      for (const node of order) one.answers(node, answers[node]!);
      assert.equal(one.shown(), [shown]);
      assert.equal(
        [...one.mended.keys()].toSorted((left, right) => left - right),
        mended,
      );
      for (const records of one.mended.values()) assert.equal(records, [repaired]);
      assert.is(one.inFlight(), 0);
    }
  }
});

test('[G3] the acknowledgement of a repair finds an older generation, and gives its credit back', () => {
  const limits = { replicaOperationsInFlightMax: 1 };
  const world = CoordinatorWorld.linked({ limits });
  world.ask(CLIENT, get(1, 'k'));
  const [own] = world.sentToShard();
  world.nodeReplies(1, world.sentToNode(1)[0]!, { kind: REPLY_KIND.read, record: NEW });
  world.shardReplies([[own!, { kind: REPLY_KIND.read, record: OLD }]]);
  const [repair] = world.sentToShard();
  assert.is(opcodeOf(repair!), REPLICA_OPCODE.store);
  world.shardReplies([[repair!, { kind: REPLY_KIND.stored, record: NEW }]]);
  world.ask(CLIENT, get(2, 'k', { level: 1 }));
  assert.is(world.sentToShard().length, 1);
  assert.equal(world.sentTo(CLIENT).map(statusOf), [STATUS_OK]);
});

test('[G2] a replica that could not read never votes: another is asked in its place', () => {
  const one = new GetWorld();
  one.answers(0, 'nothing');
  one.answers(1, 'failed');
  assert.equal(one.asked, [0, 1, 2]);
  assert.equal(one.shown(), []);
  one.answers(2, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
  assert.equal([...one.mended.keys()], [0]);
});

test('[G2] "not found" is answered only where R replicas have read and hold nothing', () => {
  const one = new GetWorld();
  one.answers(0, 'failed');
  one.answers(1, 'nothing');
  assert.equal(one.shown(), []);
  one.answers(2, 'failed');
  assert.equal(one.shown(), [[READ_FAILED.code]]);
  assert.is(one.inFlight(), 0);
});

test('[G2] what cannot be the answer to the question is a failure to read, and no crash', () => {
  for (const wrong of [FOREIGN, record({ key: 'j', dots: [[9, 9]] }), 'no record']) {
    for (const level of [2, 3]) {
      const one = new GetWorld({}, level);
      const reply = typeof wrong === 'string' ? {} : { record: wrong };
      one.world.nodeReplies(1, one.reads.get(1)!, { kind: REPLY_KIND.read, ...reply });
      one.passes(0);
      one.answers(0, OLD);
      if (level === 2) assert.equal(one.shown(), []);
      one.reads.set(2, one.reads.get(2) ?? one.reads.get(0)!);
      one.answers(2, OLD);
      const expected = level === 2 ? [STATUS_OK, 'v9.1'] : [READ_FAILED.code];
      assert.equal(one.shown(), [expected]);
    }
  }
});

test('[G1] a get that lacks an answer is hedged, one more replica after each pause', () => {
  const one = new GetWorld({}, 1);
  one.passes(HEDGE_MS - 1);
  assert.equal(one.asked, [0]);
  one.passes(10);
  assert.equal(one.asked, [0, 1]);
  one.passes(HEDGE_MS + 10);
  assert.equal(one.asked, [0, 1, 2]);
  one.answers(2, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
  assert.is(one.world.figures()['hedges'], 2);
});

test('[G3] a get that was hedged mends with the late answer, and at its end where one stays silent', () => {
  const late = new GetWorld();
  late.passes(HEDGE_MS + 10);
  late.answers(1, OLD);
  late.answers(2, OLD);
  assert.equal(late.shown(), [[STATUS_OK, 'v9.1']]);
  late.answers(0, NEW);
  assert.equal([...late.mended.keys()], [1, 2]);
  assert.equal(late.shown(), []);
  const silent = new GetWorld();
  silent.passes(HEDGE_MS + 10);
  silent.answers(1, OLD);
  silent.answers(2, NEW);
  assert.equal(silent.shown(), [[STATUS_OK, 'v9.2']]);
  assert.is(silent.mended.size, 0);
  silent.passes(5000);
  assert.equal([...silent.mended], [[1, [NEW]]]);
  assert.is(silent.inFlight(), 0);
});

test('C10 a damaged answer never repairs others: neither a failure to read nor a foreign record', () => {
  const { OVERLOADED, DEADLINE_PASSED } = ERRORS;
  const damaged: readonly (readonly [node: number, reply: Partial<ReplyFields>])[] = [
    [0, { status: READ_FAILED.code }],
    [1, { status: READ_FAILED.code }],
    [1, { status: READ_FAILED.code, record: NEW }],
    [1, { status: OVERLOADED.code, record: NEW }],
    [1, { status: DEADLINE_PASSED.code, record: NEW }],
    [1, { record: FOREIGN }],
    [1, { record: record({ key: 'k2', dots: [[9, 9]] }) }],
    [1, {}],
  ];
  for (const [node, reply] of damaged) {
    const one = new GetWorld();
    one.replies(node, one.reads.get(node)!, { kind: REPLY_KIND.read, ...reply });
    assert.equal(one.asked, [0, 1, 2]);
    assert.equal(one.shown(), []);
    const others = [0, 1, 2].filter((other) => other !== node);
    one.answers(others[0]!, OLD);
    one.answers(others[1]!, 'nothing');
    assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
    assert.equal([...one.mended], [[others[1], [OLD]]]);
    assert.is(one.inFlight(), 0);
  }
});

test('C10 a damaged replica is no witness of "not found", whoever else says it', () => {
  const one = new GetWorld({}, 3);
  one.answers(0, 'nothing');
  one.answers(1, 'failed');
  one.answers(2, 'nothing');
  assert.equal(one.shown(), [[READ_FAILED.code]]);
  assert.is(one.mended.size, 0);
});

const SOLE_ANSWERS = [
  { answer: OLD, shown: [STATUS_OK, 'v9.1'] },
  { answer: DELETED, shown: [STATUS_NOT_FOUND] },
  { answer: 'nothing', shown: [STATUS_NOT_FOUND] },
  { answer: 'failed', shown: [READ_FAILED.code] },
] as const;

test('[G1] the sole copy, in this node, is asked for alone, and no peer answers in its place', () => {
  const options: WorldOptions = { nodeCount: 2, replicas: [0], bucket: { readLevel: 1 } };
  for (const { answer, shown } of SOLE_ANSWERS) {
    const one = new GetWorld(options);
    assert.equal(one.asked, [0]);
    for (const strange of [NEW, FOREIGN]) {
      const reply = { kind: REPLY_KIND.read, record: strange };
      one.world.nodeReplies(1, one.reads.get(0)!, reply);
    }
    assert.equal(one.shown(), []);
    one.answers(0, answer);
    assert.equal(one.shown(), [shown]);
    assert.is(one.inFlight(), 0);
  }
  const down = new GetWorld(options);
  down.shardDown();
  assert.is(down.shown().length, 1);
  const late = new GetWorld(options);
  late.passes(5000);
  assert.equal(late.shown(), [[TIMEOUT.code]]);
  assert.is(late.inFlight(), 0);
});

test('an lww answer that a later one overtakes is counted', () => {
  const one = new GetWorld({ bucket: { lww: true } });
  one.answers(0, record({ dots: [[8, 2]] }));
  one.answers(1, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v8.2']]);
  assert.is(one.world.figures()['lwwDiscardedConcurrent'], 1);
});

test('[G1] a lost link, a shard that is down: another replica is asked, or too few are left', () => {
  const cut = new GetWorld();
  cut.cut(1);
  assert.equal(cut.asked, [0, 1, 2]);
  cut.answers(0, OLD);
  cut.answers(2, OLD);
  assert.equal(cut.shown(), [[STATUS_OK, 'v9.1']]);
  const down = new GetWorld();
  down.shardDown();
  down.answers(1, OLD);
  down.answers(2, OLD);
  assert.equal(down.shown(), [[STATUS_OK, 'v9.1']]);
  const both = new GetWorld();
  both.cut(1);
  both.cut(2);
  assert.equal(both.shown(), [[UNAVAILABLE.code]]);
  both.answers(0, OLD);
  assert.is(both.inFlight(), 0);
});

test('[G1] at the deadline too few readings are a TIMEOUT', () => {
  const one = new GetWorld();
  one.answers(0, OLD);
  one.passes(5000);
  assert.equal(one.shown(), [[TIMEOUT.code]]);
  assert.is(one.inFlight(), 0);
});

test('[G1] replicas that are suspected are asked last', () => {
  const world = CoordinatorWorld.linked();
  const down = { kind: 'peer-state', nodeId: 'node-1', state: 'down' } as const;
  world.step([{ kind: 'told', from: 'gossiper', message: down }]);
  world.ask(CLIENT, get(1, 'k'));
  assert.is(world.sentToNode(1).length, 0);
  assert.is(world.sentToNode(2).length, 1);
  world.ask(CLIENT, get(2, 'k', { level: 3 }));
  assert.is(world.sentToNode(1).length, 1);
});

test('[G1] the sole copy, on another node, is read over the link, and compared with the question', () => {
  const options: WorldOptions = { nodeCount: 2, replicas: [1], bucket: { readLevel: 1 } };
  const rows = [
    { answer: OLD, shown: [STATUS_OK, 'v9.1'] },
    { answer: FOREIGN, shown: [READ_FAILED.code] },
    { answer: 'nothing', shown: [STATUS_NOT_FOUND] },
    { answer: 'failed', shown: [READ_FAILED.code] },
  ] as const;
  for (const { answer, shown } of rows) {
    const one = new GetWorld(options);
    assert.equal(one.asked, [1]);
    one.answers(1, answer);
    assert.equal(one.shown(), [shown]);
    assert.is(one.inFlight(), 0);
  }
});

test('O9 records that are held to be merged are bounded in bytes: beyond, OVERLOADED, until some are let go', () => {
  const dots = Array.from({ length: 30 }, (_, index) => [10 + index, 1] as const);
  const large = record({ dots });
  const limits = { keptRequestBytesMax: large.length * 4 * 2 + 100 };
  const one = new GetWorld({ limits });
  const firsts: Sent[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    if (turn > 0) one.ask({});
    firsts.push(one.reads.get(1)!);
    one.answers(0, large);
    const refused = turn < 2 ? [] : [[ERRORS.OVERLOADED.code]];
    assert.equal(one.shown(), refused, `get ${turn}`);
  }
  assert.is(one.inFlight(), 2);
  // A small one has its place in the slot itself.
  one.ask({});
  for (const node of [0, 1]) one.answers(node, record({ dots: [[9, 1]] }));
  assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
  one.replies(1, firsts[0]!, { kind: REPLY_KIND.read, record: large });
  assert.is(one.shown()[0]![0], STATUS_OK);
  one.ask({});
  for (const node of [0, 1]) one.answers(node, large);
  assert.is(one.shown()[0]![0], STATUS_OK, 'what was let go is not counted');
});

test.run();
