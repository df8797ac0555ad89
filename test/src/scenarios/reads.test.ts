// runner: limit 120s
// runner: test limit 90s
// Reads that meet replicas which cannot be believed, or which others would undo.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { drawConfiguration, type SimulationConfiguration } from '../simulation/configuration.ts';
import { type FaultRates, NO_FAULTS } from '../simulation/fault-schedule.ts';
import { runSeed, type RunResult } from '../simulation/run-seed.ts';

function play(
  seed: string,
  rates: Partial<FaultRates>,
  fields: Partial<SimulationConfiguration>,
): RunResult {
  const drawn = drawConfiguration(seed);
  const result = runSeed(seed, {
    configuration: {
      ...drawn,
      nodeCount: 3,
      copies: 3,
      dataCentreCount: 1,
      isPerDataCentre: false,
      shardCount: 1,
      clientCount: 6,
      workload: 'mixed',
      bucketIds: [1],
      readLevels: [LEVEL.quorum],
      writeLevels: [LEVEL.quorum],
      workMs: 4000,
      isBeyondBudget: false,
      links: CALM_LINKS,
      faults: { ...NO_FAULTS, ...rates },
      ...fields,
    },
  });
  assert.equal(result.violations, [], `seed ${seed}`);
  const { succeeded, operations } = result.counters;
  assert.ok(succeeded * 2 > operations, `seed ${seed}: most was done`);
  return result;
}

test('C10 a copy that rots under reads which repair neither answers "not found" nor mends the others', () => {
  for (const seed of ['1', '2', '3']) {
    const { limits } = drawConfiguration(seed);
    const small = {
      ...limits,
      memtableChunksMax: 6,
      memtableChunkBytes: 1 << 14,
      memtableFrozenMax: 2,
    };
    const rates = { bitFlipMs: 60, lostSectorMs: 300, badWriteMs: 400, crashMs: 1500 };
    const fields = { keyCount: 60, monotonicShare: 0.3, limits: { ...small, valueBytesMax: 2048 } };
    play(seed, rates, fields);
  }
});

test('C8 monotonic reads of a quorum, while puts are cut off half-way: what one returned no later one misses', () => {
  let count = 0;
  for (const seed of ['1', '2', '3', '4']) {
    const rates = { partitionMs: 400, resetMs: 400, actorCrashMs: 700, crashMs: 1200 };
    const fields = { keyCount: 3, monotonicShare: 0.8, strictShare: 0.15 };
    const { evidence } = play(seed, rates, fields);
    count += evidence.history.filter(
      (entry) => entry.kind === 'get' && entry.isMonotonic === true && entry.values !== undefined,
    ).length;
  }
  assert.ok(count > 200, `${count} monotonic reads were answered`);
});

test.run();
