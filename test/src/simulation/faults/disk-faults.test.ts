/** The draw of disk faults, and that what destroys data asks the atlas first. */
import { Prng } from '@clockwise/kernel/prng';
import { Simulation } from '@clockwise/simulator/simulation';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { drawConfiguration, type SimulationConfiguration } from '../configuration.ts';
import { NO_FAULTS } from '../fault-schedule.ts';
import { SimulatedCluster } from '../simulated-cluster.ts';
import { type DiskFaultRates, drawDiskFaultRates, drawDiskFaults } from './disk-fault-draw.ts';
import { type DiskFault, injectDiskFault } from './disk-faults.ts';
import type { FaultPlan } from './fault-times.ts';

const PLAN: FaultPlan = {
  nodeIds: ['n1', 'n2', 'n3'],
  shardCount: 2,
  workMs: 20_000,
  victims: [1],
};
const SILENT = ['bad-write', 'stale-reads', 'lost-sector', 'bit-flip', 'lost-files'];
const LOUD = [
  'disk-errors',
  'sync-error',
  'disk-full',
  'descriptors',
  'read-only',
  'slow-disk',
  'stuck-disk',
];

function drawMany(plan: FaultPlan): DiskFault[] {
  return Array.from({ length: 300 }, (_, seed) => {
    const prng = new Prng(`disk faults ${seed}`);
    return drawDiskFaults(prng, drawDiskFaultRates(prng.stream('rates')), plan);
  }).flat();
}

test('every kind is drawn, each is left out of some runs, and victims alone lose data', () => {
  const faults = drawMany(PLAN);
  assert.equal(
    [...new Set(faults.map(({ kind }) => kind))].toSorted(),
    [...SILENT, ...LOUD].toSorted(),
  );
  const silent = faults.filter(({ kind }) => SILENT.includes(kind));
  assert.ok(silent.every(({ node }) => node === 1));
  assert.ok(drawMany({ ...PLAN, victims: [] }).every(({ kind }) => LOUD.includes(kind)));
  const rates = Array.from({ length: 300 }, (_, seed) => drawDiskFaultRates(new Prng(`${seed}`)));
  for (const kind of Object.keys(rates[0]!) as (keyof DiskFaultRates)[]) {
    const without = rates.filter((drawn) => drawn[kind] === Infinity).length;
    assert.ok(without > 60 && without < 300, `${kind} is left out of ${without} of 300 runs`);
  }
});

test('[KF2] faults are plain data, and those that last say for how long', () => {
  const faults = drawMany(PLAN);
  assert.equal(JSON.parse(JSON.stringify(faults)), faults);
  const lasting = LOUD.filter((kind) => kind !== 'sync-error').concat('stale-reads');
  for (const fault of faults) assert.is('forMs' in fault, lasting.includes(fault.kind));
});

/** A calm cluster of three, of which one node may be damaged. */
function makeCluster(): SimulatedCluster {
  const configuration: SimulationConfiguration = {
    ...drawConfiguration('1'),
    nodeCount: 3,
    copies: 3,
    shardCount: 1,
    writeLevels: [LEVEL.quorum],
    workload: 'mixed',
    isBeyondBudget: false,
    faults: NO_FAULTS,
  };
  const cluster = new SimulatedCluster(new Simulation('disk faults'), configuration);
  cluster.start();
  cluster.simulation.run(1000);
  return cluster;
}

test('[KF1] files of a victim are lost, those of others are not', () => {
  const cluster = makeCluster();
  for (const [node, { disks }] of cluster.nodes.entries()) {
    const held = disks[0]!.names().length;
    assert.ok(held > 0);
    injectDiskFault(
      { kind: 'lost-files', atMs: 0, node, shard: 0, files: 'log-', how: 'removed' },
      cluster,
    );
    const isVictim = cluster.atlas.victims.includes(node);
    assert.is(disks[0]!.names('log-').length === 0, isVictim);
    assert.is(cluster.atlas.isDamaged(node), isVictim);
  }
});

test('F16 a store whose log is gone is given up; the others serve, and healing does not bring it back', () => {
  const cluster = makeCluster();
  const [victim] = cluster.atlas.victims;
  injectDiskFault(
    { kind: 'lost-files', atMs: 0, node: victim!, shard: 0, files: 'log-', how: 'removed' },
    cluster,
  );
  cluster.crash(victim!, 'keep-all', 10);
  cluster.simulation.run(20_000);
  assert.is(cluster.nodes[victim!]!.trouble(0)?.kind, 'given-up');
  cluster.heal();
  cluster.simulation.run(40_000);
  for (const [node, { isSettled }] of cluster.nodes.entries()) {
    assert.ok(isSettled);
    assert.is(cluster.nodes[node]!.isServing(0), node !== victim);
  }
});

test('[SS1] [SS2] a disk that fails every call: the shard is given up, and comes back with the operator', () => {
  const cluster = makeCluster();
  injectDiskFault(
    {
      kind: 'disk-errors',
      atMs: 0,
      node: 0,
      shard: 0,
      calls: 'all',
      probability: 1,
      code: 'EIO',
      forMs: 600_000,
    },
    cluster,
  );
  cluster.crash(0, 'keep-all', 10);
  const { simulation } = cluster;
  simulation.run(60_000, () => cluster.nodes[0]!.trouble(0) !== undefined);
  assert.is(cluster.nodes[0]!.trouble(0)?.kind, 'given-up');
  simulation.run(60_000, () => cluster.nodes[0]!.isServing(0));
  assert.ok(cluster.nodes[0]!.isServing(0));
});

test('[KF2] F23 a disk that is stuck for a minute is well once the cluster is healed', () => {
  const cluster = makeCluster();
  const [tempo] = cluster.nodes[0]!.tempos;
  injectDiskFault({ kind: 'stuck-disk', atMs: 0, node: 0, calls: 'all', forMs: 60_000 }, cluster);
  cluster.simulation.run(5000);
  assert.ok(tempo!.stuckMs('write') > 0);
  cluster.heal();
  assert.is(tempo!.stuckMs('write'), 0);
});

test.run();
