// runner: test limit 60s
// What nodes keep for others, and what they give up, through rings of later epochs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { BUCKET, drawConfiguration } from '../simulation/configuration.ts';
import { type Membership, ringOfMembers, ringWithOwner } from '../simulation/next-ring.ts';
import { RingChanges } from './ring-changes.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `many-${index}`);
const TARGET = 4;

/** Five nodes, the last of which is down: stand-ins keep what it misses. */
function withHints(): { readonly world: ScriptedCluster; readonly changes: RingChanges } {
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3 });
  world.down(TARGET);
  world.pass(12_000);
  for (const [index, key] of KEYS.entries()) {
    const put = world.put(index % 4, key, 'kept', { level: LEVEL.one });
    assert.is(put.outcome, 'ok');
  }
  world.pass(500);
  assert.ok(world.kept() > KEYS.length / 3, 'something is kept for who is down');
  return { world, changes: new RingChanges(world) };
}

/** Ends a process, or lets it stand still, each time when so many more hidden records were written. */
function disturb(world: ScriptedCluster, changes: RingChanges, how: 'crash' | 'pause'): number {
  const { cluster } = world;
  const { simulation, members, witness } = cluster;
  let steps = 0;
  while (changes.kept().length > 0 && steps < 24) {
    const seen = witness.hiddenCount;
    simulation.run(simulation.now + 10_000, () => witness.hiddenCount > seen);
    const node = members[steps % members.length]!;
    if (how === 'pause') {
      node.pause(300);
    } else {
      node.crash('drop-all');
      simulation.after(100, () => node.start());
    }
    steps += 1;
  }
  return steps;
}

const OPERATIONS: readonly (readonly [string, Membership, 'at once' | 'in turn'])[] = [
  ['decommission', { leave: ['n5'] }, 'in turn'],
  ['remove', { leave: ['n5'] }, 'at once'],
  ['replace', { leave: ['n5'], join: ['n6'] }, 'at once'],
];

for (const [name, membership, manner] of OPERATIONS) {
  for (const how of ['crash', 'pause'] as const) {
    test(`C6 ${name}: what was kept for a node that left goes to the present owners, whatever step meets a ${how}`, () => {
      const { world, changes } = withHints();
      const next = ringOfMembers(changes.ring, membership);
      if (manner === 'at once') changes.restart(next);
      else changes.restartInTurn(next, 200);
      assert.ok(disturb(world, changes, how) > 3, 'steps were disturbed');
      world.pass(15_000);
      assert.equal(
        changes.ofEarlierRings(),
        [],
        'nothing is addressed to positions of the ring before',
      );
      assert.equal(changes.kept(), [], 'and nothing is kept any more');
      assert.equal(world.verdict(), []);
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

test.run();
