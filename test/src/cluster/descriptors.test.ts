/**
 * A real node that is out of descriptors for a while (F18): the bound is lowered while it runs, to those it
 * has. It may refuse and be late; it must not end, nor say "not found", and with descriptors again it does
 * all it did before.
 * runner: full
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Bucket } from '@clockwise/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, SMALL_LIMITS, type TestNode } from './test-node.ts';

const LIMITS = {
  ...SMALL_LIMITS,
  memtableChunkBytes: 256 * 1024,
  siblingBytesMax: 64 * 1024,
  blockCacheBytes: 0,
  // One table of all that there is would be open already.
  tableBytes: 16 * 1024,
};
const KEYS = 1500;
/** More than memory takes: early keys are in tables alone. */
const FILLING = 10_000;
const AMPLE = 1024;
const TIMEOUT_MS = 800;

function keysFrom(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${from + index}`);
}

/** The soft bound: of a process of one's own it may be raised again. */
function bound(node: TestNode, descriptors: number): void {
  const words = ['--pid', String(node.pid), `--nofile=${descriptors}:`];
  const { status, stderr } = spawnSync('prlimit', words, { encoding: 'utf8' });
  assert.is(status, 0, stderr);
}

/** The number that the next descriptor would have. */
function nextDescriptor(node: TestNode): number {
  const taken = new Set(readdirSync(`/proc/${node.pid}/fd`).map(Number));
  let next = 0;
  while (taken.has(next)) next += 1;
  return next;
}

/** Writes all, some at a time, again where they are refused. */
async function writeAll(bucket: Bucket, keys: readonly string[]): Promise<void> {
  let left = keys;
  while (left.length > 0) {
    const entries = left.map((key) => [key, `${key} ${key.repeat(FILLING / 10)}`] as const);
    const results = await bucket.putMany(entries, { timeoutMs: TIMEOUT_MS * 5 });
    left = left.filter((_, index) => !results[index]!.ok);
  }
}

/** How many are read; a key that is not there, or holds another's value, is said. */
async function readAll(bucket: Bucket, keys: readonly string[]): Promise<number> {
  const results = await bucket.getMany(keys, { timeoutMs: TIMEOUT_MS });
  let readCount = 0;
  for (const [index, result] of results.entries()) {
    if (!result.ok) continue;
    const [value] = result.result.values;
    assert.is(typeof value === 'string' && value.split(' ')[0], keys[index], 'never "not found"');
    readCount += 1;
  }
  return readCount;
}

test('F18 out of descriptors a node lives on and never says "not found", and heals by itself', async () => {
  const cluster = await makeCluster(1, { durability: 'none', limits: LIMITS });
  const [node] = cluster.nodes;
  try {
    await node!.start();
    const keys = keysFrom(0, KEYS);
    const first = await connect({ servers: cluster.addresses });
    await writeAll(first.bucket(), keys);
    first.close();
    // So that no thread of the pool is there yet.
    await node!.signal('SIGTERM');
    await node!.start();
    const { pid } = node!;
    const database = await connect({ servers: cluster.addresses });
    const bucket = database.bucket();
    await bucket.getMany(keys.slice(0, 1));
    bound(node!, nextDescriptor(node!));
    const readWithout = await readAll(bucket, keys);
    assert.ok(readWithout < KEYS, 'tables that are not open are not read');
    // Chunks fill up, and no flush finds a descriptor for its table, or for its thread.
    const late = keysFrom(KEYS, KEYS);
    await bucket.putMany(
      late.map((key) => [key, `${key} ${key.repeat(FILLING / 10)}`] as const),
      { timeoutMs: TIMEOUT_MS },
    );
    await readAll(bucket, keys);
    bound(node!, AMPLE);
    await writeAll(bucket, late);
    for (const all of [keys, late]) {
      let readCount = 0;
      while (readCount < KEYS) readCount = await readAll(bucket, all);
    }
    const { reasons } = await node!.statusWhen(({ healthy }) => healthy);
    assert.equal(reasons, []);
    assert.is(node!.pid, pid);
    database.close();
  } finally {
    await cluster.dispose();
  }
});

test.run();
