import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { POLICY, REPLY_FLAG, REPLY_KIND } from '@clockwise/protocol/frame';
import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { partitionOf } from '@clockwise/placement/token';
import { HandOffWorld } from './hand-off-world.ts';
import { bytes, record, tokenOf } from '../requests/sample-requests.ts';

const { hint, dirty } = HIDDEN_BUCKET;
/** Node 0 is the first of three replicas. */
const OWNER = { nodeCount: 3, replicas: [0, 1, 2] };
/** Node 0 stands in for nodes 1 to 3. */
const STAND_IN = { nodeCount: 4, replicas: [1, 2, 3] };
const PARTITION = 3;
const OTHER = 5;
const ALL_KEYS = Array.from({ length: 400 }, (_, index) => `key-${String(index).padStart(3, '0')}`);
const KEYS = keysOf(PARTITION).slice(0, 20);
/** Some five objects a page. */
const SMALL_PAGES = { handOffPageBytes: 700 };

function keysOf(partition: number): string[] {
  return ALL_KEYS.filter((key) => partitionOf(tokenOf(bytes(key)).high, 3) === partition);
}

function inOrder(keys: readonly string[]): string[] {
  const token = (key: string): bigint => {
    const { high, low } = tokenOf(bytes(key));
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  };
  return keys.toSorted((left, right) => (token(left) < token(right) ? -1 : 1));
}

function runUntilArrived(hands: HandOffWorld, count: number): void {
  for (let turn = 0; hands.arrived.length < count; turn += 1) {
    assert.ok(turn < 1000, `${count} objects arrive`);
    hands.run(10);
  }
}

function arrivedAt(hands: HandOffWorld, node: number): string[] {
  return [...new Set(hands.arrived.filter((one) => one.node === node).map(({ key }) => key))];
}

/** An owner whose node 2 is owed the partition, of small pages. */
function dirtyOwner(limits: object = {}): HandOffWorld {
  const hands = new HandOffWorld({ ...OWNER, limits: { ...SMALL_PAGES, ...limits } });
  for (const key of KEYS) hands.holdObject(key);
  hands.holdDirty(PARTITION, 0b100);
  return hands;
}

test('[HR1] of a dirty range all objects of the partition go to the target, in every bucket of its class', () => {
  const policies = new Map([[2, POLICY.lww]]);
  const hands = new HandOffWorld({ ...OWNER, limits: SMALL_PAGES }, new Map(), policies);
  for (const [index, key] of KEYS.entries()) hands.holdObject(key, 1 + (index % 2));
  for (const key of keysOf(OTHER)) hands.holdObject(key);
  hands.holdDirty(PARTITION, 0b100);
  hands.run(3000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  assert.is(hands.arrived.length, KEYS.length, 'each once, and to nobody else');
  for (const { key, policy } of hands.arrived) {
    assert.is(policy, KEYS.indexOf(key) % 2 === 0 ? 0 : POLICY.lww, key);
  }
  assert.equal(hands.owing(dirty), []);
  assert.equal(hands.report(), { kind: 'hints', isCounted: true, targets: [] });
  assert.is(hands.world.figures()['rangesPushed'], 1);
});

test('[HR1] a range in which there is nothing is settled when its pages have said so', () => {
  const hands = new HandOffWorld(OWNER);
  hands.holdDirty(PARTITION, 0b110);
  hands.run(3000);
  assert.equal(hands.owing(dirty), []);
  assert.is(hands.pages.filter(({ bucketId }) => bucketId === 1).length, 2, 'one for each target');
});

test('[HR1] a range stays dirty while a record of it was not acknowledged', () => {
  for (const manner of ['refuses', 'silent'] as const) {
    const hands = dirtyOwner();
    hands.manners.set(2, manner);
    hands.run(10_000);
    assert.is(hands.owing(dirty).length, 1, manner);
    hands.manners.set(2, 'stores');
    hands.run(10_000);
    assert.equal(arrivedAt(hands, 2).toSorted(), KEYS, manner);
    assert.equal(hands.owing(dirty), [], manner);
  }
});

test('[HR1] a range of which a page cannot be read stays dirty', () => {
  const hands = dirtyOwner();
  hands.unreadable.add(0);
  hands.run(5000);
  assert.is(hands.owing(dirty).length, 1);
  hands.unreadable.clear();
  hands.run(3000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
});

test('[HR1] of a range of former copies all owners but the target are walked, each to its end', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: SMALL_PAGES });
  const half = KEYS.length / 2;
  for (const key of KEYS.slice(0, half)) hands.holdAt(2, key);
  for (const key of KEYS.slice(half)) hands.holdAt(3, key);
  hands.holdDirty(PARTITION, 0b001);
  hands.world.linkDown(3);
  hands.run(5000);
  assert.equal(
    arrivedAt(hands, 1).toSorted(),
    KEYS.slice(0, half),
    'what can be had is not kept back',
  );
  assert.is(hands.owing(dirty).length, 1, 'node 3 may have more');
  hands.world.linkUp(3);
  hands.run(3000);
  assert.equal(arrivedAt(hands, 1).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
  assert.ok(hands.pages.every(({ node, bucketId }) => node === 0 || bucketId < hint));
});

test('C6 [HR1] what an owner of an earlier ring has noted of its own goes to the present owners', () => {
  // Node 0 is none any more: the range stands for what it holds itself, and nobody else has.
  const hands = new HandOffWorld({ ...STAND_IN, limits: SMALL_PAGES });
  for (const key of KEYS) hands.holdObject(key);
  hands.holdDirty(PARTITION, 0b010, 0);
  hands.run(8000);
  for (const node of [1, 2, 3]) assert.equal(arrivedAt(hands, node).toSorted(), KEYS, `${node}`);
  assert.equal(hands.owing(dirty), []);
});

test('[HR1] a peer that skips what it holds, or shows what was not asked for, makes no range clean', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: SMALL_PAGES });
  for (const key of KEYS) hands.holdAt(2, key);
  hands.holdDirty(PARTITION, 0b001);
  const foreign = record({ key: keysOf(OTHER)[0]!, dots: [[9, 1]] });
  hands.pageInstead = { kind: REPLY_KIND.scanned, records: [foreign] };
  hands.run(3000);
  hands.pageInstead = { kind: REPLY_KIND.scanned, flags: REPLY_FLAG.more, records: [] };
  hands.run(3000);
  assert.equal(hands.arrived, []);
  assert.is(hands.owing(dirty).length, 1);
  hands.pageInstead = undefined;
  hands.run(3000);
  assert.equal(arrivedAt(hands, 1).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
});

test('[HR2] a range that is noted anew on its way is walked again from its beginning', () => {
  const hands = dirtyOwner({ handOffWindowMax: 1 });
  const [late] = inOrder(KEYS);
  hands.objects.delete(late!);
  hands.latencyMs = 30;
  runUntilArrived(hands, 8);
  // Behind the place where the walk stands.
  hands.holdObject(late!);
  hands.noteDirty(PARTITION, 0b100);
  hands.run(10_000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
  assert.is(hands.log.filter((line) => line.startsWith('keep')).length, 1, 'the first settle');
});

test('[HR2] a walk that was left is not gone on with for a later mark', () => {
  const hands = dirtyOwner({ handOffWindowMax: 1 });
  const [late] = inOrder(KEYS);
  hands.objects.delete(late!);
  hands.latencyMs = 30;
  runUntilArrived(hands, 8);
  hands.world.linkDown(2);
  hands.run(3000);
  hands.holdObject(late!);
  hands.noteDirty(PARTITION, 0b100);
  hands.world.linkUp(2);
  hands.run(10_000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
});

test('a walk whose target was away goes on where it was, not from its beginning', () => {
  const hands = dirtyOwner();
  hands.latencyMs = 20;
  runUntilArrived(hands, 11);
  hands.world.linkDown(2);
  hands.run(3000);
  const before = hands.arrived.length;
  hands.world.linkUp(2);
  hands.run(5000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  const [first] = inOrder(KEYS);
  assert.ok(!hands.arrived.slice(before).some(({ key }) => key === first));
  assert.equal(hands.owing(dirty), []);
});

test('[HR3] records that are refused are sent again before the next page', () => {
  const hands = dirtyOwner();
  const order = inOrder(KEYS);
  let turn = 0;
  for (; hands.owing(dirty).length > 0 && turn < 3000; turn += 1) {
    hands.manners.set(2, turn % 3 === 0 ? 'refuses' : 'stores');
    hands.run(10);
  }
  assert.equal(hands.owing(dirty), []);
  const firsts = arrivedAt(hands, 2);
  assert.equal(firsts.toSorted(), KEYS);
  // Pages follow one another: nothing of a page comes before all of the page two before it.
  for (const [index, key] of firsts.entries()) {
    assert.ok(Math.abs(order.indexOf(key) - index) < 10, key);
  }
});

test('[HR3] what a target cannot take keeps nothing else from it, and the range stays dirty until it can', () => {
  const hands = dirtyOwner({ handOffRoundMs: 100 });
  const [first] = inOrder(KEYS);
  hands.untakable.add(first!);
  hands.run(1000);
  const others = KEYS.filter((key) => key !== first);
  assert.equal(arrivedAt(hands, 2).toSorted(), others);
  assert.is(hands.owing(dirty).length, 1);
  const walkCount = (): number => hands.arrived.filter(({ key }) => key === others[0]).length;
  hands.run(5000);
  assert.is(walkCount(), 4, 'soon again, and then each time after twice as long');
  hands.run(40_000);
  assert.is(walkCount(), 14, 'after 40 rounds in the end');
  const [later] = keysOf(OTHER);
  hands.holdObject(later!);
  hands.noteDirty(OTHER, 0b100);
  hands.run(500);
  assert.ok(arrivedAt(hands, 2).includes(later!));
  assert.is(hands.owing(dirty).length, 1);
  hands.untakable.clear();
  hands.run(10_000);
  assert.ok(arrivedAt(hands, 2).includes(first!));
  assert.equal(hands.owing(dirty), []);
});

test('[HR4] a range gives way to copies after each page', () => {
  const hands = new HandOffWorld({ ...STAND_IN, limits: { ...SMALL_PAGES, handOffWindowMax: 1 } });
  for (const key of KEYS) hands.holdAt(2, key);
  hands.holdDirty(PARTITION, 0b001);
  hands.latencyMs = 20;
  runUntilArrived(hands, 2);
  const [other] = keysOf(OTHER);
  hands.holdCopy(other!, 0b001);
  // The shard says so, as if a put had left it here.
  hands.world.step([{ kind: 'channel-down', target: 0 }]);
  hands.world.step([{ kind: 'channel-up', target: 0 }]);
  hands.run(20_000);
  const keys = hands.arrived.map(({ key }) => key);
  assert.ok(keys.indexOf(other!) < 12, `${keys.indexOf(other!)} of ${keys.length}`);
  assert.equal(hands.owing(hint), []);
  assert.equal(hands.owing(dirty), []);
});

test('[HR5] after the own shard was down a range is begun anew, though its mark looks the same', () => {
  const hands = dirtyOwner({ handOffWindowMax: 1 });
  const [late] = inOrder(KEYS);
  hands.objects.delete(late!);
  hands.latencyMs = 30;
  runUntilArrived(hands, 8);
  hands.world.step([{ kind: 'channel-down', target: 0 }]);
  hands.run(100);
  hands.world.sentToShard();
  hands.holdObject(late!);
  hands.world.step([{ kind: 'channel-up', target: 0 }]);
  hands.run(10_000);
  assert.equal(arrivedAt(hands, 2).toSorted(), KEYS);
  assert.equal(hands.owing(dirty), []);
});

test('C6 a dirty range of an earlier ring is owed to the present owners, and goes to them', () => {
  const hands = new HandOffWorld({ ...OWNER, limits: SMALL_PAGES });
  for (const key of KEYS) hands.holdObject(key);
  hands.holdDirty(PARTITION, 0b010, 0);
  hands.run(5000);
  for (const node of [1, 2]) assert.equal(arrivedAt(hands, node).toSorted(), KEYS);
  assert.ok(hands.log.includes('note dirty'));
  // Also this node's own position: it has what it has.
  hands.run(5000);
  assert.equal(hands.owing(dirty), []);
});

test('[HO5] of few slots a quarter is used for a range, too', () => {
  const hands = dirtyOwner({ requestsInFlightMax: 8 });
  hands.latencyMs = 20;
  for (let step = 0; step < 1500; step += 1) {
    hands.run(10);
    assert.ok(Number(hands.world.figures()['inFlight']) <= 2, '[HO5]');
  }
  assert.equal(hands.owing(dirty), []);
});

test.run();
