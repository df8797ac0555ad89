/**
 * `npm run bench -- recovery`: how long a thread of a node is away when it dies. One node with all
 * actors apart and some data in its log; each thread is made to throw, several times, and the time is
 * taken until every actor runs and every shard serves again. What is not measured: a long log's
 * replay, a machine under load, the back-off after several crashes in a row.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@clockwise/client';
import { validateConfiguration } from '@clockwise/server/configuration';
import { freePorts } from '@clockwise/server/free-ports';
import { type RunningNode, startNode } from '@clockwise/server/start-node';
import { type Benchmark, type BenchOutcome, medianOf, resultOf } from '../report.ts';

const THREADS = [
  'coordinator-0',
  'replica-0',
  'log-0',
  'gossiper',
  'ring-manager',
  'compactor',
  'anti-entropy',
] as const;
const RUNS = 3;
const KEYS = 20_000;
/** Between two crashes: longer than the window in which crashes count together is not needed. */
const PAUSE_MS = 500;
const LOOK_MS = 2;
const GIVE_UP_MS = 20_000;

export const recoveryBenchmark: Benchmark = {
  name: 'recovery',
  description: 'how long each thread of a node is away when it dies',
  run: () => runRecovery(),
};

async function runRecovery(): Promise<BenchOutcome> {
  const results = [];
  for (const thread of THREADS) {
    const times: number[] = [];
    // A node for each thread: five crashes of a shard in a minute would be its last.
    await withNode(async (node) => {
      for (let run = 0; run < RUNS; run += 1) {
        times.push(await crash(node, thread));
        await sleep(PAUSE_MS);
      }
    });
    results.push(
      resultOf({
        name: `${thread} back in service`,
        value: medianOf(times),
        unit: 'ms',
        better: 'lower',
        note: `at most ${Math.round(Math.max(...times))} ms of ${RUNS} runs`,
      }),
    );
  }
  return { results };
}

async function crash(node: RunningNode, thread: string): Promise<number> {
  const start = performance.now();
  node.fail(thread, 'throw');
  await until(() => !node.isReady(), `${thread} is away`);
  await until(() => node.isReady(), `${thread} is back`);
  return performance.now() - start;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${GIVE_UP_MS} ms: ${what}`);
    await sleep(LOOK_MS);
  }
}

async function withNode(use: (node: RunningNode) => Promise<void>): Promise<void> {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'clockwise-recovery-'));
  const [coordinatorPort, gossiperPort, controlPort, adminPort] = await freePorts(4, '127.0.0.1');
  const given = { coordinatorPort, gossiperPort, controlPort, adminPort };
  const validated = validateConfiguration(
    {
      nodeId: 'n1',
      dataFolder,
      replicas: 1,
      shards: 1,
      actors: 'apart',
      logLevel: 'error',
      logFile: path.join(dataFolder, 'log'),
      ...given,
    },
    { processorCount: 2 },
  );
  if (!validated.ok) throw new Error(validated.faults.join('; '));
  const node = await startNode(validated.configuration);
  try {
    const database = await connect({ servers: [`127.0.0.1:${coordinatorPort}`] });
    const entries = Array.from({ length: KEYS }, (_, index) => [`key-${index}`, index] as const);
    await database.bucket().putMany(entries, { timeoutMs: 20_000 });
    database.close();
    await use(node);
  } finally {
    await node.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  }
}
