/**
 * Checks spread, shares and movement against brute force: every list that is as spread as any list can
 * be, and every combination of such lists over a few partitions.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { planZone } from './plan-zone.ts';
import { RowSpread } from './row-spread.ts';
import { type LoadBounds, loadBounds } from './shares.ts';
import { type NodeSite, type SpreadRule, spreadRule } from './spread.ts';
import { walkOrder } from './walk.ts';

const sites = (nodesMost: number, weightMost: number): fc.Arbitrary<NodeSite[]> =>
  fc
    .array(
      fc.record({
        dataCentre: fc.constantFrom('d1', 'd2', 'd3'),
        rack: fc.constantFrom('r1', 'r2', 'r3'),
        weight: fc.integer({ min: 1, max: weightMost }),
      }),
      { minLength: 1, maxLength: nodesMost },
    )
    .map((list) => list.map((site, index) => ({ id: `n${index}`, ...site })));

type List = readonly number[];

/** All subsets of `copies` nodes that use the most data centres and the most racks that any does. */
function spreadLists(nodes: readonly NodeSite[], copies: number): List[] {
  const subsets: List[] = [];
  const grow = (from: number, chosen: List): void => {
    if (chosen.length === Math.min(copies, nodes.length)) subsets.push(chosen);
    else for (let node = from; node < nodes.length; node += 1) grow(node + 1, [...chosen, node]);
  };
  grow(0, []);
  const dataCentres = (list: List): number =>
    new Set(list.map((node) => nodes[node]!.dataCentre)).size;
  const racks = (list: List): number =>
    new Set(list.map((node) => `${nodes[node]!.dataCentre}/${nodes[node]!.rack}`)).size;
  const dataCentresMost = Math.max(...subsets.map(dataCentres));
  const racksMost = Math.max(...subsets.map(racks));
  return subsets.filter(
    (list) => dataCentres(list) === dataCentresMost && racks(list) === racksMost,
  );
}

/** Every reachable load of the nodes, and the fewest copies that must move to get there. */
function reachableLoads(
  lists: readonly List[],
  nodeCount: number,
  previous: readonly List[],
): Map<string, number> {
  let states = new Map<string, number>([[new Array<number>(nodeCount).fill(0).join(), 0]]);
  for (const before of previous) {
    const next = new Map<string, number>();
    for (const [key, moved] of states) {
      const loads = key.split(',').map(Number);
      for (const list of lists) {
        const after = loads.map((load, node) => load + (list.includes(node) ? 1 : 0)).join();
        const cost = moved + list.filter((node) => !before.includes(node)).length;
        next.set(after, Math.min(cost, next.get(after) ?? Infinity));
      }
    }
    states = next;
  }
  return states;
}

function isWithin(loads: readonly number[], bounds: LoadBounds): boolean {
  return loads.every((load, node) => load >= bounds.least[node]! && load <= bounds.most[node]!);
}

interface Planned {
  readonly rule: SpreadRule;
  readonly bounds: LoadBounds;
  readonly lists: readonly List[];
}

function plan(nodes: readonly NodeSite[], copies: number, previous: readonly List[]): Planned {
  const rule = spreadRule(nodes, copies);
  const partitionCount = previous.length;
  const weights = Int32Array.from(nodes, (node) => node.weight);
  const bounds = loadBounds(rule, weights, partitionCount);
  const ids = nodes.map((node) => node.id);
  const before = new Uint8Array(partitionCount * nodes.length);
  for (const [partition, list] of previous.entries()) {
    for (const node of list) before[partition * nodes.length + node] = 1;
  }
  const walk = walkOrder(ids, partitionCount);
  const held = planZone({ rule, bounds, partitionCount, previous: before, walk });
  const lists = previous.map((_, partition) =>
    [...nodes.keys()].filter((node) => held[partition * nodes.length + node] === 1),
  );
  return { rule, bounds, lists };
}

function loadsIn(lists: readonly List[], nodeCount: number): number[] {
  return Array.from(
    { length: nodeCount },
    (_, node) => lists.filter((list) => list.includes(node)).length,
  );
}

const previousLists = fc.constantFrom(1, 2, 4).chain((partitionCount) =>
  fc.array(fc.uniqueArray(fc.nat(4), { maxLength: 4 }), {
    minLength: partitionCount,
    maxLength: partitionCount,
  }),
);

test('[S1] [R1] the rule takes exactly the lists that are as spread as any', () => {
  fc.assert(
    fc.property(sites(7, 1), fc.integer({ min: 1, max: 5 }), (nodes, copies) => {
      const rule = spreadRule(nodes, copies);
      const row = new RowSpread(rule);
      const taken: string[] = [];
      const grow = (from: number, chosen: List): void => {
        row.clear();
        for (const node of chosen) row.add(node);
        if (row.isFull) taken.push(chosen.join());
        for (let node = 0; node < nodes.length; node += 1) {
          if (row.followsWalk(node)) assert.ok(row.completes(node), 'R1');
        }
        const next = [...nodes.keys()].filter((node) => node >= from && row.completes(node));
        for (const node of next) grow(node + 1, [...chosen, node]);
      };
      grow(0, []);
      assert.equal(taken, spreadLists(nodes, copies).map(String));
    }),
    { numRuns: 300 },
  );
});

test('[R1] the walk ends with a full list wherever it starts', () => {
  fc.assert(
    fc.property(sites(7, 1), fc.integer({ min: 1, max: 5 }), fc.nat(6), (nodes, copies, start) => {
      const row = new RowSpread(spreadRule(nodes, copies));
      for (let turn = 0; turn < nodes.length * copies; turn += 1) {
        const node = (start + turn) % nodes.length;
        if (row.followsWalk(node)) row.add(node);
      }
      assert.ok(row.isFull);
    }),
  );
});

test('[Z1] [Z2] [Z3] [F1] [F2] lists are spread, loads in bounds, and no plan moves less', () => {
  fc.assert(
    fc.property(
      sites(5, 4),
      fc.integer({ min: 1, max: 4 }),
      previousLists,
      (nodes, copies, before) => {
        const previous = before.map((list) => list.filter((node) => node < nodes.length));
        const { bounds, lists } = plan(nodes, copies, previous);
        const allowed = spreadLists(nodes, copies);
        const allowedKeys = new Set(allowed.map(String));
        for (const list of lists) assert.ok(allowedKeys.has(String(list)), 'Z1');
        assert.ok(isWithin(loadsIn(lists, nodes.length), bounds), 'Z2');
        const states = reachableLoads(allowed, nodes.length, previous);
        let least = Infinity;
        for (const [key, moved] of states) {
          if (isWithin(key.split(',').map(Number), bounds)) least = Math.min(least, moved);
        }
        const moved = lists.reduce(
          (sum, list, partition) =>
            sum + list.filter((node) => !previous[partition]!.includes(node)).length,
          0,
        );
        assert.is(moved, least, 'Z3');
      },
    ),
    { numRuns: 400 },
  );
});

test('[B1] [B2] [B3] bounds are the plain shares exactly where some spread assignment meets them', () => {
  fc.assert(
    fc.property(
      sites(5, 4),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(1, 2, 4),
      (nodes, copies, partitionCount) => {
        const rule = spreadRule(nodes, copies);
        const weights = Int32Array.from(nodes, (node) => node.weight);
        const bounds = loadBounds(rule, weights, partitionCount);
        const weightSum = nodes.reduce((sum, node) => sum + node.weight, 0);
        const shares = nodes.map(
          (node) => (partitionCount * rule.copies * node.weight) / weightSum,
        );
        const plain = {
          least: Int32Array.from(shares, (share) => Math.floor(share)),
          most: Int32Array.from(shares, (share) => Math.ceil(share)),
          plain: true,
        };
        const empty = Array.from({ length: partitionCount }, (): List => []);
        const states = reachableLoads(spreadLists(nodes, copies), nodes.length, empty);
        const loads = [...states.keys()].map((key) => key.split(',').map(Number));
        const fits = loads.some((load) => isWithin(load, plain));
        assert.is(bounds.plain, fits, 'B3');
        if (fits) assert.equal([bounds.least, bounds.most], [plain.least, plain.most]);
        assert.ok(
          loads.some((load) => isWithin(load, bounds)),
          'B2',
        );
        for (const node of nodes.keys()) {
          assert.ok(bounds.most[node]! - bounds.least[node]! <= 1, 'B1');
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('[B2] with equal weights the bounds hold a most even reachable load', () => {
  fc.assert(
    fc.property(sites(5, 1), fc.integer({ min: 1, max: 4 }), (nodes, copies) => {
      const rule = spreadRule(nodes, copies);
      const bounds = loadBounds(rule, new Int32Array(nodes.length).fill(1), 4);
      const empty = Array.from({ length: 4 }, (): List => []);
      const states = reachableLoads(spreadLists(nodes, copies), nodes.length, empty);
      const squares = (loads: readonly number[]): number =>
        loads.reduce((sum, load) => sum + load * load, 0);
      const loads = [...states.keys()].map((key) => key.split(',').map(Number));
      const least = Math.min(...loads.map(squares));
      assert.ok(loads.some((load) => squares(load) === least && isWithin(load, bounds)));
    }),
    { numRuns: 300 },
  );
});

test('[B2] where the spread binds, what is left is shared by weight', () => {
  const node = (id: string, dataCentre: string, rack: string, weight: number): NodeSite => ({
    id,
    dataCentre,
    rack,
    weight,
  });
  const table: readonly (readonly [string, NodeSite[], number, number[]])[] = [
    [
      'a lone rack holds all',
      [node('a', 'd', 'x', 1), node('b', 'd', 'y', 1), node('c', 'd', 'y', 3)],
      2,
      [16, 4, 12],
    ],
    [
      'a node holds a partition once',
      [node('a', 'd', 'x', 9), node('b', 'd', 'y', 1), node('c', 'd', 'z', 3)],
      2,
      [16, 4, 12],
    ],
    [
      'a heavy data centre',
      [
        node('a', 'd', 'x', 4),
        node('b', 'd', 'y', 4),
        node('c', 'e', 'x', 1),
        node('f', 'e', 'y', 1),
      ],
      2,
      [8, 8, 8, 8],
    ],
  ];
  for (const [what, nodes, copies, loads] of table) {
    const weights = Int32Array.from(nodes, (site) => site.weight);
    const bounds = loadBounds(spreadRule(nodes, copies), weights, 16);
    assert.not.ok(bounds.plain, what);
    assert.equal([...bounds.least], loads, what);
    assert.equal([...bounds.most], loads, what);
  }
});

test.run();
