import { Prng } from '@clockwise/kernel/prng';
import { replicasOf } from '@clockwise/placement/placement-table';
import { Simulation } from '@clockwise/simulator/simulation';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_FAULTS } from './fault-schedule.ts';
import { LivenessPhase } from './liveness-phase.ts';
import { planOf } from './run-plan.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

function cluster(seed: string, nodeCount: number, copies: number): SimulatedCluster {
  const { configuration } = planOf(seed, { nodeCount, copies, faults: NO_FAULTS });
  return new SimulatedCluster(new Simulation(seed), configuration);
}

test('[LV1] the core holds a quorum of every partition, and is not always all', () => {
  let smallerCount = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const nodeCount = 1 + (seed % 7);
    const copies = Math.min(nodeCount, 1 + (seed % 5));
    const simulated = cluster(String(seed), nodeCount, copies);
    const { core } = new LivenessPhase(simulated, new Prng(seed), copies);
    const [table] = simulated.ring.assignments;
    for (let partition = 0; partition < simulated.ring.partitionCount; partition += 1) {
      const first = replicasOf(table!, partition);
      const replicas = [...table!.table.subarray(first, first + copies)];
      const inside = replicas.filter((node) => core.includes(node)).length;
      assert.ok(inside >= (copies >> 1) + 1, `seed ${seed}, partition ${partition}: ${inside}`);
    }
    if (core.length < nodeCount) smallerCount += 1;
  }
  assert.ok(smallerCount > 10, `${smallerCount} cores were smaller than their clusters`);
});

test('[LV2] who is down stays down until the cluster is healed; damage leaves less to spare', () => {
  let downCount = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const simulated = cluster(String(seed), 5, 5);
    simulated.start();
    simulated.simulation.run(100);
    const phase = new LivenessPhase(simulated, new Prng(seed), 5);
    phase.begin();
    for (const node of simulated.nodes) node.start();
    const down = simulated.nodes.filter((node) => !node.isRunning);
    downCount += down.length;
    assert.ok(down.every((node) => !phase.core.includes(simulated.nodes.indexOf(node))));
    simulated.simulation.run(2000);
    assert.ok(down.every((node) => !node.isRunning));
    simulated.heal();
    assert.ok(simulated.nodes.every((node) => node.isRunning));
  }
  assert.ok(downCount > 2, `${downCount} nodes were down`);
});

test('[O11] who got nothing done is named, with what was out', () => {
  const simulated = cluster('3', 3, 3);
  const phase = new LivenessPhase(simulated, new Prng(3), 3);
  const said = phase.judge([
    { site: 'client-500', progressCount: 2 },
    { site: 'client-501', progressCount: 0 },
  ]);
  assert.is(said.length, 1);
  assert.match(said[0]!.text, /^client-501 got nothing done at quorum although /);
});

test.run();
