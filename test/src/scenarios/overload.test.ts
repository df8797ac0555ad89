// runner: limit 120s
// runner: test limit 90s
// Ten times what the shards of a cluster can take: operations go by channels with credit, what
// controls a node goes beside them, and neither grows nor waits for ever.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { drawConfiguration, type SimulationConfiguration } from '../simulation/configuration.ts';
import { NO_FAULTS } from '../simulation/fault-schedule.ts';
import { runSeed } from '../simulation/run-seed.ts';

const SEED = '1';
/** So little that a shard is nearly always full. */
const CREDIT = 2;

/**
 * Three nodes whose disks take a while, and clients that never pause. Of two copies none can be spared, so
 * that the end of the run puts nobody out either.
 */
function flooded(): SimulationConfiguration {
  const drawn = drawConfiguration(SEED);
  const { limits, pace } = drawn;
  return {
    ...drawn,
    nodeCount: 3,
    copies: 2,
    dataCentreCount: 1,
    isPerDataCentre: false,
    shardCount: 1,
    clientCount: 40,
    keyCount: 200,
    workload: 'mixed',
    valueBytesMax: 64,
    bucketIds: [1],
    readLevels: [LEVEL.quorum],
    writeLevels: [LEVEL.quorum],
    strictShare: 0.15,
    workMs: 4_000,
    actorPace: { heartbeatMs: 300, compareMs: 3000 },
    isBeyondBudget: false,
    links: CALM_LINKS,
    faults: NO_FAULTS,
    buggifySiteProbability: 0,
    clientPace: { ...drawn.clientPace, attemptMs: 1500, thinkMeanMs: 0.05, backoffMeanMs: 20 },
    pace: { ...pace, log: { ...pace.log, syncMeanMs: 25 } },
    limits: { ...limits, requestsInFlightMax: 64, replicaOperationsInFlightMax: CREDIT },
  };
}

/** What only happens where a node takes another one for down, or its own shard. */
const BELIEVED_DOWN = [
  'put: a node that is suspected under a put is given a stand-in',
  'get: a stand-in is asked',
  'intake: fewer than W replicas can be reached',
];

test('H3 H1 what is under way to a shard stays within its credit, and nobody is believed down for being busy', () => {
  const { violations, loads, hits } = runSeed(SEED, { configuration: flooded() });
  assert.equal(violations, []);
  const inFlight = loads['operations in flight']!;
  assert.ok(inFlight.value >= CREDIT, `the shards were full: ${inFlight.value}`);
  assert.ok(inFlight.value <= CREDIT + 1, 'one probe besides');
  const words = loads['words on the way to a shard']!;
  assert.ok(words.value <= words.limit);
  for (const mark of BELIEVED_DOWN) assert.is(hits.get(mark), undefined, mark);
});

test.run();
