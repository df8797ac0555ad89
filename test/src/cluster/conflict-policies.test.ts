/**
 * Each conflict policy through the SDK, on three real nodes: siblings, resolve and update; limits of
 * siblings; a bucket that requires contexts; last write wins, and what it loses in /metrics.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { ClockwiseError, connect, type Database } from '@clockwise/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, type TestCluster } from './test-node.ts';

const BUCKETS = [
  { id: 2, name: 'careful', requireContext: true },
  { id: 3, name: 'last', conflictPolicy: 'lww' },
];
const SIBLINGS_MAX = 100;

const policies = suite<{ cluster: TestCluster; database: Database }>('conflict policies');
policies.before(async (context) => {
  context.cluster = await makeCluster(3, { buckets: BUCKETS });
  await context.cluster.start();
  for (const node of context.cluster.nodes) {
    await node.statusWhen(({ ring }) => ring.nodes.every(({ state }) => state === 'up'));
  }
  context.database = await connect({ servers: context.cluster.addresses, connections: 1 });
});
policies.after(async ({ cluster, database }) => {
  database.close();
  await cluster.dispose();
});

async function refusalOf(write: Promise<unknown>): Promise<readonly string[]> {
  try {
    await write;
  } catch (error) {
    if (error instanceof ClockwiseError) return [error.code, error.outcome];
    throw error;
  }
  return [];
}

/** Of all nodes: what the line of a metric ends in. */
async function metricSum(cluster: TestCluster, name: string): Promise<number> {
  let sum = 0;
  for (const { member } of cluster.nodes) {
    const response = await fetch(`http://${member.host}:${member.ports.admin}/metrics`);
    for (const line of (await response.text()).split('\n')) {
      if (line.startsWith(`${name}{`)) sum += Number(line.slice(line.lastIndexOf(' ')));
    }
  }
  return sum;
}

policies(
  'siblings: concurrent values stay; resolve shows one, update merges all',
  async ({ database }) => {
    const bucket = database.bucket();
    for (const value of [[1], [2], [3]]) await bucket.put('cart', value, { context: 'none' });
    const read = await bucket.get('cart');
    assert.is(read.value, undefined, 'without resolve nobody chooses');
    assert.equal(read.values.map(String).toSorted(), ['1', '2', '3']);
    const union = (values: readonly unknown[]): number[] =>
      [...new Set((values as readonly number[][]).flat())].toSorted((left, right) => left - right);
    const merging = database.bucket('default', { resolve: union });
    assert.equal((await merging.get('cart')).value, [1, 2, 3]);
    await merging.update('cart', (value) => [...(value as number[]), 4]);
    assert.equal((await bucket.get('cart')).value, [1, 2, 3, 4]);
  },
);

policies(
  'siblings: beyond their limit a write is refused and nothing is dropped',
  async ({ database }) => {
    const bucket = database.bucket();
    for (let value = 0; value < SIBLINGS_MAX; value += 1) {
      await bucket.put('many', value, { context: 'none', w: 'all' });
    }
    const refused = await refusalOf(bucket.put('many', 'one more', { context: 'none' }));
    assert.equal(refused, ['TOO_MANY_SIBLINGS', 'not-applied']);
    assert.is((await bucket.get('many', { r: 'all' })).values.length, SIBLINGS_MAX);
    await bucket.update('many', () => 'reconciled');
    assert.is((await bucket.get('many', { r: 'all' })).value, 'reconciled');
  },
);

policies(
  'a bucket that requires contexts refuses blind writes, and takes updates',
  async ({ database }) => {
    const bucket = database.bucket('careful');
    assert.equal(await refusalOf(bucket.put('k', 1)), ['CONTEXT_REQUIRED', 'not-applied']);
    assert.equal(await refusalOf(bucket.delete('k')), ['CONTEXT_REQUIRED', 'not-applied']);
    assert.is(await bucket.update('k', () => 1), 1);
    assert.is(await bucket.update('k', (value) => Number(value) + 1), 2);
    const { context } = await bucket.get('k');
    await bucket.put('k', 3, { context });
    assert.is((await bucket.get('k')).value, 3);
  },
);

policies(
  'A1 lww: one value, that of the last write; what was concurrent is counted in /metrics',
  async ({ cluster, database }) => {
    const bucket = database.bucket('last');
    for (const value of ['first', 'second']) await bucket.put('in-order', value);
    assert.is((await bucket.get('in-order', { r: 'all' })).value, 'second');
    const name = 'clockwise_replica_lww_discarded_concurrent';
    const before = await metricSum(cluster, name);
    for (const value of ['left', 'right']) await bucket.put('at-once', value, { context: 'none' });
    assert.equal((await bucket.get('at-once', { r: 'all' })).values, ['right']);
    let after = before;
    // Figures are asked for once in a while.
    for (let tries = 0; after === before && tries < 100; tries += 1) {
      await sleep(100);
      after = await metricSum(cluster, name);
    }
    assert.ok(after > before, `${before} then ${after}`);
  },
);

policies.run();
