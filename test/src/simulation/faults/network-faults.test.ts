// What the network's faults are made of, and that each ends by itself.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '@clockwise/kernel/prng';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { Network } from '@clockwise/simulator/network';
import { Listener } from '@clockwise/simulator/network-world';
import { Simulation } from '@clockwise/simulator/simulation';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import type { FaultPlan } from './fault-times.ts';
import {
  CLIENTS,
  drawNetworkFaultRates,
  drawNetworkFaults,
  injectNetworkFault,
  type NetworkFault,
} from './network-faults.ts';
import { drawCuts, PARTITION_SHAPES } from './partitions.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];
const SEED_COUNT = 200;

function drawMany(): NetworkFault[] {
  return Array.from({ length: SEED_COUNT }, (_, seed) => {
    const prng = new Prng(`faults ${seed}`);
    const plan: FaultPlan = { nodeIds: NODES, shardCount: 1, workMs: 8000, victims: [] };
    return drawNetworkFaults(prng, drawNetworkFaultRates(prng.stream('rates')), plan);
  }).flat();
}

test('every kind of fault and every shape of partition is drawn, and each is left out of some runs', () => {
  const names = (fault: NetworkFault): string =>
    fault.kind === 'partition' ? fault.shape : fault.kind;
  const drawn = new Set(drawMany().map(names));
  const expected = [...PARTITION_SHAPES, 'clog', 'swizzle-clog', 'reset', 'half-open'];
  assert.equal([...drawn].toSorted(), expected.toSorted());
  const rates = Array.from({ length: SEED_COUNT }, (_, seed) =>
    drawNetworkFaultRates(new Prng(`rates ${seed}`)),
  );
  for (const kind of Object.keys(rates[0]!) as (keyof (typeof rates)[0])[]) {
    const without = rates.filter((one) => one[kind] === Infinity).length;
    assert.ok(without >= SEED_COUNT * 0.2 && without <= SEED_COUNT * 0.6, `${kind} ${without}`);
  }
});

test('a partition leaves sites on both sides; over a bridge one site sees all', () => {
  for (let seed = 0; seed < SEED_COUNT; seed += 1) {
    for (const shape of PARTITION_SHAPES) {
      const cuts = drawCuts(new Prng(`${shape} ${seed}`), shape, NODES);
      const named = new Set(cuts.flat());
      assert.ok(cuts.length > 0 && cuts.every(([from, to]) => from !== to));
      assert.is(new Set(cuts.map((cut) => cut.join('>'))).size, cuts.length, 'no link twice');
      if (shape === 'bridge') assert.is(named.size, NODES.length - 1);
      else if (shape !== 'links') assert.is(named.size, NODES.length);
      if (shape === 'isolate-one') {
        const common = NODES.filter((node) => cuts.every((cut) => cut.includes(node)));
        assert.is(common.length, 1);
      }
    }
  }
});

function makeNetwork(): { simulation: Simulation; network: Network; cluster: SimulatedCluster } {
  const simulation = new Simulation('faults');
  const network = new Network(simulation, simulation.prng.stream('network'), CALM_LINKS);
  for (const site of [...NODES, 'client-0', 'client-1']) network.join(new Listener(site));
  return { simulation, network, cluster: { network, simulation } as SimulatedCluster };
}

test('[NF1] of two faults on one link, the end of one leaves the other', () => {
  const { simulation, network, cluster } = makeNetwork();
  const cut = (forMs: number): NetworkFault => ({
    kind: 'partition',
    atMs: 0,
    shape: 'links',
    cuts: [
      ['n1', 'n2'],
      ['n1', CLIENTS],
    ],
    forMs,
  });
  injectNetworkFault(cut(100), cluster);
  injectNetworkFault(cut(200), cluster);
  assert.ok(network.isCut('n1', 'client-0') && network.isCut('n1', 'client-1'));
  assert.not.ok(network.isCut('n2', 'n1'), 'links are directed');
  simulation.run(150);
  assert.ok(network.isCut('n1', 'n2'));
  simulation.run(250);
  assert.not.ok(network.isCut('n1', 'n2') || network.isCut('n1', 'client-0'));
});

test('[NF1] everything that was drawn ends by itself', () => {
  const { simulation, network, cluster } = makeNetwork();
  for (const fault of drawMany().slice(0, 300)) {
    simulation.at(fault.atMs, () => injectNetworkFault(fault, cluster));
  }
  simulation.run(Infinity);
  const sites = [...NODES, 'client-0', 'client-1'];
  for (const from of sites) {
    for (const to of sites) assert.ok(network.link(from, to).isOpen, `${from} > ${to}`);
  }
});

test('[NF2] a swizzle clogs site after site, opens them in another order, and none after healing', () => {
  const swizzle: NetworkFault = {
    kind: 'swizzle-clog',
    atMs: 0,
    clogs: [
      { site: 'n1', fromMs: 10, untilMs: 300 },
      { site: 'n2', fromMs: 20, untilMs: 100 },
    ],
    forMs: 300,
  };
  const { simulation, network, cluster } = makeNetwork();
  injectNetworkFault(swizzle, cluster);
  const clogged = (): string[] =>
    NODES.filter((site) => network.link(site, 'n5').isClogged && site !== 'n5');
  const seen: string[][] = [];
  for (const atMs of [15, 50, 150, 400]) {
    simulation.run(atMs);
    seen.push(clogged());
  }
  assert.equal(seen, [['n1'], ['n1', 'n2'], ['n1'], []]);
  injectNetworkFault(swizzle, cluster);
  network.heal();
  simulation.run(450);
  assert.equal(clogged(), []);
});

test.run();
