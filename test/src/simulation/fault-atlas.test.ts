/** The atlas gives up no more copies than a run's writes can spare. */
import { LEVEL } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AtlasConfiguration, FaultAtlas, victimsMax, victimsOf } from './fault-atlas.ts';

const BASE: AtlasConfiguration = {
  seed: '1',
  nodeCount: 5,
  dataCentreCount: 1,
  copies: 3,
  writeLevels: [LEVEL.quorum],
  workload: 'mixed',
  isBeyondBudget: false,
};

test('[FA1] [FA2] victims are one fewer than the least W of the run', () => {
  const table: readonly (readonly [Partial<AtlasConfiguration>, number])[] = [
    [{ writeLevels: [LEVEL.quorum] }, 1],
    [{ writeLevels: [LEVEL.bucketDefault] }, 1],
    [{ writeLevels: [LEVEL.all] }, 2],
    [{ writeLevels: [LEVEL.one] }, 0],
    [{ writeLevels: [LEVEL.all, LEVEL.one] }, 0],
    [{ writeLevels: [2, 3] }, 1],
    [{ writeLevels: [3] }, 2],
    [{ copies: 1, nodeCount: 1, writeLevels: [LEVEL.all] }, 0],
    [{ copies: 5, writeLevels: [LEVEL.quorum] }, 2],
    [{ workload: 'set-add-stale' }, 0],
  ];
  for (const [fields, expected] of table) {
    const configuration = { ...BASE, ...fields };
    assert.is(victimsMax(configuration), expected, JSON.stringify(fields));
    assert.is(victimsOf(configuration).length, expected);
  }
});

test('[FA1] victims follow from the seed, and differ between seeds', () => {
  const drawn = Array.from({ length: 40 }, (_, seed) =>
    victimsOf({ ...BASE, seed: String(seed) }).join(),
  );
  assert.equal(victimsOf(BASE), victimsOf(BASE));
  assert.is(new Set(drawn).size, BASE.nodeCount);
});

test('[FA1] only victims may be claimed, and the first time is heard of and remembered', () => {
  let now = 0;
  const heard: number[] = [];
  const atlas = new FaultAtlas(
    BASE,
    () => now,
    (node) => heard.push(node),
  );
  const [victim] = atlas.victims;
  const others = [0, 1, 2, 3, 4].filter((node) => node !== victim);
  assert.ok(others.every((node) => !atlas.claim(node)));
  now = 10;
  assert.ok(atlas.claim(victim!));
  now = 20;
  assert.ok(atlas.claim(victim!));
  assert.equal(heard, [victim]);
  assert.is(atlas.damagedBefore([0, 1, 2, 3, 4], 9), 0);
  assert.is(atlas.damagedBefore([0, 1, 2, 3, 4], 10), 1);
  assert.is(atlas.damagedBefore(others, 10), 0);
  assert.ok(atlas.isDamaged(victim!) && atlas.damagedCount === 1);
});

test('beyond the budget any node may be claimed', () => {
  const atlas = new FaultAtlas(
    { ...BASE, isBeyondBudget: true, writeLevels: [LEVEL.one] },
    () => 0,
    () => undefined,
  );
  assert.ok([0, 1, 2, 3, 4].every((node) => atlas.claim(node)));
});

test.run();
