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

function owe(hands: HandOffWorld, nodes: readonly number[], epoch: number = 1): void {
  const { ring } = hands.world;
  const nodeIds = nodes.map((node) => ring.nodes[node]!.nodeId);
  const message = { kind: 'range-owed', partition: PARTITION, replicationClass: 0 } as const;
  hands.world.step([
    { kind: 'told', from: 'ring-manager', message: { ...message, epoch, nodeIds } },
  ]);
}

test('A7 [HR1] an owner that is told so gives all of a partition to the node that got it back', () => {
  const hands = new HandOffWorld({ nodeCount: 3, replicas: [0, 1, 2] });
  hands.run(3000);
  for (const key of KEYS) hands.holdObject(key);
  owe(hands, [2]);
  hands.run(3000);
  const arrived = hands.arrived.map(({ node, key }) => `${node} ${key}`);
  assert.equal(arrived.toSorted(), KEYS.map((key) => `2 ${key}`).toSorted());
  assert.equal(hands.owing(dirty), []);
});

test('A7 [HR1] a node that gives a partition up gives all of it to its owners before', () => {
  const hands = new HandOffWorld({ nodeCount: 4, replicas: [1, 2, 3] });
  hands.run(3000);
  for (const key of KEYS) hands.holdObject(key);
  owe(hands, [1, 2, 3]);
  hands.run(5000);
  for (const node of [1, 2, 3]) {
    const keys = hands.arrived.filter((one) => one.node === node).map(({ key }) => key);
    assert.equal([...new Set(keys)].toSorted(), KEYS.toSorted());
  }
  assert.equal(hands.owing(dirty), []);
});

test('what is said for another epoch, or of nodes that own nothing of it, is not noted', () => {
  const hands = new HandOffWorld({ nodeCount: 4, replicas: [0, 1, 2] });
  hands.run(3000);
  owe(hands, [2], 2);
  owe(hands, [3]);
  owe(hands, []);
  hands.run(3000);
  assert.equal(hands.log, []);
  assert.is(hands.world.figures()['notesLost'], 0);
});

test.run();
