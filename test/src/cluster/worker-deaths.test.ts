/**
 * Scenarios H4 and H5 in a real process: each thread of a node is ended under load, in each way, and
 * comes back; what was in flight is answered `unknown` or its connection is gone, and nothing that was
 * acknowledged is lost.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type Database } from '@clockwise/client';
import { validateConfiguration } from '@clockwise/server/configuration';
import { freePorts } from '@clockwise/server/free-ports';
import { type RunningNode, startNode } from '@clockwise/server/start-node';
import type { ActorReport, StatusReport } from '@clockwise/server/status-report';
import { suite, type uvu } from 'uvu';
import * as assert from 'uvu/assert';
import { SMALL_LIMITS } from './test-node.ts';
import { WriteLoad } from './write-load.ts';

interface Context {
  folder: string;
  node: RunningNode;
  database: Database;
}

type Actors = 'apart' | 'together';

async function startOne(folder: string, actors: Actors): Promise<RunningNode> {
  const [coordinatorPort, gossiperPort, controlPort, adminPort] = await freePorts(4, '127.0.0.1');
  const given = {
    nodeId: 'n1',
    dataFolder: path.join(folder, 'n1'),
    shards: 2,
    actors,
    limits: SMALL_LIMITS,
    runtimeLimits: { heartbeatMs: 200, hungAfterMs: 1500 },
    coordinatorPort,
    gossiperPort,
    controlPort,
    adminPort,
    logFile: path.join(folder, 'n1.log'),
  };
  const result = validateConfiguration(given, { processorCount: 2 });
  if (!result.ok) throw new Error(result.faults.join('; '));
  return startNode(result.configuration);
}

function actorOf(report: StatusReport, name: string): ActorReport {
  const found = report.actors.find((actor) => actor.name === name);
  assert.ok(found, `${name} is in the status`);
  return found;
}

/** Ends a thread, and waits until its unit has been started anew and everything is ready. */
async function killAndWait(
  node: RunningNode,
  thread: string,
  mode: 'terminate' | 'throw' | 'exit' | 'hang',
): Promise<void> {
  const unit = thread.replace('log-', 'replica-');
  const before = actorOf(await node.status(), unit).restarts;
  node.fail(thread, mode);
  for (;;) {
    const report = await node.status();
    if (report.ready && actorOf(report, unit).restarts > before) return;
    await new Promise((turn) => setTimeout(turn, 20));
  }
}

function suiteOf(actors: Actors): uvu.Test<Context> {
  const workerDeaths = suite<Context>(`worker deaths, actors ${actors}`);
  workerDeaths.before.each(async (context) => {
    context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-deaths-'));
    context.node = await startOne(context.folder, actors);
    const { self } = context.node.configuration;
    const servers = `127.0.0.1:${self.ports.coordinator}`;
    context.database = await connect({ servers, timeoutMs: 1000 });
  });
  workerDeaths.after.each(async ({ folder, node, database }) => {
    database.close();
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return workerDeaths;
}

const apart = suiteOf('apart');
const together = suiteOf('together');

apart('all actors have a thread of their own where that is asked for', async ({ node }) => {
  const { actors } = await node.status();
  const names = actors.map((actor) => actor.name).toSorted();
  assert.equal(names, [
    'anti-entropy',
    'compactor',
    'coordinator-0',
    'gossiper',
    'replica-0',
    'replica-1',
    'ring-manager',
  ]);
});

together('below four processors the coordinator lives with the first shard', async ({ node }) => {
  const before = actorOf(await node.status(), 'coordinator-0').restarts;
  await killAndWait(node, 'replica-0', 'terminate');
  assert.is(actorOf(await node.status(), 'coordinator-0').restarts, before + 1);
});

for (const workerDeaths of [apart, together]) {
  workerDeaths(
    '[H4] each thread is ended from outside under load, and is back; nothing acknowledged is lost',
    async ({ node, database }) => {
      const load = new WriteLoad({ writerCount: 24, keysPerWriter: 20, valueBytes: 200 });
      load.start(database.bucket());
      await load.progress(500);
      const units = (await node.status()).actors.map((actor) => actor.name);
      for (const thread of [...units, 'log-1']) {
        await killAndWait(node, thread, 'terminate');
        await load.progress(300);
      }
      await load.stop();
      const { lost } = await load.lost(database.bucket());
      assert.equal(lost, []);
      // What fails, fails as not known or not done: nothing else is ever said.
      const said = [...load.failures.keys()];
      assert.equal(
        said.filter((what) => !/ (unknown|not-applied)$/.test(what)),
        [],
      );
    },
  );

  workerDeaths(
    '[H5] a replica and its log writer die in their own ways, and are replaced as a pair',
    async ({ node, database }) => {
      const load = new WriteLoad({ writerCount: 24, keysPerWriter: 20, valueBytes: 2000 });
      load.start(database.bucket());
      await load.progress(500);
      for (const [thread, mode] of [
        ['replica-0', 'throw'],
        ['log-0', 'throw'],
        ['log-1', 'exit'],
        ['replica-1', 'hang'],
      ] as const) {
        await killAndWait(node, thread, mode);
        await load.progress(300);
      }
      await load.stop();
      const { lost } = await load.lost(database.bucket());
      assert.equal(lost, []);
    },
  );

  workerDeaths(
    '[H4] what is in flight at a shard that hangs ends as unknown, never as done or refused',
    async ({ node, database }) => {
      const bucket = database.bucket();
      const entries = Array.from({ length: 60 }, (_, index) => [`stuck-${index}`, index] as const);
      node.fail('replica-1', 'hang');
      const outcomes = new Set<string>();
      // The shard hangs when its thread has read that it is to: until then it does what it is asked.
      while (!outcomes.has('unknown')) {
        const results = await bucket.putMany(entries, { timeoutMs: 700 });
        for (const result of results) outcomes.add(result.ok ? 'applied' : result.error.outcome);
      }
      assert.equal([...outcomes].toSorted(), ['applied', 'unknown']);
      while (actorOf(await node.status(), 'replica-1').restarts === 0 || !node.isReady()) {
        await new Promise((turn) => setTimeout(turn, 20));
      }
      const again = await bucket.putMany(entries);
      assert.ok(again.every((result) => result.ok));
    },
  );

  workerDeaths(
    '[H4] a retry after the coordinator died is the same event: no write is there twice',
    async ({ node, database }) => {
      const bucket = database.bucket();
      const keys = Array.from({ length: 3000 }, (_, index) => `once-${index}`);
      const writing = bucket.putMany(
        keys.map((key) => ({ key, value: key, context: 'none' as const })),
        { timeoutMs: 60_000 },
      );
      await new Promise((turn) => setTimeout(turn, 30));
      node.fail('coordinator-0', 'terminate');
      const results = await writing;
      assert.equal(
        results.filter((result) => !result.ok),
        [],
      );
      const read = await bucket.getMany(keys);
      // Each put adds a sibling: one that was applied twice would be there twice.
      const wrong = keys.filter((key, index) => {
        const result = read[index]!;
        return !result.ok || result.result.values.length !== 1 || result.result.values[0] !== key;
      });
      assert.equal(wrong, []);
    },
  );
  workerDeaths.run();
}
