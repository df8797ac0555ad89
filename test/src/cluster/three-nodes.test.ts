/**
 * Three nodes as processes: any node serves any key; one that is killed is missed by nobody; all that
 * was acknowledged survives the death of all.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { rmSync } from 'node:fs';
import { connect } from '@clockwise/client';
import type { StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster } from './test-node.ts';
import { WriteLoad } from './write-load.ts';

const threeNodes = suite<{ cluster: TestCluster }>('three nodes');
threeNodes.before.each(async (context) => {
  context.cluster = await makeCluster(3);
  await context.cluster.start();
});
threeNodes.after.each(({ cluster }) => cluster.dispose());

threeNodes('what is put through one node is got through any', async ({ cluster }) => {
  const databases = await Promise.all(cluster.addresses.map((servers) => connect({ servers })));
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  for (const [index, key] of keys.entries()) {
    const result = await databases[index % 3]!.bucket().put(key, index);
    assert.ok(result.answered >= 2);
  }
  for (const database of databases) {
    const results = await database.bucket().getMany(keys);
    const right = results.filter((result, index) => result.ok && result.result.value === index);
    assert.is(right.length, keys.length);
    let scanned = 0;
    for await (const record of database.bucket().scan()) scanned += record.values.length;
    assert.is(scanned, keys.length);
  }
  for (const database of databases) database.close();
});

threeNodes(
  'one node is killed and comes back: reads and writes go on, all is there',
  async ({ cluster }) => {
    const database = await connect({ servers: cluster.addresses, connections: 2 });
    const load = new WriteLoad({ writerCount: 24, keysPerWriter: 20, valueBytes: 300 });
    load.start(database.bucket());
    await load.progress(1000);
    const [first, victim] = cluster.nodes;
    await victim!.signal('SIGKILL');
    await load.progress(1000);
    const missed = await first!.statusWhen((report) => report.ring.nodes[1]!.state === 'down');
    assert.is(missed.ready, true);
    assert.is(missed.healthy, false);
    assert.match(missed.reasons.join('\n'), 'node n2 is down');
    await load.progress(1000);
    await victim!.start();
    await first!.statusWhen((report) => report.ring.nodes[1]!.state === 'up');
    await load.progress(1000);
    await load.stop();
    const { lost, read } = await load.lost(database.bucket());
    assert.equal(lost, []);
    assert.ok(read >= 24);
    database.close();
  },
);

threeNodes(
  'all nodes are killed during writes: every acknowledged write is there',
  async ({ cluster }) => {
    const load = new WriteLoad({ writerCount: 48, keysPerWriter: 50, valueBytes: 600 });
    for (let round = 0; round < 2; round += 1) {
      const database = await connect({
        servers: cluster.addresses,
        connections: 3,
        timeoutMs: 1000,
      });
      load.start(database.bucket());
      await load.progress(2500);
      await Promise.all(cluster.nodes.map((node) => node.signal('SIGKILL')));
      await load.stop();
      database.close();
      await cluster.start();
      const after = await connect({ servers: cluster.addresses });
      const { lost, read } = await load.lost(after.bucket());
      assert.equal(lost, []);
      assert.ok(read >= 48);
      after.close();
    }
  },
);

threeNodes(
  'what a node lost is reported as differing, and what it did not is not',
  async ({ cluster }) => {
    const database = await connect({ servers: cluster.addresses });
    const entries = Array.from(
      { length: 3000 },
      (_, index) => [`before-${index}`, `${index} ${'z'.repeat(900)}`] as const,
    );
    const before = await database.bucket().putMany(entries, { w: 'all', timeoutMs: 60_000 });
    const failures = before.flatMap((result) => (result.ok ? [] : [result.error.message]));
    assert.equal(failures, []);
    await Promise.all(cluster.nodes.map((node) => node.signal('SIGKILL')));
    await cluster.start();
    const [first, , third] = cluster.nodes;
    const differing = (report: StatusReport): number[] =>
      report.differences.map((difference) => difference.partitionsDiffering);
    // Of tables and logs that were recovered, the same trees.
    const equal = await first!.statusWhen((report) => differing(report).length === 2);
    assert.equal(differing(equal), [0, 0]);
    assert.equal(
      equal.differences.map((difference) => difference.partitionsCompared),
      [256, 256],
    );
    assert.is(equal.healthy, true);

    // What it only missed would be handed over to it.
    await third!.signal('SIGKILL');
    rmSync(third!.folder, { recursive: true });
    await third!.start();
    const report = await first!.statusWhen((now) => (differing(now)[1] ?? 0) > 0);
    assert.is(report.healthy, false);
    assert.match(report.reasons.join('\n'), 'partitions differ from those of node n3');
    assert.is(differing(report)[0], 0);
    database.close();
  },
);

threeNodes.run();
