import { LANE } from '@clockwise/kernel/core';
import { partitionOf } from '@clockwise/placement/token';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_FLAG } from '@clockwise/protocol/frame';
import type { RecordObject } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PARTITION_BITS, SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';
import type { Reply } from './reply-lanes.ts';
import { SCANS_MAX, SCANS_WAITING_MAX } from './scan-operation.ts';
import { type SampleOperation, textOfBytes, token64, tokenOf } from './sample-operations.ts';

/** All of one tag: one partition, one high half of the token; the low halves spread. */
const KEYS = Array.from({ length: 30 }, (_, index) => `{tag}${index}`).toSorted((left, right) =>
  token64(1, left) < token64(1, right) ? -1 : 1,
);
const PARTITION = partitionOf(tokenOf(1, KEYS[0]!).high, PARTITION_BITS);

function put(world: ReplicaWorld, key: string, value: string): void {
  world.ask([{ kind: 'write', key, value }]);
  world.endReads();
}

function scan(more: Partial<Extract<SampleOperation, { kind: 'scan' }>> = {}): SampleOperation {
  return { kind: 'scan', partition: PARTITION, ...more };
}

function contentOf(records: readonly RecordObject[]): string[] {
  return records.map(({ key, siblings }) => {
    const values = siblings.map(({ value }) => textOfBytes(value));
    return `${textOfBytes(key)}=${values.join('|')}`;
  });
}

function saysMore(reply: Reply): boolean {
  return (reply.flags & REPLY_FLAG.more) !== 0;
}

/** Pages from the beginning to the end. */
function scanAll(world: ReplicaWorld, recordsMax: number, bytesMax = 1 << 20): Reply[] {
  const pages: Reply[] = [];
  for (;;) {
    const after = pages.at(-1)?.records.at(-1);
    const cursor = after === undefined ? {} : { after };
    const replies = world.ask([scan({ recordsMax, bytesMax, ...cursor })]);
    const [page] = replies.length > 0 ? replies : world.endReads();
    pages.push(page!);
    if (!saysMore(page!)) return pages;
  }
}

/** Three generations: some keys in two tables, in a table and in memory, in one of these only. */
function layeredWorld(): { readonly world: ReplicaWorld; readonly expected: string[] } {
  const world = new ReplicaWorld();
  const newest = new Map<string, string>();
  for (const round of [1, 2, 3]) {
    KEYS.forEach((key, index) => {
      if (index % (round + 1) !== 0) return;
      put(world, key, `${round}`);
      newest.set(key, `${round}`);
    });
    if (round < 3) world.evict();
  }
  const expected = KEYS.flatMap((key) => (newest.has(key) ? [`${key}=${newest.get(key)}`] : []));
  return { world, expected };
}

test('[SO1, SM1] a page holds the newest version of every key, in order, from wherever it is', () => {
  const { world, expected } = layeredWorld();
  world.ask([scan()]);
  assert.is(world.reads.length, 2);
  const [page] = world.endReads();
  assert.equal(contentOf(page!.records), expected);
  assert.not(saysMore(page!));
});

test('[SO1] pages follow one another without a hole and without a repetition', () => {
  const { world, expected } = layeredWorld();
  for (const recordsMax of [1, 2, 7, expected.length]) {
    const pages = scanAll(world, recordsMax);
    assert.equal(
      pages.flatMap((page) => contentOf(page.records)),
      expected,
    );
    assert.ok(pages.every(({ records }) => records.length <= recordsMax));
  }
});

test('[SO1] a page of few bytes holds at least one record, and else no more bytes than that', () => {
  const { world, expected } = layeredWorld();
  for (const bytesMax of [1, 300, 1000]) {
    const pages = scanAll(world, 1000, bytesMax);
    assert.equal(
      pages.flatMap((page) => contentOf(page.records)),
      expected,
    );
    for (const { records, recordWords } of pages) {
      assert.ok(records.length === 1 || recordWords * 4 <= bytesMax);
    }
  }
});

test('[SO1] another bucket and another partition are not in the page', () => {
  const world = new ReplicaWorld();
  put(world, '{tag}1', 'here');
  world.ask([{ kind: 'write', key: '{tag}1', bucketId: 2, value: 'other' }]);
  for (let index = 0; index < 20; index += 1) put(world, `key ${index}`, 'spread');
  world.evict();
  const pages = scanAll(world, 100);
  for (const { records } of pages) {
    for (const { bucketId, token } of records) {
      assert.is(bucketId, 1);
      assert.is(Number(token >> BigInt(64 - PARTITION_BITS)), PARTITION);
    }
  }
  assert.ok(contentOf(pages[0]!.records).includes('{tag}1=here'));
});

test('[SO2] a page goes on in the tables that it holds when memory is flushed: nothing is missed or old', () => {
  const { world, expected } = layeredWorld();
  world.ask([scan()]);
  const [, second] = world.reads;
  world.endRead(0);
  world.memtable.freeze();
  world.flushAll();
  assert.is(world.reads.length, 1);
  assert.is(world.reads[0], second);
  assert.equal(contentOf(world.endReads()[0]!.records), expected);
});

test('[SO2] a page of which a range was dropped while it was read is read anew', () => {
  const { world, expected } = layeredWorld();
  world.ask([scan()]);
  world.endRead(0);
  world.memtable.dropRange({ bucketId: 9, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1 });
  assert.equal(world.endRead(0), []);
  assert.is(world.reads.length, 2);
  assert.equal(contentOf(world.endReads()[0]!.records), expected);
});

test('[SO2] what is written while tables are read is in the page', () => {
  const { world, expected } = layeredWorld();
  world.ask([scan()]);
  world.ask([{ kind: 'write', key: KEYS[1]!, value: 'late' }]);
  const [page] = world.endReads();
  const [first, ...rest] = expected;
  assert.equal(contentOf(page!.records), [first, `${KEYS[1]}=late`, ...rest]);
});

test('[SO3] a page is answered with what is durable: on the lane that waits for that', () => {
  const world = new ReplicaWorld();
  put(world, KEYS[0]!, 'x');
  const [page] = world.ask([scan()]);
  assert.is(page!.lane, LANE.durable);
  assert.not(page!.released);
  assert.ok(world.writeLog().includes(page!));
});

/** Two tables, each longer than what one page reads of it. */
function longTables(): ReplicaWorld {
  const limits = { ...SMALL_LIMITS, memtableChunkBytes: 512 * 1024 };
  const world = new ReplicaWorld(undefined, 1, limits);
  const value = 'v'.repeat(400);
  for (const first of [0, 1]) {
    for (let index = first; index < 500; index += 2) put(world, `{tag}${index}`, value);
    world.evict();
  }
  return world;
}

test('[SO4, SM2] a page ends where a table was read to, and holds a record where it says more', () => {
  const world = longTables();
  const pages = scanAll(world, 1000, 100 * 1024);
  const keys = pages.flatMap(({ records }) => records.map(({ key }) => textOfBytes(key)));
  assert.is(keys.length, 500);
  assert.is(new Set(keys).size, 500);
  assert.ok(pages.length > 2);
  assert.ok(pages.every(({ records }) => records.length > 0));
});

test('[SO4] an empty partition is one empty page', () => {
  const world = new ReplicaWorld();
  const [page] = world.ask([scan()]);
  assert.is(page!.status, STATUS_OK);
  assert.equal(page!.records, []);
  assert.not(saysMore(page!));
});

test('a page of which a block cannot be read is an error, not a shorter page', () => {
  for (const how of ['failed', 'damaged'] as const) {
    const { world } = layeredWorld();
    world.ask([scan()]);
    const [page] = world.endRead(1, how);
    assert.is(page!.status, ERRORS.READ_FAILED.code);
    assert.equal(world.endRead(0), [], 'it is answered once');
  }
});

test('[SO5] scans beyond those at work wait, and beyond those that wait are refused', () => {
  const { world } = layeredWorld();
  const accepted = SCANS_MAX + SCANS_WAITING_MAX;
  const refused = Array.from({ length: accepted + 3 }, () => world.ask([scan()])).flat();
  assert.equal(
    refused.map(({ status }) => status),
    [ERRORS.OVERLOADED.code, ERRORS.OVERLOADED.code, ERRORS.OVERLOADED.code],
  );
  const answered = world.endReads();
  assert.is(answered.length, accepted);
  assert.ok(answered.every(({ status }) => status === STATUS_OK));
});

test('[SO5] a fence answers the scans that wait', () => {
  const { world } = layeredWorld();
  for (let count = 0; count < SCANS_MAX + 5; count += 1) world.ask([scan()]);
  world.step([], [{ kind: 'log-failed', failure: 'EIO' }]);
  assert.is(world.endReads().length, SCANS_MAX + 5);
});

test('a cursor outside of its partition brings no record of another one', () => {
  const world = new ReplicaWorld();
  for (let index = 0; index < 40; index += 1) put(world, `key ${index}`, 'x');
  world.evict();
  for (let index = 0; index < 40; index += 1) put(world, `more ${index}`, 'x');
  for (let partition = 0; partition < 1 << PARTITION_BITS; partition += 1) {
    for (const name of ['key 0', 'key 1', 'key 2', 'more 3', 'more 4']) {
      const after = { key: Uint8Array.from(name, (letter) => letter.charCodeAt(0)) };
      const cursor = { ...after, token: token64(1, name) } as unknown as RecordObject;
      const replies = world.ask([scan({ partition, after: cursor })]);
      const [page] = replies.length > 0 ? replies : world.endReads();
      for (const { token } of page!.records) {
        assert.is(Number(token >> BigInt(64 - PARTITION_BITS)), partition);
      }
    }
  }
});

test.run();
