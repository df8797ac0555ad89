/**
 * What a node refuses to start with, as whoever starts the process sees it: a code, sentences, an exit
 * status, and a folder that is as it was.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { START_ERRORS, type StartErrorCode } from '@clockwise/server/start-error';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type Settings, type TestCluster, type TestNode } from './test-node.ts';

const refusals = suite<{ cluster: TestCluster }>('refusals');
refusals.before.each(async (context) => {
  context.cluster = await makeCluster(1);
});
refusals.after.each(({ cluster }) => cluster.dispose());

async function refused(
  node: TestNode,
  overrides: Settings,
  code: StartErrorCode,
): Promise<readonly string[]> {
  const announcement = await node.launch(overrides);
  assert.is(announcement.ready, false);
  assert.is(announcement.code, code);
  assert.equal(await node.exited(), { code: START_ERRORS[code], signal: null });
  return announcement.reasons ?? [];
}

refusals('[DF1] a second process is refused while the folder is open', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  await node.start();
  const reasons = await refused(node.twin(), {}, 'DATA_FOLDER_LOCKED');
  assert.match(reasons[0]!, 'stop that one first');
  assert.is((await node.status()).ready, true);
});

refusals('[DF2] the lock of a process that was killed is taken over', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  await node.start();
  await node.signal('SIGKILL');
  await node.start();
  assert.is((await node.status()).ready, true);
});

refusals('[SR2] a ring that differs is refused with the differences', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  await node.start();
  await node.signal('SIGTERM');
  const ring = readFileSync(path.join(node.folder, 'ring-1'));
  const buckets = [{ id: 2, name: 'sessions', conflictPolicy: 'lww' }];
  const reasons = await refused(node, { partitions: 64, buckets }, 'RING_DIFFERS');
  assert.match(reasons[0]!, 'the partition count is 64 in the configuration and 256');
  assert.match(reasons[1]!, 'bucket 2 is in the configuration but not in the stored ring');
  assert.match(reasons.at(-1)!, 'start with the configuration that it was made from');
  assert.equal(readFileSync(path.join(node.folder, 'ring-1')), ring);
  await node.start();
});

refusals('[DF3] another number of shards is refused', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  await node.start();
  await node.signal('SIGTERM');
  const reasons = await refused(node, { shards: 2 }, 'DATA_FOLDER_DIFFERS');
  assert.match(reasons[0]!, 'the number of shards is "2" in the configuration and "1"');
});

refusals('[CF3] an address beyond loopback is refused', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  const members = [{ ...node.member, host: '192.0.2.1' }];
  const reasons = await refused(node, { members }, 'BAD_CONFIGURATION');
  assert.match(reasons[0]!, '--insecure');
});

refusals('[SN2] a node whose port is taken does not start', async ({ cluster }) => {
  const node = cluster.nodes[0]!;
  await node.start();
  const others = await makeCluster(1);
  const other = others.nodes[0]!;
  const { coordinator } = node.member.ports;
  const ports = { ...other.member.ports, coordinator };
  const members = [{ ...other.member, ports }];
  const reasons = await refused(other, { members }, 'START_FAILED');
  assert.match(reasons[0]!, 'EADDRINUSE');
  await others.dispose();
});

refusals('[SW1] a shard whose files are gone is given up; the rest serves', async () => {
  const cluster = await makeCluster(1, { shards: 2 });
  const node = cluster.nodes[0]!;
  await node.start();
  await node.signal('SIGTERM');
  rmSync(path.join(node.folder, 'shard-1'), { recursive: true });
  const announcement = await node.launch();
  assert.is(announcement.ready, false);
  assert.match(announcement.reasons!.join('\n'), 'replica-1 was given up');
  const { shards } = await node.status();
  assert.is(shards[0]!.state, 'ready');
  assert.is(shards[1]!.state, 'given-up');
  await cluster.dispose();
});

refusals.run();
