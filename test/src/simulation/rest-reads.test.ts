/** What is read at rest: who may be excused, and who may not. */
import { LEVEL } from '@clockwise/protocol/frame';
import { Simulation } from '@clockwise/simulator/simulation';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { HistoryEntry } from '../checkers/history.ts';
import { drawConfiguration, type SimulationConfiguration } from './configuration.ts';
import { NO_FAULTS } from './fault-schedule.ts';
import { RestReads } from './rest-reads.ts';
import { SimulatedClient } from './simulated-client.ts';
import { CLUSTER_ID, SimulatedCluster } from './simulated-cluster.ts';

const KEY = { bucketId: 1, key: 'k' };

interface Rest {
  readonly cluster: SimulatedCluster;
  readonly rest: RestReads;
  /** The one node whose disk may lie, and one whose disk may not. */
  readonly victim: number;
  readonly sound: number;
}

/** Three nodes, each with a copy of one value. */
function makeRest(): Rest {
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
  const simulation = new Simulation('rest');
  const cluster = new SimulatedCluster(simulation, configuration);
  cluster.heal();
  simulation.run(1000);
  const history: HistoryEntry[] = [];
  const judge = new SimulatedClient({
    simulation,
    network: cluster.network,
    prng: simulation.prng.stream('judge'),
    client: 9,
    clusterId: CLUSTER_ID,
    addresses: cluster.addresses,
    limits: configuration.limits,
    pace: configuration.clientPace,
    workload: undefined,
    times: undefined,
    history,
    witness: cluster.witness,
    trustsRefusals: true,
  });
  let isPut = false;
  const context = { kind: 'overwrite' } as const;
  judge.perform({ kind: 'put', ...KEY, level: LEVEL.all, context, value: 'v' }, ({ outcome }) => {
    isPut = outcome === 'ok';
  });
  simulation.run(10_000, () => isPut);
  assert.ok(isPut);
  const [victim] = cluster.atlas.victims;
  const sound = [0, 1, 2].find((node) => node !== victim)!;
  const rest = new RestReads({ cluster, judge, copies: 3, shardCount: 1, liveMs: 20_000 });
  return { cluster, rest, victim: victim!, sound };
}

/** The log of a node is gone, and its process begins anew. */
function loseLog(cluster: SimulatedCluster, node: number): void {
  const [disk] = cluster.nodes[node]!.disks;
  for (const name of disk!.names('log-')) disk!.lose(name);
  cluster.crash(node, 'keep-all', 10);
  cluster.simulation.run(cluster.simulation.now + 10_000);
}

test('[O10] [O11] where nothing happened, all answer alike', () => {
  const { rest } = makeRest();
  assert.ok(rest.awaitShards());
  assert.equal(rest.readAll(KEY)?.values, ['v']);
  assert.is(rest.readEach([KEY])?.length, 3);
  assert.equal(rest.violations, []);
});

test('[O11] a store that was given up on a disk that lied is excused: the others answer together', () => {
  const { cluster, rest, victim } = makeRest();
  assert.ok(cluster.atlas.claim(victim));
  loseLog(cluster, victim);
  assert.ok(rest.awaitShards());
  assert.equal(rest.readAll(KEY)?.values, ['v']);
  assert.is(rest.readEach([KEY])?.length, 2);
  assert.equal(rest.violations, []);
});

test('[O11] a store that was given up on a sound disk is not', () => {
  const { cluster, rest, sound } = makeRest();
  loseLog(cluster, sound);
  assert.not.ok(rest.awaitShards());
  assert.equal(
    rest.violations.map(({ oracle }) => oracle),
    ['O11'],
  );
});

test('[O10] a replica that answers with another version than it appended last lies', () => {
  const { cluster, rest, sound } = makeRest();
  // The mirror is told that the shard lost everything; it answers all the same.
  cluster.witness.mirror.restored(`n${sound + 1}/0`, undefined);
  assert.ok(rest.awaitShards());
  rest.readEach([KEY]);
  assert.equal(
    rest.violations.map(({ oracle }) => oracle),
    ['O10'],
  );
});

test.run();
