/**
 * One node with a store so small that it flushes and merges while it is written to.
 * runner: alone
 * runner: limit 240s
 * runner: test limit 120s
 */
import { connect, type Database } from '@clockwise/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeCluster, SMALL_LIMITS } from './test-node.ts';

const ROUNDS = 8;
const PARTS = 20;
const KEYS_A_PART = 200;
const LIMITS = {
  ...SMALL_LIMITS,
  memtableChunkBytes: 512 * 1024,
  siblingBytesMax: 32 * 1024,
  tableBytes: 256 * 1024,
  levelBytes1: 1024 * 1024,
  levelFanout: 4,
  runsMin: 3,
  runsSlow: 6,
  runsMax: 10,
  tableCodec: 1,
};

function keysOf(part: number): string[] {
  return Array.from({ length: KEYS_A_PART }, (_, index) => `key-${part * KEYS_A_PART + index}`);
}

async function countOf(database: Database, value: string): Promise<number> {
  let count = 0;
  for (let part = 0; part < PARTS; part += 1) {
    const results = await database.bucket().getMany(keysOf(part));
    for (const one of results) {
      const held = one.ok ? one.result.value : undefined;
      if (typeof held === 'string' && held.startsWith(value)) count += 1;
    }
  }
  return count;
}

test('F11 tables are merged under load: writes are slowed, not refused for good, and the last values stay', async () => {
  const cluster = await makeCluster(1, { shards: 1, durability: 'none', limits: LIMITS });
  try {
    const [node] = cluster.nodes;
    await node!.start();
    const database = await connect({ servers: cluster.addresses });
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let part = 0; part < PARTS; part += 1) {
        const value = `round ${round} ${'y'.repeat(200)}`;
        const entries = keysOf(part).map((key) => [key, value] as const);
        const results = await database.bucket().putMany(entries, { timeoutMs: 20_000 });
        assert.ok(
          results.every(({ ok }) => ok),
          `round ${round}, part ${part}`,
        );
      }
    }
    const report = await node!.statusWhen(
      (status) => Number(status.figures['replica-0']?.['mergesEnded']) > 0,
    );
    const figures = report.figures['replica-0']!;
    assert.is(figures['mergesFailed'], 0);
    const last = `round ${ROUNDS - 1}`;
    assert.is(await countOf(database, last), PARTS * KEYS_A_PART);
    database.close();
    await node!.signal('SIGKILL');
    await node!.start();
    const after = await connect({ servers: cluster.addresses });
    const kept = await countOf(after, 'round');
    assert.is(kept, PARTS * KEYS_A_PART, 'a key that a table holds is there after a kill');
    after.close();
  } finally {
    await cluster.dispose();
  }
});

test.run();
