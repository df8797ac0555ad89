// runner: test limit 60s
// A7, second half: a node gives a partition up, gets it back, and writes the same keys.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { HOLDING } from '@clockwise/replica/held-partitions';
import { BUCKET } from '../simulation/configuration.ts';
import { ringWithOwner } from '../simulation/next-ring.ts';
import { RingChanges } from './ring-changes.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

interface Story {
  readonly world: ScriptedCluster;
  readonly changes: RingChanges;
  readonly partition: number;
  /** Of the partition. */
  readonly keys: readonly string[];
  /** Who has the place of n1 meanwhile. */
  taker: number;
}

/** Three copies; n1, n2 and n3 own the partition, and n1 has made dots in it. */
function begun(nodeCount: number = 4): Story {
  const world = new ScriptedCluster({ nodeCount, copies: 3, fields: { partitionBits: 6 } });
  const first = world.keyOf([0, 1, 2]);
  const partition = world.cluster.partitionOf(BUCKET.sync, first);
  const names = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  const keys = names
    .filter((key) => world.cluster.partitionOf(BUCKET.sync, key) === partition)
    .slice(0, 4);
  for (const key of keys) {
    for (const value of ['first', 'second']) {
      assert.is(world.put(0, key, value, { level: LEVEL.all }).outcome, 'ok');
    }
  }
  return { world, changes: new RingChanges(world), partition, keys, taker: 3 };
}

/** Another has the partition in the place of n1. */
function takeAway({ changes, partition, taker }: Story): void {
  changes.adopt(ringWithOwner(changes.ring, partition, 'n1', `n${taker + 1}`));
}

/** And back again: n1 writes before anybody has brought it anything. */
function giveBack({ world, changes, partition, keys, taker }: Story): void {
  changes.adopt(ringWithOwner(changes.ring, partition, `n${taker + 1}`, 'n1'));
  assert.is(changes.holding(0, partition), HOLDING.lacking);
  for (const key of keys) {
    const put = world.put(0, key, 'third', { level: LEVEL.all, isStrict: true });
    assert.is(put.outcome, 'ok');
  }
}

/** Who holds it brings all of it to n1, which answers readers from then on; the other gives it up. */
function fillAgain({ changes, partition, keys, taker }: Story): void {
  changes.owe(1, partition, [0]);
  changes.giveUp(taker, partition, keys);
  changes.fill(0, partition);
}

test('A7 gives up, gets back, puts: what others hold of the first time stays beside what is written then', () => {
  const story = begun();
  const { world, changes, partition, keys } = story;
  takeAway(story);
  changes.giveUp(0, partition, keys);
  giveBack(story);
  const asked = { level: LEVEL.one, isStrict: true } as const;
  const read = world.get(0, keys[0]!, asked);
  assert.equal(read.values.toSorted(), ['second', 'third'], 'n1 answers nothing of its own yet');
  fillAgain(story);
  assert.is(changes.holding(0, partition), HOLDING.whole);
  assert.equal(world.get(0, keys[0]!, asked).values.toSorted(), ['second', 'third']);
  assert.equal(world.verdict(), []);
  for (const key of keys) assert.equal(world.valuesAtRest(key), ['second', 'third']);
});

test('A7 gives up: a crash at any moment of it, also without power, and the rest of the story', () => {
  for (const [index, afterMs] of [0, 3, 6, 12].entries()) {
    const story = begun();
    const { world, changes, partition, keys } = story;
    const node = world.cluster.nodes[0]!;
    takeAway(story);
    changes.beginGivingUp(0, partition);
    world.pass(afterMs);
    node.crash(index % 2 === 0 ? 'drop-all' : 'keep-all');
    node.start();
    world.pass(1500);
    changes.giveUp(0, partition, keys);
    node.crash('drop-all');
    node.start();
    world.pass(1500);
    assert.is(changes.holding(0, partition), HOLDING.gone, 'it is gone for every opening');
    giveBack(story);
    fillAgain(story);
    // What came since is above the bound of the drop: it is there again.
    node.crash('drop-all');
    node.start();
    world.pass(1500);
    assert.equal(world.verdict(), [], `a crash after ${afterMs} ms`);
  }
});

test('A7 gives up: a copy that a stand-in kept since the first ring comes when the partition is back', () => {
  const story = begun(5);
  const { world, changes, partition, keys } = story;
  const { nodes, witness } = world.cluster;
  const [key] = keys;
  // A stand-in keeps for n1 what n1 misses, and is away itself until the ring has changed twice.
  world.split([0], [1, 2, 3, 4]);
  assert.is(world.put(1, key!, 'missed').outcome, 'ok');
  const holder = nodes.findIndex(({ nodeId }) => witness.mirror.hiddenOf(nodeId, 1).length > 0);
  assert.ok(holder >= 3, 'n4 or n5');
  story.taker = 7 - holder;
  world.down(holder);
  world.join();
  takeAway(story);
  changes.giveUp(0, partition, keys);
  assert.is(world.put(1, key!, 'meanwhile').outcome, 'ok');
  giveBack(story);
  assert.is(
    changes.ofEarlierRings().length,
    1,
    'it is still kept for a position of the first ring',
  );
  world.up(holder);
  world.pass(5000);
  assert.equal(changes.kept(), []);
  fillAgain(story);
  assert.equal(world.verdict(), []);
  assert.equal(world.valuesAtRest(key!), ['meanwhile', 'third']);
});

test.run();
