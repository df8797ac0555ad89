import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { partitionOf } from '@clockwise/placement/token';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, tokenOf } from '../requests/sample-requests.ts';
import { HandOffWorld } from './hand-off-world.ts';

const KEY = 'key-1';
const PARTITION = partitionOf(tokenOf(bytes(KEY)).high, 3);
const GIVEN_UP = {
  kind: 'partition-given-up',
  request: 7,
  partition: PARTITION,
  epoch: 1,
} as const;
const OWED = 'objects of it are on their way to others';

/** Node 0 is no owner any more. */
function formerOwner(): HandOffWorld {
  return new HandOffWorld({ nodeCount: 4, replicas: [1, 2, 3] });
}

/** What comes of a message: who is told what. */
function told(hands: HandOffWorld, message: ActorMessage, from = 'ring-manager'): string[] {
  hands.world.step([{ kind: 'told', from, message }]);
  return hands.world.takeEffects().flatMap((effect) => {
    if (effect.kind !== 'tell') return [];
    const reason = effect.message.kind === 'partition-answer' ? effect.message.reason : '';
    return [`${effect.to} ${effect.message.kind} ${reason}`.trim()];
  });
}

test('A7 [PL1] a partition is dropped when all of it has gone to all owners, and not before that is known', () => {
  const hands = formerOwner();
  hands.holdObject(KEY);
  hands.holdMark(KEY, 0b001);
  const refused = [`ring-manager partition-answer ${OWED}`];
  assert.equal(told(hands, GIVEN_UP), refused, 'nothing was counted yet');
  hands.manners.set(1, 'silent');
  hands.run(3000);
  assert.equal(told(hands, GIVEN_UP), refused, 'n1 has nothing yet');
  hands.manners.set(1, 'stores');
  hands.run(8000);
  for (const node of [1, 2, 3]) {
    assert.ok(
      hands.arrived.some((one) => one.node === node && one.key === KEY),
      `${node} has it`,
    );
  }
  const passed = ['replica-0 partition-given-up'];
  assert.equal(told(hands, GIVEN_UP), passed);
  assert.equal(told(hands, GIVEN_UP), passed, 'said again it is passed on at once');
  hands.noteDirty(PARTITION, 0b010);
  assert.equal(told(hands, GIVEN_UP), refused, 'the range is owed');
  hands.run(5000);
  assert.equal(told(hands, GIVEN_UP), passed);
  hands.holdCopy(KEY, 0b001);
  hands.run(5000);
  assert.equal(told(hands, GIVEN_UP), passed, 'copies are for others');
  const answer = { kind: 'partition-answer', request: 7, partition: PARTITION } as const;
  const done = { ...answer, ok: true, reason: '' };
  assert.equal(told(hands, done, 'replica-0'), ['ring-manager partition-answer']);
});

test('[PL1] what is said to an owner, for another epoch, or of no partition, is refused', () => {
  const owner = new HandOffWorld({ nodeCount: 3, replicas: [0, 1, 2] });
  owner.run(3000);
  assert.equal(told(owner, GIVEN_UP), [
    'ring-manager partition-answer this node owns the partition in the ring of epoch 1',
  ]);
  const hands = formerOwner();
  hands.run(3000);
  assert.equal(told(hands, { ...GIVEN_UP, epoch: 2 }), [
    'ring-manager partition-answer the ring that rules here is of epoch 1',
  ]);
  assert.equal(told(hands, { ...GIVEN_UP, partition: 8 }), [
    'ring-manager partition-answer there is no partition 8',
  ]);
});

test.run();
