// runner: limit 180s
// runner: test limit 150s
// What nodes keep for others comes to where it belongs, story by story.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { drawConfiguration, type SimulationConfiguration } from '../simulation/configuration.ts';
import { type FaultRates, NO_FAULTS } from '../simulation/fault-schedule.ts';
import { runSeed } from '../simulation/run-seed.ts';
import { LEVEL } from '@clockwise/protocol/frame';
import { ScriptedCluster } from './scripted-cluster.ts';

const KEYS = Array.from({ length: 60 }, (_, index) => `many-${index}`);

/** Puts all keys through nodes that are up; returns how many said that a stand-in was needed. */
function putAll(world: ScriptedCluster, via: readonly number[], value: string): number {
  let sloppyCount = 0;
  for (const [index, key] of KEYS.entries()) {
    const put = world.put(via[index % via.length]!, key, value.padEnd(200, '.'));
    assert.is(put.outcome, 'ok', `${key} through n${via[index % via.length]! + 1}`);
    if (put.isSloppy) sloppyCount += 1;
  }
  return sloppyCount;
}

test('C3 past what stand-ins may keep writes go on as if there were none, and marks come in their place', () => {
  const drawn = drawConfiguration('1');
  const limits = { ...drawn.limits, hintBytesMax: 4096 };
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3, fields: { limits } });
  world.down(4);
  world.pass(12_000);
  for (const value of ['one', 'two', 'three']) putAll(world, [0, 1, 2, 3], value);
  const { mirror } = world.cluster.witness;
  const kinds = new Set<string>();
  for (let node = 0; node < 4; node += 1) {
    let byteCount = 0;
    for (const hidden of mirror.hiddenOf(`n${node + 1}`, 1)) {
      kinds.add(hidden.kind);
      if (hidden.kind === 'hint') byteCount += hidden.byteCount;
    }
    assert.ok(byteCount <= 4096 + 1024, `n${node + 1} keeps ${byteCount} bytes of hinted copies`);
  }
  assert.ok(kinds.has('mark') || kinds.has('dirty'), [...kinds].join(' '));
  world.up(4);
  assert.equal(world.verdict(), []);
});

/** Of one kind, kept by all nodes. */
function keptOf(world: ScriptedCluster, kind: string): number {
  const { nodes, witness } = world.cluster;
  const hidden = nodes.flatMap(({ nodeId }) => witness.mirror.hiddenOf(nodeId, 1));
  return hidden.filter((one) => one.kind === kind).length;
}

test('C3 past the bounds of marks ranges become dirty, and are pushed whole when their target is back', () => {
  const drawn = drawConfiguration('1');
  const limits = { ...drawn.limits, owedMarksMax: 5, handOffPageBytes: 512 };
  // Three copies on three nodes: nobody is left who could stand in.
  const world = new ScriptedCluster({ nodeCount: 3, copies: 3, fields: { limits } });
  world.down(2);
  world.pass(12_000);
  assert.is(putAll(world, [0, 1], 'marked'), 0);
  world.pass(70_000);
  assert.ok(keptOf(world, 'dirty') > 0, 'ranges are dirty');
  assert.ok(keptOf(world, 'mark') <= 10, 'and few marks are left');
  // Another death on the way.
  world.down(1);
  world.up(2);
  world.pass(2000);
  world.up(1);
  world.pass(30_000);
  assert.is(world.kept(), 0);
  assert.equal(world.verdict(), []);
});

test('C3 copies past their age go to an owner, and from all owners to whom they were owed', () => {
  const drawn = drawConfiguration('1');
  const limits = { ...drawn.limits, hintAgeSecondsMax: 20, handOffPageBytes: 512 };
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3, fields: { limits } });
  world.down(4);
  world.pass(12_000);
  assert.ok(putAll(world, [0, 1, 2, 3], 'aged') > 0);
  assert.ok(keptOf(world, 'hint') > 0);
  world.pass(100_000);
  assert.is(keptOf(world, 'hint'), 0, 'all were too old');
  assert.ok(keptOf(world, 'dirty') > 0, 'ranges are dirty');
  world.up(4);
  world.pass(30_000);
  assert.is(world.kept(), 0);
  assert.equal(world.verdict(), []);
});

test('C4 a node that stands still for a while is not flooded when it goes on, and gets all that it is owed', () => {
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3 });
  world.cluster.nodes[4]!.pause(20_000);
  const begunAt = world.now;
  putAll(world, [0, 1, 2, 3], 'meanwhile');
  assert.ok(world.kept() > 0, 'somebody knows what it missed');
  const left = 20_000 - (world.now - begunAt);
  if (left > 0) world.pass(left);
  // Twice as long as it was away.
  world.pass(40_000);
  assert.is(world.kept(), 0);
  assert.equal(world.verdict(), []);
});

test('C5 a stand-in that starts again after its target is back hands off without any traffic', () => {
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3 });
  world.down(4);
  world.pass(12_000);
  putAll(world, [0, 1, 2, 3], 'kept');
  const keptCount = world.kept();
  assert.ok(keptCount > 0);
  for (const node of [0, 1, 2, 3]) world.down(node);
  world.up(4);
  assert.is(world.kept(), keptCount, 'nobody was there to hand off');
  for (const node of [0, 1, 2, 3]) world.up(node);
  world.pass(20_000);
  assert.is(world.kept(), 0);
  assert.equal(world.verdict(), []);
});

/** Three copies on five nodes, quorums, and the faults that a story is about. */
function passes(
  seed: string,
  rates: Partial<FaultRates>,
  fields: Partial<SimulationConfiguration>,
): void {
  const drawn = drawConfiguration(seed);
  const { violations, counters } = runSeed(seed, {
    configuration: {
      ...drawn,
      nodeCount: 5,
      copies: 3,
      dataCentreCount: 1,
      workload: 'mixed',
      readLevels: [LEVEL.quorum],
      writeLevels: [LEVEL.quorum],
      workMs: 8000,
      isBeyondBudget: false,
      links: CALM_LINKS,
      faults: { ...NO_FAULTS, ...rates },
      ...fields,
    },
  });
  assert.equal(violations, [], `seed ${seed}`);
  assert.ok(counters.succeeded * 2 > counters.operations, 'most operations were done');
  assert.ok(counters.hidden > 0, 'something was kept for others');
}

test('C7 hand-off over links that double and lose frames, to receivers that crash: nothing comes twice', () => {
  const links = {
    ...CALM_LINKS,
    mode: 'datagram',
    duplicateProbability: 0.5,
    lossProbability: 0.02,
    holdProbability: 0.05,
    holdMeanMs: 200,
  } as const;
  for (const seed of ['1', '2', '3']) {
    passes(seed, { longOutageMs: 3000, crashMs: 1500, shardCrashMs: 1500 }, { links });
  }
});

test('C3 C4 nodes that are down for long while little may be kept, and targets that answer late', () => {
  for (const seed of ['4', '5', '6']) {
    const { limits: drawn } = drawConfiguration(seed);
    const few = { hintBytesMax: 4096, hintAgeSecondsMax: 2, owedMarksMax: 4 };
    const limits = { ...drawn, ...few, handOffWindowMax: 2 };
    passes(seed, { longOutageMs: 3000, pauseMs: 2500 }, { limits });
  }
});

test.run();
