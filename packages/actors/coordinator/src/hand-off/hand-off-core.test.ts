import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HIDDEN_BUCKET, OWED } from '@clockwise/record/hidden';
import { POLICY, REPLICA_OPCODE, REPLY_KIND } from '@clockwise/protocol/frame';
import { CoordinatorWorld, opcodeOf, type Sent } from '../coordinator-world.ts';
import { partitionOf } from '@clockwise/placement/token';
import { HandOffWorld } from './hand-off-world.ts';
import { keyText, owed } from './sample-hidden.ts';
import { bytes, tokenOf } from '../requests/sample-requests.ts';

const { hint, mark, dirty } = HIDDEN_BUCKET;
/** Node 0 stands in for nodes 1 to 3. */
const STAND_IN = { nodeCount: 4, replicas: [1, 2, 3] };
/** Node 0 is the first of three replicas. */
const OWNER = { nodeCount: 3, replicas: [0, 1, 2] };
const TIMER_SWEEP = 1;
const KEYS = Array.from({ length: 40 }, (_, index) => `key-${String(index).padStart(2, '0')}`);

function byNumber(left: number, right: number): number {
  return left - right;
}

function tell(hands: HandOffWorld, node: number, state: 'up' | 'down'): void {
  const message = { kind: 'peer-state', nodeId: `node-${node}`, state } as const;
  hands.world.step([{ kind: 'told', from: 'gossiper', message }]);
}

test('copies go to the target in their own form, and are settled', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b010);
  hands.run(2000);
  assert.equal(hands.arrived.map(({ key }) => key).toSorted(), KEYS);
  assert.ok(hands.arrived.every(({ node, words }) => node === 2 && words[2] === 1));
  assert.equal(hands.owing(hint), []);
  assert.equal(hands.report(), { kind: 'hints', isCounted: true, targets: [] });
  assert.is(hands.world.figures()['handedOff'], KEYS.length);
});

test('a copy that several positions are owed goes to each of them', () => {
  const hands = new HandOffWorld(STAND_IN);
  hands.holdCopy('k', OWED.positionMask);
  hands.run(2000);
  assert.equal(hands.arrived.map(({ node }) => node).toSorted(byNumber), [1, 2, 3]);
  assert.equal(hands.owing(hint), []);
});

test('of a mark the own record goes, as it is now', () => {
  const hands = new HandOffWorld(OWNER);
  for (const key of KEYS) {
    hands.holdMark(key, 0b110);
    hands.holdObject(key);
  }
  hands.run(2000);
  assert.is(hands.arrived.length, 2 * KEYS.length);
  assert.equal(hands.arrived[0]!.words, hands.objects.get(hands.arrived[0]!.key));
  assert.equal(hands.owing(mark), []);
});

test('each store is made by the policy of its own bucket, whatever stands behind it in the page', () => {
  const policies = new Map([[2, POLICY.lww]]);
  const hands = new HandOffWorld(OWNER, new Map(), policies);
  for (const [index, key] of KEYS.entries()) {
    hands.holdMark(key, 0b110, 1, 1 + (index % 2));
    hands.holdObject(key);
  }
  hands.latencyMs = 10;
  hands.run(8000);
  assert.is(hands.arrived.length, 2 * KEYS.length);
  for (const { key, policy } of hands.arrived) {
    assert.is(policy, KEYS.indexOf(key) % 2 === 0 ? 0 : POLICY.lww, key);
  }
});

test('a mark whose object is gone is settled', () => {
  const hands = new HandOffWorld(OWNER);
  hands.holdMark('k', 0b010);
  hands.run(2000);
  assert.equal(hands.arrived, []);
  assert.equal(hands.owing(mark), []);
});

test('[HO1] what the target has not acknowledged is not settled, and comes again', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  hands.manners.set(1, 'refuses');
  hands.run(5000);
  assert.equal(hands.owing(hint), KEYS);
  assert.equal(hands.log, []);
  hands.manners.set(1, 'stores');
  hands.run(10_000);
  assert.equal(hands.owing(hint), []);
});

test('[HO1] a copy that is written again while it is on its way stays', () => {
  const hands = new HandOffWorld(STAND_IN);
  hands.latencyMs = 100;
  hands.holdCopy('k', 0b001);
  for (let turn = 0; turn < 200 && !hands.sentAt.has(1); turn += 1) hands.run(10);
  hands.holdCopy('k', 0b001, -1);
  hands.run(110);
  assert.equal(hands.log, ['keep k']);
  assert.equal(hands.owing(hint), ['k']);
});

test('[HO2] no key is on its way to a target twice', () => {
  const hands = new HandOffWorld(OWNER, new Map());
  hands.latencyMs = 700;
  for (const key of KEYS.slice(0, 5)) {
    hands.holdCopy(key, 0b010);
    hands.holdMark(key, 0b010);
    hands.holdObject(key);
  }
  hands.run(20_000);
  const times = new Map<string, number[]>();
  for (const { key, at } of hands.arrived) times.set(key, [...(times.get(key) ?? []), at]);
  for (const [key, [first, second]] of times) {
    assert.ok(second! - first! >= hands.latencyMs, key);
  }
  assert.is(times.size, 5);
});

test('C5 [HO3] after a restart all is found in the store again, and nothing is said before', () => {
  const before = new HandOffWorld(STAND_IN);
  before.manners.set(3, 'silent');
  for (const key of KEYS) before.holdCopy(key, 0b100);
  before.run(5000);
  const after = new HandOffWorld(STAND_IN, before.hidden);
  assert.is(after.report().isCounted, false);
  after.run(2000);
  assert.equal(after.owing(hint), []);
  assert.equal(new Set(after.arrived.map(({ key }) => key)).size, KEYS.length);
  assert.is(after.report().isCounted, true);
});

test('C4 [HO4] a target that times out gets a probe a second, and all of it when it answers', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  hands.manners.set(1, 'silent');
  hands.run(20_000);
  const sent = hands.sentAt.get(1)!;
  assert.ok(sent.length >= 5 && sent.length <= 20, `${sent.length} in 20 s`);
  const gaps = sent.slice(1).map((at, index) => at - sent[index]!);
  assert.ok(
    gaps.every((gap) => gap >= 1000),
    gaps.join(),
  );
  assert.equal(hands.owing(hint), KEYS);
  hands.manners.set(1, 'stores');
  hands.run(5000);
  assert.equal(hands.owing(hint), []);
});

test('C4 a target that refuses is sent less and less, and all of it when it takes it again', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  hands.manners.set(1, 'refuses');
  hands.run(20_000);
  const { length } = hands.sentAt.get(1)!;
  assert.ok(length >= 5 && length <= 25, `${length} in 20 s`);
  hands.manners.set(1, 'stores');
  hands.run(3000);
  assert.equal(hands.owing(hint), []);
});

test('C4 another target is not held up by one that does not answer', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b011);
  hands.manners.set(1, 'silent');
  hands.run(3000);
  assert.is(new Set(hands.arrived.map(({ key }) => key)).size, KEYS.length);
  assert.equal(
    hands.report().targets.map(({ nodeId, copies }) => [nodeId, copies]),
    [['node-1', KEYS.length]],
  );
});

test('a target that is down, or has no link, is sent nothing until it is back', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b011);
  tell(hands, 1, 'down');
  hands.world.linkDown(2);
  hands.run(5000);
  assert.is(hands.sentAt.size, 0);
  const [one, two] = hands.report().targets;
  assert.equal([one!.nodeId, one!.copies, one!.marks], ['node-1', KEYS.length, 0]);
  assert.is(two!.nodeId, 'node-2');
  tell(hands, 1, 'up');
  hands.world.linkUp(2);
  hands.run(1000);
  assert.equal(hands.owing(hint), []);
});

test('C6 [OR1] what positions of an earlier ring are owed goes to the present owners', () => {
  const hands = new HandOffWorld({ nodeCount: 4, replicas: [0, 1, 2] });
  hands.holdCopy('copy', 0b001, 0, 0);
  hands.holdMark('mark', 0b100, 0);
  hands.holdObject('mark');
  hands.run(5000);
  const nodesOf = (key: string): number[] =>
    hands.arrived.filter((one) => one.key === key).map(({ node }) => node);
  assert.equal(nodesOf('copy').toSorted(byNumber), [1, 2]);
  assert.equal(nodesOf('mark').toSorted(byNumber), [1, 2]);
  assert.ok(hands.log.includes('store copy') && hands.log.includes('note mark'));
  assert.equal([...hands.owing(hint), ...hands.owing(mark)], []);
});

test('C7 doubled deliveries and a receiver that dies before it acknowledges: all arrives', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  hands.latencyMs = 30;
  hands.run(60);
  // What was stored and is not acknowledged: the link goes first.
  for (let cut = 0; cut < 5; cut += 1) {
    hands.world.linkDown(1);
    hands.run(200);
    hands.world.linkUp(1);
    hands.run(300);
  }
  hands.run(20_000);
  assert.is(new Set(hands.arrived.map(({ key }) => key)).size, KEYS.length);
  assert.equal(hands.owing(hint), []);
  assert.equal(hands.report().targets, []);
});

test('[HO1] past its age a copy is stored at an owner, then its range is dirty, then it goes', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: { hintAgeSecondsMax: 100 } });
  hands.world.linkDown(1);
  tell(hands, 2, 'down');
  hands.holdCopy('old', 0b001, 101);
  hands.holdCopy('young', 0b001, 50);
  hands.run(5000);
  assert.equal(
    hands.arrived.map(({ node, key }) => [node, key]),
    [[3, 'old']],
  );
  assert.equal(hands.log, ['note dirty', 'settle old']);
  assert.equal(hands.owing(hint), ['young']);
  assert.is(hands.owing(dirty).length, 1);
  const total = hands.report().targets.find(({ nodeId }) => nodeId === 'node-1')!;
  assert.equal([total.copies, total.dirty], [1, 1]);
  assert.is(hands.world.figures()['rangesDirtied'], 1);
});

test('[HO1] a copy that no owner can be given is kept, however old it is', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: { hintAgeSecondsMax: 100 } });
  hands.world.linkDown(1);
  for (const node of [2, 3]) tell(hands, node, 'down');
  hands.holdCopy('old', 0b001, 101);
  hands.run(70_000);
  assert.equal(hands.log, []);
  tell(hands, 3, 'up');
  hands.manners.set(3, 'refuses');
  hands.run(70_000);
  assert.equal(hands.log, []);
  assert.equal(hands.owing(hint), ['old']);
});

test('a page that a peer says is no page of the own shard', () => {
  const world = CoordinatorWorld.linked({ ...STAND_IN, limits: { handOffTargetsMax: 4 } });
  world.passes(500);
  const isPage = (sent: Sent): boolean => opcodeOf(sent) === REPLICA_OPCODE.scan;
  const [page] = world.sentToShard().filter(isPage);
  const before = world.figures()['inFlight'];
  world.nodeReplies(1, page!, { kind: REPLY_KIND.scanned });
  assert.is(world.figures()['inFlight'], before);
  assert.is(world.sentToShard().length, 0);
});

test('marks beyond what may be kept become dirty ranges', () => {
  const hands = new HandOffWorld({ ...OWNER, limits: { owedMarksMax: 10 } });
  hands.world.linkDown(2);
  for (const key of KEYS) {
    hands.holdMark(key, 0b100);
    hands.holdObject(key);
  }
  hands.run(70_000);
  assert.is(hands.owing(mark).length, 10);
  assert.ok(hands.owing(dirty).length > 0);
  assert.ok(hands.log.indexOf('note dirty') === 0);
});

test('[HO5] of few slots a quarter is used, and all arrives all the same', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: { requestsInFlightMax: 8 } });
  for (const key of KEYS) hands.holdCopy(key, 0b111);
  hands.latencyMs = 20;
  for (let step = 0; step < 3000; step += 1) {
    hands.run(10);
    assert.ok(Number(hands.world.figures()['inFlight']) <= 2, '[HO5]');
  }
  assert.equal(hands.owing(hint), []);
});

test('a page may be smaller than a record; settled records are passed over', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: { handOffPageBytes: 64 } });
  for (const key of KEYS) hands.holdCopy(key, key < KEYS[20]! ? 0 : 0b001);
  hands.run(5000);
  assert.is(hands.arrived.length, 20);
  assert.equal(hands.owing(hint), []);
});

test('a shard that goes down takes what was under way with it, and all is counted again', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  hands.latencyMs = 500;
  hands.run(700);
  hands.world.step([{ kind: 'channel-down', target: 0 }]);
  hands.run(2500);
  assert.is(hands.report().isCounted, false);
  assert.is(hands.world.figures()['inFlight'], 0);
  hands.world.sentToShard();
  hands.world.step([{ kind: 'channel-up', target: 0 }]);
  hands.latencyMs = 0;
  hands.run(5000);
  assert.equal(hands.owing(hint), []);
  assert.is(hands.report().isCounted, true);
});

test('a page that cannot be read holds up nothing but its own place', () => {
  const hands = new HandOffWorld(STAND_IN);
  for (const key of KEYS) hands.holdCopy(key, 0b001);
  const partitions = new Set(KEYS.map((key) => partitionOf(tokenOf(bytes(key)).high, 3)));
  const [first] = [...partitions].toSorted(byNumber);
  hands.damaged.add(first!);
  hands.run(3000);
  const left = hands.owing(hint);
  assert.ok(left.length > 0 && left.length < KEYS.length);
  assert.ok(left.every((key) => partitionOf(tokenOf(bytes(key)).high, 3) === first));
  assert.is(hands.report().isCounted, false);
  hands.damaged.clear();
  hands.run(3000);
  assert.equal(hands.owing(hint), []);
  assert.is(hands.report().isCounted, true);
});

test('when nothing is owed nothing is armed and nothing is asked', () => {
  const hands = new HandOffWorld(STAND_IN);
  hands.run(2000);
  assert.is(hands.report().isCounted, true);
  assert.is(hands.world.timers.has(TIMER_SWEEP), false);
  const off = new HandOffWorld({ ...STAND_IN, limits: { handOffTargetsMax: 0 } });
  off.holdCopy('k', 0b001);
  off.run(2000);
  assert.equal(off.arrived, []);
  assert.is(off.world.timers.has(TIMER_SWEEP), false);
});

test('what is acknowledged meanwhile is owed from then on', () => {
  const hands = new HandOffWorld(OWNER);
  hands.run(2000);
  hands.holdObject('k');
  hands.holdMark('k', 0b010, 0);
  const [words] = [...hands.hidden.values()];
  assert.is(keyText(words!), 'k');
  hands.world.step([{ kind: 'channel-down', target: 0 }]);
  hands.world.step([{ kind: 'channel-up', target: 0 }]);
  hands.run(4000);
  assert.is(hands.owedWordOf(mark, 'k') & owed(0, 0xffff), owed(0));
  assert.equal(hands.arrived.map(({ node }) => node).toSorted(byNumber), [1, 2]);
});

test.run();
