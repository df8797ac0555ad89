/**
 * One real node under fire, and a client that counts what it sends to it.
 * runner: alone
 * runner: limit 120s
 * runner: test limit 100s
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeChaosCluster } from './chaos-cluster.ts';
import { Cleanup } from './cleanup.ts';
import { connectCounted } from './counted-world.ts';

test('[CN1, CN2, CW1, CW2] faults of a node come one after the other; what is sent is counted', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'clockwise-chaos-node-'));
  const cleanup = new Cleanup();
  cleanup.add('the folder', () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const prng = new Prng(process.pid);
    const parts = { nodeCount: 1, root, network: undefined, hasSmallDisks: false, prng, cleanup };
    const cluster = await makeChaosCluster(parts);
    await cluster.start();
    const [node] = cluster.nodes;
    const options = { servers: cluster.addresses, timeoutMs: 60_000 };
    const { database, count } = await connectCounted(options, prng);
    await database.bucket().put('key', 'first');
    await database.bucket().get('key');
    assert.is(count.sent, 2);

    node!.kill(0, 0);
    node!.stop(50);
    node!.kill(10, undefined);
    await node!.settle();
    assert.equal(node!.violations, []);
    assert.equal(node!.counters, { kills: 3, stops: 1, refusedStarts: 0 });
    assert.is((await node!.node.status()).ready, true);
    assert.is((await database.bucket().get('key')).value, 'first');

    node!.node.send('SIGSTOP');
    const sentBefore = count.sent;
    const repeated = database.bucket().put('key', 'second');
    while (count.sent === sentBefore) await new Promise((turn) => setImmediate(turn));
    node!.kill(0, undefined);
    await repeated;
    await node!.settle();
    assert.equal([...count.repeated], [2]);

    process.kill(node!.node.pid!, 'SIGKILL');
    await node!.node.exited();
    await new Promise((turn) => setImmediate(turn));
    assert.match(node!.violations[0]!.text, 'ended by itself with SIGKILL');
    database.close();
    await cluster.end();
  } finally {
    cleanup.close();
  }
});

test.run();
