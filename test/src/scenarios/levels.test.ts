// runner: limit 180s
// runner: test limit 150s
// Each way to choose R and W under faults, by name: what a later read must see it sees (O6), and all
// else that a run is judged by.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { drawConfiguration, type SimulationConfiguration } from '../simulation/configuration.ts';
import { NO_FAULTS } from '../simulation/fault-schedule.ts';
import { runSeed } from '../simulation/run-seed.ts';

function passes(fields: Partial<SimulationConfiguration>): void {
  let strictReads = 0;
  for (const seed of ['1', '2', '3']) {
    const drawn = drawConfiguration(seed);
    const faults = { ...NO_FAULTS, partitionMs: 1500, crashMs: 2500, longOutageMs: 5000 };
    const { violations, counters, evidence } = runSeed(seed, {
      configuration: {
        ...drawn,
        nodeCount: 5,
        copies: 3,
        dataCentreCount: 1,
        isPerDataCentre: false,
        workload: 'mixed',
        bucketIds: [1],
        workMs: 5000,
        isBeyondBudget: false,
        links: CALM_LINKS,
        strictShare: 0.5,
        faults,
        ...fields,
      },
    });
    assert.equal(violations, [], `seed ${seed}`);
    assert.ok(counters.succeeded * 2 > counters.operations, `seed ${seed}: most was done`);
    strictReads += evidence.history.filter(
      (entry) => entry.kind === 'get' && entry.isStrict === true && entry.values !== undefined,
    ).length;
  }
  assert.ok(strictReads > 100, 'O6 has something to judge');
}

test('W=1, R=N: a strict read of all sees what any one primary acknowledged', () => {
  passes({ writeLevels: [LEVEL.one], readLevels: [LEVEL.all, LEVEL.one] });
});

test('R=1, W=N: a read of any one primary sees what all acknowledged', () => {
  passes({ writeLevels: [LEVEL.all, LEVEL.one], readLevels: [LEVEL.one] });
});

test('W+R>N: a strict quorum sees what a quorum acknowledged', () => {
  passes({ writeLevels: [LEVEL.quorum], readLevels: [LEVEL.quorum] });
});

test('LV2 local-quorum and each-quorum in two data centres of three copies each', () => {
  passes({
    nodeCount: 6,
    copies: 6,
    dataCentreCount: 2,
    isPerDataCentre: true,
    writeLevels: [LEVEL.localQuorum, LEVEL.eachQuorum],
    readLevels: [LEVEL.localQuorum],
  });
});

test.run();
