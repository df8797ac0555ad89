/** What is read at rest: who may be excused, and who may not. */
import { LEVEL } from '@clockwise/protocol/frame';
import { Simulation } from '@clockwise/simulator/simulation';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConvergence } from '../checkers/convergence.ts';
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
  readonly judge: SimulatedClient;
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
  return { cluster, rest, judge, victim: victim!, sound };
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

/** A value more on two nodes, and the third without room for it, which it has met. */
function fillDisk({ cluster, judge, sound }: Rest): () => void {
  const { simulation } = cluster;
  const [disk] = cluster.nodes[sound]!.disks;
  const condition = { kind: 'full', capacityBytes: disk!.usedBytes() } as const;
  disk!.faults.begin(condition);
  const context = { kind: 'overwrite' } as const;
  const isRefused = (): boolean => cluster.nodes[sound]!.refusal(0) !== undefined;
  for (let put = 0; put < 200 && !isRefused(); put += 1) {
    let isDone = false;
    const value = `w${put}`.padEnd(500, '.');
    judge.perform({ kind: 'put', ...KEY, level: LEVEL.quorum, context, value }, () => {
      isDone = true;
    });
    simulation.run(simulation.now + 5000, () => isDone);
  }
  assert.ok(isRefused(), 'it has met the full disk');
  return () => disk!.faults.end(condition);
}

test('[O4] [O11] a store that refuses for a while after its disk has room again is waited for', () => {
  const made = makeRest();
  const { cluster, rest, sound } = made;
  const giveRoom = fillDisk(made);
  giveRoom();
  assert.ok(rest.awaitShards());
  assert.not.equal(cluster.nodes[sound]!.refusal(0), undefined, 'it does not know yet');
  assert.ok(rest.awaitTaking());
  assert.is(cluster.nodes[sound]!.refusal(0), undefined);
  rest.readAll(KEY);
  cluster.simulation.run(cluster.simulation.now + 500);
  const states = rest.readEach([KEY])!;
  assert.equal(checkConvergence(states), [], 'one read mends');
  assert.equal(rest.violations, []);
});

test('[O11] a store that goes on refusing is not waited for without an end, but blamed', () => {
  const made = makeRest();
  fillDisk(made);
  assert.ok(made.rest.awaitShards());
  assert.not.ok(made.rest.awaitTaking());
  assert.equal(made.rest.violations, [
    {
      oracle: 'O11',
      text: `after healing, n${made.sound + 1} still refuses values of shard 0: its disk is full`,
    },
  ]);
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

test('[O10] a replica that answers with a version that none of them appended last lies', () => {
  const { cluster, rest } = makeRest();
  // The mirror is told that the shards lost everything; they answer all the same.
  for (const { nodeId } of cluster.nodes) cluster.witness.mirror.restored(`${nodeId}/0`, undefined);
  assert.ok(rest.awaitShards());
  rest.readEach([KEY]);
  assert.equal(
    rest.violations.map(({ oracle }) => oracle),
    ['O10', 'O10', 'O10'],
  );
});

test.run();
