import { RESPONSE_FLAG, SCAN } from '@clockwise/protocol/frame';
import {
  ENTRY_WORDS,
  HEADER,
  SIBLING_HEADER_WORDS,
  VALUE_CODEC,
  paddedWords,
} from '@clockwise/protocol/response-body';
import { writeBytes } from '@clockwise/protocol/word-bytes';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryWorld } from './memory-world.ts';
import type { ScanRecord } from './results.ts';
import { cursorText, parseCursor, type ScanCursor } from './scan-cursor.ts';
import {
  refusal,
  writeSibling,
  type Script,
  type ScriptedAnswer,
  type ScriptedRequest,
} from './scripted-node.ts';
import type { Bucket } from './bucket.ts';

const HEADER_WORDS = 8;
const PARTITION_COUNT = 8;
const RECORDS_PER_PARTITION = 5;

/** A record as replicas hold it: one entry that covers its one sibling. */
function recordOf(key: string, token: number, isTombstone: boolean): Int32Array {
  const keyBytes = Buffer.from(key);
  const value = Buffer.from(isTombstone ? '' : `value of ${key}`);
  const keyWords = paddedWords(keyBytes.length);
  const siblingWords = SIBLING_HEADER_WORDS + paddedWords(value.length);
  const words = new Int32Array(HEADER_WORDS + keyWords + ENTRY_WORDS + siblingWords);
  words[HEADER.wordCount] = words.length;
  words[HEADER.kind] = (isTombstone ? 3 : 1) | (1 << 24);
  words[HEADER.bucketId] = 1;
  words[HEADER.tokenHigh] = token;
  words[HEADER.keyAndContext] = keyBytes.length | (1 << 16);
  words[HEADER.siblingsAndRecents] = 1;
  let position = writeBytes(words, HEADER_WORDS, keyBytes);
  words.set([0x1111, 0x2222, 1, 0], position);
  position += ENTRY_WORDS;
  const codec = isTombstone ? VALUE_CODEC.bytes : VALUE_CODEC.text;
  writeSibling(words, position, { codec, bytes: value, isTombstone }, 0);
  return words;
}

interface Position {
  readonly partition: number;
  readonly hasPosition: number;
  readonly token: number;
  readonly recordsMax: number;
}

function positionOf(request: ScriptedRequest): Position {
  const words = new Int32Array(Uint8Array.from(request.value).buffer);
  return {
    partition: words[SCAN.partition]!,
    hasPosition: words[SCAN.hasPosition]!,
    token: words[SCAN.tokenHigh]!,
    recordsMax: words[SCAN.recordsMax]!,
  };
}

/** Partitions with five records each; the third of each is deleted. */
function pages(request: ScriptedRequest): ScriptedAnswer {
  const { partition, hasPosition, token, recordsMax } = positionOf(request);
  const from = hasPosition === 0 ? 0 : token + 1;
  const to = Math.min(from + recordsMax, RECORDS_PER_PARTITION);
  const records: Int32Array[] = [];
  for (let place = from; place < to; place += 1) {
    records.push(recordOf(`p${partition}r${place}`, place, place === 2));
  }
  const more = to < RECORDS_PER_PARTITION ? RESPONSE_FLAG.more : 0;
  return { status: 0, records, flags: more | RESPONSE_FLAG.complete };
}

async function start(script: Script = pages): Promise<{ world: MemoryWorld; bucket: Bucket }> {
  const world = new MemoryWorld();
  world.node('a:1').script = script;
  const db = await world.connect();
  return { world, bucket: db.bucket() };
}

/** Walks while the world runs. */
async function walk(world: MemoryWorld, records: AsyncIterable<ScanRecord>): Promise<string[]> {
  const iterator = records[Symbol.asyncIterator]();
  const keys: string[] = [];
  for (;;) {
    const stepping = iterator.next().then(
      (step) => ({ ok: true, step }) as const,
      (error: unknown) => ({ ok: false, error }) as const,
    );
    await world.advance(5);
    const outcome = await stepping;
    if (!outcome.ok) throw outcome.error;
    if (outcome.step.done === true) return keys;
    keys.push(String(outcome.step.value.key));
  }
}

const ALL = Array.from({ length: PARTITION_COUNT }, (_, partition) =>
  [0, 1, 3, 4].map((place) => `p${partition}r${place}`),
).flat();

test('a scan walks all partitions and leaves out what is deleted', async () => {
  const { world, bucket } = await start();
  const scan = bucket.scan({ pageRecordsMax: 2 });
  assert.equal(await walk(world, scan), ALL);
  assert.ok(scan.complete);
});

test('[SN1] from any cursor on, nothing is repeated and nothing is skipped', async () => {
  for (let limit = 1; limit <= ALL.length; limit += 3) {
    const { world, bucket } = await start();
    const first = bucket.scan({ limit, pageRecordsMax: 3 });
    const before = await walk(world, first);
    assert.is(before.length, limit);
    assert.not(first.complete);
    const second = bucket.scan({ cursor: first.cursor!, pageRecordsMax: 2 });
    assert.equal([...before, ...(await walk(world, second))], ALL);
    const third = bucket.scan({ cursor: second.cursor! });
    assert.equal(await walk(world, third), []);
    assert.ok(third.complete);
  }
});

test('[SN2] one page that is not complete: the scan is not', async () => {
  const { world, bucket } = await start((request) => {
    const page = pages(request);
    return positionOf(request).partition === 3 ? { ...page, flags: 0 } : page;
  });
  const scan = bucket.scan();
  assert.equal(await walk(world, scan), ALL);
  assert.is(scan.complete, false);
});

test('[SN3] pages are fetched a few partitions ahead, no more', async () => {
  const { world, bucket } = await start();
  const node = world.nodes.get('ws://a:1')!;
  const iterator = bucket.scan()[Symbol.asyncIterator]();
  const next = iterator.next();
  await world.settle();
  assert.is((await next).done, false);
  assert.is(node.requests.length, 4);
  await iterator.return?.(undefined);
});

test('only the partitions asked for, in their order', async () => {
  const { world, bucket } = await start();
  const keys = await walk(world, bucket.scan({ partitions: [5, 2] }));
  assert.equal(
    keys,
    ALL.filter((key) => key.startsWith('p5')).concat(ALL.filter((key) => key.startsWith('p2'))),
  );
});

test('a page that fails ends the walk by name, and the cursor stands before it', async () => {
  const { world, bucket } = await start((request) =>
    positionOf(request).partition === 2 ? refusal('IMPOSSIBLE_LEVEL') : pages(request),
  );
  const scan = bucket.scan();
  try {
    await walk(world, scan);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, 'IMPOSSIBLE_LEVEL');
  }
  assert.is(scan.cursor, '1.s2');
});

test('[SC1] cursors read back equal, and nothing else is a cursor', () => {
  const position = { tokenHigh: -5, tokenLow: 7, key: Uint8Array.of(0, 255, 16) };
  const cursors: ScanCursor[] = [
    { kind: 'end' },
    { kind: 'start', partition: 12 },
    { kind: 'behind', partition: 3, position },
  ];
  for (const cursor of cursors) assert.equal(parseCursor(cursorText(cursor)), cursor);
  for (const text of ['', '1.', '2.e', '1.s', '1.b3.00', '1.b3.0000000500000007.', '1.s-1']) {
    assert.throws(() => parseCursor(text), /BAD_REQUEST/, text);
  }
});

test.run();
