/**
 * One node as a process: starts, serves, stops in order, keeps its data, and refuses what it must.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { crc32 } from 'node:zlib';
import { connect } from '@clockwise/client';
import { decodeRing } from '@clockwise/placement/ring-codec';
import type { StatusReport } from '@clockwise/server/status-report';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster } from './test-node.ts';

const oneNode = suite<{ cluster: TestCluster }>('one node');
oneNode.before.each(async (context) => {
  context.cluster = await makeCluster(1, { shards: 2 });
});
oneNode.after.each(({ cluster }) => cluster.dispose());

oneNode('what is put is got, and is there again after an orderly stop', async ({ cluster }) => {
  const [node] = cluster.nodes;
  await node!.start();
  const before = await connect({ servers: cluster.addresses });
  await before.bucket().put('greeting', { text: 'hello', list: [1, null, true] });
  const entries = Array.from({ length: 2000 }, (_, index) => [`key-${index}`, index] as const);
  const written = await before.bucket().putMany(entries);
  assert.ok(written.every((result) => result.ok));
  await before.bucket().delete('key-7');
  before.close();
  assert.equal(await node!.signal('SIGTERM'), { code: 0, signal: null });

  await node!.start();
  const after = await connect({ servers: cluster.addresses });
  const greeting = await after.bucket().get('greeting');
  assert.equal({ ...(greeting.value as object) }, { text: 'hello', list: [1, null, true] });
  assert.is((await after.bucket().get('key-7')).found, false);
  const read = await after.bucket().getMany(entries.map(([key]) => key));
  const right = read.filter((result, index) => result.ok && result.result.value === index);
  assert.is(right.length, entries.length - 1);
  after.close();
});

oneNode(
  'it stops in order while it is written to, and nothing acknowledged is gone',
  async ({ cluster }) => {
    const [node] = cluster.nodes;
    await node!.start();
    const before = await connect({ servers: cluster.addresses });
    const acknowledged: string[] = [];
    const stopped = new AbortController();
    const writing = (async () => {
      for (let number = 0; !stopped.signal.aborted; number += 1) {
        const keys = Array.from({ length: 50 }, (_, index) => `key-${number}-${index}`);
        const results = await before.bucket().putMany(
          keys.map((key) => [key, 'x'.repeat(500)] as const),
          { timeoutMs: 300 },
        );
        keys.forEach((key, index) => results[index]!.ok && acknowledged.push(key));
      }
    })();
    while (acknowledged.length < 3000) await new Promise((turn) => setTimeout(turn, 5));
    const exit = await node!.signal('SIGTERM');
    stopped.abort();
    await writing;
    before.close();
    assert.equal(exit, { code: 0, signal: null });

    await node!.start();
    const after = await connect({ servers: cluster.addresses });
    const read = await after.bucket().getMany(acknowledged);
    const lost = acknowledged.filter((_, index) => !(read[index]!.ok && read[index]!.result.found));
    assert.equal(lost, []);
    after.close();
  },
);

oneNode('chunks are flushed to tables, and reads find what is only there', async ({ cluster }) => {
  const [node] = cluster.nodes;
  await node!.start();
  const database = await connect({ servers: cluster.addresses });
  const keys = Array.from({ length: 12_000 }, (_, index) => `key-${index}`);
  const written = await database.bucket().putMany(
    keys.map((key) => [key, `${key} ${'y'.repeat(900)}`] as const),
    { timeoutMs: 60_000 },
  );
  assert.ok(written.every((result) => result.ok));
  const sum = (report: StatusReport, figure: string): number =>
    [0, 1].reduce((total, shard) => total + Number(report.figures[`replica-${shard}`]![figure]), 0);
  const flushed = await node!.statusWhen((report) => sum(report, 'tables') >= 6);
  assert.is(sum(flushed, 'flushesFailed'), 0);
  database.close();
  await node!.signal('SIGTERM');

  await node!.start();
  const after = await connect({ servers: cluster.addresses });
  const read = await after.bucket().getMany(keys, { timeoutMs: 60_000 });
  const wrong = keys.flatMap((key, index) => {
    const result = read[index]!;
    if (!result.ok) return [`${key}: ${result.error.message}`];
    const { value } = result.result;
    if (typeof value === 'string' && value.startsWith(`${key} `)) return [];
    return [`${key}: ${value === undefined ? 'no value' : 'a value of another key'}`];
  });
  assert.equal(wrong, []);
  let scanned = 0;
  for await (const record of after.bucket().scan()) scanned += record.values.length;
  assert.is(scanned, keys.length);
  after.close();
});

oneNode(
  'clients are told the status and the ring through their connection',
  async ({ cluster }) => {
    const [node] = cluster.nodes;
    await node!.start();
    const database = await connect({ servers: cluster.addresses });
    const told = (await database.status()) as StatusReport;
    const report = await node!.status();
    assert.is(told.nodeId, 'n1');
    assert.equal(told.ring, report.ring);
    assert.equal(told.shards, [
      { shard: 0, state: 'ready', reason: '' },
      { shard: 1, state: 'ready', reason: '' },
    ]);
    assert.is(told.healthy, true);
    const { bytes, epoch } = await database.ring();
    const decoded = decodeRing(bytes, crc32);
    assert.is(epoch, 1);
    assert.ok(decoded.ok && decoded.ring.nodes[0]!.addresses.coordinator === node!.address);
    database.close();
  },
);

oneNode.run();
