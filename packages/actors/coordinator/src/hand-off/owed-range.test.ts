import { HIDDEN_BUCKET } from '@clockwise/record/hidden';
import { partitionOf } from '@clockwise/placement/token';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, tokenOf } from '../requests/sample-requests.ts';
import { HandOffWorld } from './hand-off-world.ts';

const { dirty } = HIDDEN_BUCKET;
const PARTITION = 3;
const KEYS = Array.from({ length: 200 }, (_, index) => `key-${index}`).filter(
  (key) => partitionOf(tokenOf(bytes(key)).high, 3) === PARTITION,
);

/** Says it; what is answered. */
function owe(hands: HandOffWorld, nodes: readonly number[], epoch: number = 1): string {
  const { ring } = hands.world;
  const nodeIds = nodes.map((node) => ring.nodes[node]!.nodeId);
  const about = { partition: PARTITION, replicationClass: 0, epoch, nodeIds } as const;
  const message = { kind: 'range-owed', request: 7, ...about } as const;
  hands.world.step([{ kind: 'told', from: 'ring-manager', message }]);
  for (const effect of hands.world.takeEffects()) {
    if (effect.kind !== 'tell' || effect.message.kind !== 'partition-answer') continue;
    assert.is(effect.to, 'ring-manager');
    return effect.message.ok ? 'done' : effect.message.reason;
  }
  throw new Error('who says it is answered');
}

const UNDER_WAY = 'objects of it are on their way to others';

test('A7 [OG1] an owner that is told so gives all of a partition to the node that got it back', () => {
  const hands = new HandOffWorld({ nodeCount: 3, replicas: [0, 1, 2] });
  hands.run(3000);
  for (const key of KEYS) hands.holdObject(key);
  assert.is(owe(hands, [2]), UNDER_WAY);
  assert.is(owe(hands, [2]), UNDER_WAY, 'its note is not acknowledged, and said again');
  hands.run(10);
  hands.manners.set(2, 'silent');
  hands.run(5000);
  assert.is(owe(hands, [2]), UNDER_WAY, 'not all of it has gone');
  hands.manners.set(2, 'stores');
  hands.run(10_000);
  assert.is(owe(hands, [2]), 'done');
  const arrived = hands.arrived.map(({ node, key }) => `${node} ${key}`);
  assert.equal([...new Set(arrived)].toSorted(), KEYS.map((key) => `2 ${key}`).toSorted());
  assert.equal(hands.owing(dirty), []);
  // Said anew it is meant anew.
  assert.is(owe(hands, [2]), UNDER_WAY);
  hands.run(5000);
  assert.is(owe(hands, [2]), 'done');
});

test('[OG1] a note that is for fewer does not count', () => {
  const hands = new HandOffWorld({ nodeCount: 4, replicas: [1, 2, 3] });
  hands.run(3000);
  for (const key of KEYS) hands.holdObject(key);
  assert.is(owe(hands, [1]), UNDER_WAY);
  hands.run(5000);
  assert.is(owe(hands, [1, 2]), UNDER_WAY);
  hands.noteDirty(PARTITION, 0b001);
  assert.is(owe(hands, [1, 2]), UNDER_WAY, 'what somebody else has noted is for another');
  hands.run(5000);
  assert.is(owe(hands, [2, 1]), 'done');
  for (const node of [1, 2]) {
    const keys = hands.arrived.filter((one) => one.node === node).map(({ key }) => key);
    assert.equal([...new Set(keys)].toSorted(), KEYS.toSorted());
  }
});

test('what is said for another epoch, or of nodes that own nothing of it, is not noted', () => {
  const hands = new HandOffWorld({ nodeCount: 4, replicas: [0, 1, 2] });
  hands.run(3000);
  assert.is(owe(hands, [2], 2), 'the ring that rules here is of epoch 1');
  assert.is(owe(hands, [3]), 'done');
  assert.is(owe(hands, []), 'done');
  hands.run(3000);
  assert.equal(hands.log, []);
});

test.run();
