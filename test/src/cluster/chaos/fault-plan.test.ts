// Plans of faults: equal for equal seeds, with the kills that were asked for.
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawPlan, type FaultFamily, faultText, killsOf, type PlanOptions } from './fault-plan.ts';

const FAMILIES: readonly FaultFamily[] = ['kill', 'stop', 'net', 'disk'];

const options = (fields: Partial<PlanOptions> = {}): PlanOptions => ({
  families: FAMILIES,
  nodeCount: 3,
  kills: 20,
  gapMeanMs: 500,
  ...fields,
});

test('[FP1] equal seeds draw equal plans', () => {
  for (const seed of ['a', 'b', 'c']) {
    assert.equal(drawPlan(new Prng(seed), options()), drawPlan(new Prng(seed), options()));
  }
});

test('[FP2] a plan kills as often as was asked, at nodes that there are', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const nodeCount = 1 + (seed % 5);
    const kills = 1 + (seed % 23);
    const plan = drawPlan(new Prng(seed), options({ nodeCount, kills }));
    assert.is(
      plan.reduce((sum, fault) => sum + killsOf(fault), 0),
      kills,
    );
    for (const fault of plan) {
      const nodes = 'nodes' in fault ? fault.nodes : 'node' in fault ? [fault.node] : [];
      assert.ok(nodes.every((node) => node >= 0 && node < nodeCount));
    }
  }
});

test('a plan has each family that was asked for, and no other', () => {
  const familyOf: Readonly<Record<string, FaultFamily>> = {
    kill: 'kill',
    stop: 'stop',
    'full-disk': 'disk',
  };
  for (let seed = 0; seed < 50; seed += 1) {
    const families = FAMILIES.filter((_, index) => ((seed % 15) + 1) & (1 << index));
    const plan = drawPlan(new Prng(seed), options({ families }));
    const drawn = new Set(plan.map(({ kind }) => familyOf[kind] ?? 'net'));
    assert.equal([...drawn].toSorted(), [...families].toSorted());
  }
});

test('each kind of fault can be told to people', () => {
  const plans = Array.from({ length: 20 }, (_, seed) => drawPlan(new Prng(seed), options())).flat();
  for (const fault of plans) assert.match(faultText(fault), /n[1-3]/);
  assert.is(new Set(plans.map(({ kind }) => kind)).size, 7);
});

test.run();
