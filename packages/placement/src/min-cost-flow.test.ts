import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MinCostFlow } from './min-cost-flow.ts';

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly capacity: number;
  readonly cost: number;
}

const vertexCount = 5;
const source = 0;
const sink = 4;
const edges = fc.array(
  fc.record({
    from: fc.nat(3),
    to: fc.integer({ min: 1, max: 4 }),
    capacity: fc.nat(2),
    cost: fc.nat(2),
  }),
  { maxLength: 7 },
);

function networkOf(list: readonly Edge[]): MinCostFlow {
  const flow = new MinCostFlow({ vertexCount, edgesMost: list.length });
  for (const { from, to, capacity, cost } of list) flow.addEdge(from, to, capacity, cost);
  return flow;
}

/** Tries every flow on every edge: the least cost for each amount. */
function bruteForce(list: readonly Edge[]): Map<number, number> {
  const best = new Map<number, number>();
  const surplus = new Array<number>(vertexCount).fill(0);
  const visit = (index: number, cost: number): void => {
    const edge = list[index];
    if (edge === undefined) {
      if (surplus.slice(1, -1).some((value) => value !== 0)) return;
      const amount = surplus[sink]!;
      if (amount >= 0) best.set(amount, Math.min(cost, best.get(amount) ?? Infinity));
      return;
    }
    for (let amount = 0; amount <= edge.capacity; amount += 1) {
      surplus[edge.from]! -= amount;
      surplus[edge.to]! += amount;
      visit(index + 1, cost + amount * edge.cost);
      surplus[edge.from]! += amount;
      surplus[edge.to]! -= amount;
    }
  };
  visit(0, 0);
  return best;
}

test('[M1] [M2] the flow is the largest, the cheapest of its size, and the same again', () => {
  fc.assert(
    fc.property(edges, (list) => {
      const expected = bruteForce(list);
      const flow = networkOf(list);
      const cheap = flow.augment({ source, sink, costMost: 1 });
      const costOf = (measured: MinCostFlow): number =>
        list.reduce((sum, edge, index) => sum + measured.flowOn(index) * edge.cost, 0);
      assert.is(costOf(flow), expected.get(cheap));
      const rest = flow.augment({ source, sink, costMost: Infinity });
      assert.is(cheap + rest, Math.max(...expected.keys()));
      assert.is(costOf(flow), expected.get(cheap + rest));
      const again = networkOf(list);
      again.augment({ source, sink, costMost: 1 });
      again.augment({ source, sink, costMost: Infinity });
      for (const index of list.keys()) assert.is(again.flowOn(index), flow.flowOn(index));
    }),
    { numRuns: 500 },
  );
});

test('a flow that was pushed by hand is rerouted where that is cheaper', () => {
  const flow = networkOf([
    { from: 0, to: 1, capacity: 1, cost: 0 },
    { from: 0, to: 2, capacity: 1, cost: 0 },
    { from: 1, to: 3, capacity: 1, cost: 0 },
    { from: 2, to: 3, capacity: 1, cost: 0 },
    { from: 1, to: 4, capacity: 1, cost: 1 },
    { from: 3, to: 4, capacity: 1, cost: 0 },
  ]);
  for (const edge of [0, 2, 5]) flow.push(edge);
  assert.is(flow.augment({ source, sink, costMost: 0 }), 0);
  assert.is(flow.augment({ source, sink, costMost: 1 }), 1);
  assert.equal(
    [0, 1, 2, 3, 4, 5].map((edge) => flow.flowOn(edge)),
    [1, 1, 0, 1, 1, 1],
  );
});

test.run();
