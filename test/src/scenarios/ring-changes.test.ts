// runner: test limit 60s
// What nodes keep for others, and what they give up, through rings of later epochs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { BUCKET, drawConfiguration } from '../simulation/configuration.ts';
import { ringWithOwner } from '../simulation/next-ring.ts';
import { judgeLeaving, LEAVINGS } from './node-that-left.ts';
import { RingChanges } from './ring-changes.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `many-${index}`);

for (const leaving of LEAVINGS) {
  for (const how of ['crash', 'pause'] as const) {
    test(`C6 ${leaving.name}: what was kept for a node that left goes to the present owners, whatever step meets a ${how}`, () => {
      assert.equal(judgeLeaving(leaving, 30, how), []);
    });
  }
}

for (const [kind, owedMarksMax] of [
  ['marks', 100],
  ['a dirty range', 1],
] as const) {
  test(`C6 ${kind} of an owner that is none any more: what it alone has goes to the present owners`, () => {
    const { limits } = drawConfiguration('1');
    const fields = { limits: { ...limits, owedMarksMax } };
    const world = new ScriptedCluster({ nodeCount: 4, copies: 3, fields });
    const changes = new RingChanges(world);
    const key = world.keyOf([0, 1, 2]);
    const partition = world.cluster.partitionOf(BUCKET.sync, key);
    const keys = KEYS.filter(
      (other) => world.cluster.partitionOf(BUCKET.sync, other) === partition,
    );
    for (const node of [1, 2]) world.down(node);
    for (const [index, other] of [key, ...keys].entries()) {
      const put = world.put(0, other, `alone ${index}`, { level: LEVEL.one, isStrict: true });
      assert.is(put.outcome, 'ok');
    }
    world.pass(owedMarksMax === 1 ? 70_000 : 500);
    const kinds = changes.kept().map((kept) => kept.kind);
    assert.ok(kinds.includes(owedMarksMax === 1 ? 'dirty' : 'mark'), kinds.join(' '));
    for (const node of [1, 2]) world.cluster.nodes[node]!.isHeldDown = false;
    changes.restart(ringWithOwner(changes.ring, partition, 'n1', 'n4'));
    world.pass(15_000);
    assert.equal(changes.kept(), []);
    assert.equal(world.verdict(), []);
  });
}

test('C6 what is written through a node that has the ring before comes to the present owners', () => {
  const world = new ScriptedCluster({ nodeCount: 4, copies: 3 });
  const changes = new RingChanges(world);
  const key = world.keyOf([0, 1, 2]);
  const partition = world.cluster.partitionOf(BUCKET.sync, key);
  changes.adopt(ringWithOwner(changes.ring, partition, 'n1', 'n4'), 1);
  // To the others it is as if it had no link: nobody acknowledges what it places by the old list.
  assert.is(world.put(1, key, 'late', { level: LEVEL.one }).outcome, 'ok');
  world.pass(500);
  assert.ok(changes.kept().length > 0, 'it knows whom it could not reach');
  changes.adoptLate(1);
  world.pass(5000);
  assert.equal(changes.kept(), []);
  assert.equal(world.verdict(), []);
});

test.run();
