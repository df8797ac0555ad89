// runner: limit 120s
// runner: test limit 90s
// Disks that fail under a simulated cluster, scenario by scenario: each with the faults that it is about
// and few others, so that much is done between them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { drawConfiguration, type SimulationConfiguration } from '../simulation/configuration.ts';
import { type FaultRates, NO_FAULTS } from '../simulation/fault-schedule.ts';
import { runSeed, type RunResult } from '../simulation/run-seed.ts';

/** Three copies of everything, quorums, tables that do not fit in memory. */
function configurationOf(seed: string, rates: Partial<FaultRates>): SimulationConfiguration {
  const drawn = drawConfiguration(seed);
  return {
    ...drawn,
    nodeCount: 3,
    copies: 3,
    shardCount: 1,
    clientCount: 6,
    keyCount: 60,
    workload: 'contextual',
    bucketIds: [1],
    readLevels: [LEVEL.quorum],
    writeLevels: [LEVEL.quorum],
    workMs: 4000,
    clientPace: { ...drawn.clientPace, thinkMeanMs: 5, attemptMs: 300 },
    pace: {
      ...drawn.pace,
      wakeMeanMs: 0.05,
      diskMeanMs: 0.2,
      log: { writeMeanMs: 0.2, syncMinMs: 0.1, syncMeanMs: 0.3, partialProbability: 0.3 },
    },
    links: CALM_LINKS,
    limits: {
      ...drawn.limits,
      memtableChunksMax: 6,
      memtableChunkBytes: 1 << 14,
      memtableFrozenMax: 2,
    },
    isBeyondBudget: false,
    faults: { ...NO_FAULTS, ...rates },
  };
}

function play(
  seeds: readonly string[],
  rates: Partial<FaultRates>,
  fields: Partial<SimulationConfiguration> = {},
): RunResult[] {
  return seeds.map((seed) => {
    const result = runSeed(seed, { configuration: { ...configurationOf(seed, rates), ...fields } });
    assert.equal(result.violations, [], `seed ${seed} with ${JSON.stringify({ rates, fields })}`);
    assert.ok(result.counters.faults > 0, 'disks failed');
    return result;
  });
}

function mostWasDone(results: readonly RunResult[]): void {
  for (const { seed, counters } of results) {
    assert.ok(counters.succeeded * 2 > counters.operations, `seed ${seed}: little was done`);
  }
}

test('F5 syncs fail and later ones succeed, machines lose power: what was acknowledged is there', () => {
  // In tables the lost records would be safe: here the log alone holds what was written lately.
  const { limits } = configurationOf('1', {});
  const roomy = {
    ...limits,
    memtableChunkBytes: 1 << 16,
    memtableChunksMax: 16,
    logSegmentBytes: 1 << 16,
  };
  const rates = { syncErrorMs: 200, powerLossMs: 700 };
  mostWasDone(play(['1', '2', '3', '4'], rates, { limits: roomy }));
});

test('F16 logs, tables and manifests of one node vanish: it gives its shard up, and nothing is missed', () => {
  mostWasDone(play(['1', '2'], { lostFilesMs: 700, crashMs: 900 }));
});

test('F17 disks fill up and are emptied: values are refused, no shard is fenced, all mends itself', () => {
  const { limits } = configurationOf('1', {});
  // A group fits in one of its files.
  const roomy = { ...limits, diskReserveBytes: 1 << 18 };
  const results = play(['1', '3'], { diskFullMs: 900 }, { limits: roomy });
  mostWasDone(results);
  const hits = (name: string): number =>
    results.reduce((sum, result) => sum + (result.hits.get(name) ?? 0), 0);
  assert.is(hits('replica: a shard is fenced by an error of its log'), 0);
  assert.ok(hits('log: goes on in the room of its reserve') > 0);
  assert.ok(hits('replica: a full disk refuses a put') > 100);
  assert.ok(hits('replica: a full disk has room again') >= 2);
});

test('F17 disks fill up and are emptied while machines crash: short writes lose nothing', () => {
  play(['1', '2'], { diskFullMs: 900, crashMs: 2000 });
});

test('F18 descriptors run out: no read of a table turns into "not found"', () => {
  mostWasDone(play(['1', '2'], { descriptorsMs: 600 }));
});

test('F21 bits flip and sectors fail under tables that are being read: O10', () => {
  mostWasDone(play(['1', '2'], { bitFlipMs: 30, lostSectorMs: 200 }));
});

test('F21 writes that are lost, torn or misdirected, and stale reads, on one node of three', () => {
  const rates = { badWriteMs: 150, staleReadsMs: 600, crashMs: 800, shardCrashMs: 700 };
  mostWasDone(play(['1', '2'], rates));
});

test('F23 disks are slow, or hang for up to a minute: what waited ends, or its shard is ended', () => {
  play(['1', '2'], { slowDiskMs: 1500, stuckDiskMs: 2500 }, { workMs: 14_000 });
});

test('disks that answer with errors: a shard that does not open is given up, and comes back', () => {
  play(['1', '2'], { diskErrorsMs: 800, readOnlyMs: 2500, crashMs: 900 });
});

test('O7 O10 beyond the budget anything may be lost, and nobody lies', () => {
  const rates: Partial<FaultRates> = {
    badWriteMs: 150,
    bitFlipMs: 60,
    lostSectorMs: 300,
    lostFilesMs: 1500,
    staleReadsMs: 500,
    crashMs: 700,
    powerLossMs: 1500,
  };
  play(['1', '2'], rates, { isBeyondBudget: true });
});

test.run();
