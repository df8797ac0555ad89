import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord, type RecordObject } from '@clockwise/record/build';
import { PREFIX_WORDS } from '@clockwise/record/layout';
import { ReplicaMirror } from './replica-mirror.ts';

function append(mirror: ReplicaMirror, sequence: number, counter: number): void {
  const record: RecordObject = {
    bucketId: 1,
    token: 0n,
    key: new Uint8Array([0x6b]),
    replicationClass: 0,
    context: [{ incarnation: 5n, counter: BigInt(counter) }],
    siblings: [],
    recents: [],
  };
  const encoded = encodeRecord(record);
  const words = new Int32Array(PREFIX_WORDS + encoded.length);
  words.set(encoded, PREFIX_WORDS);
  mirror.append('n1/0', sequence, '1/k', words, PREFIX_WORDS);
}

const KEY = { bucketId: 1, key: 'k' };

test('[O8] a shard may lose what was not synced, and is told off for what was', () => {
  const mirror = new ReplicaMirror();
  for (const sequence of [1, 2, 3]) append(mirror, sequence, sequence);
  mirror.synced('n1/0', 2);
  assert.is(mirror.held('n1', 2, KEY)?.contextWords[2], 3);
  mirror.opened('n1/0', 2);
  assert.equal(mirror.violations, []);
  assert.is(mirror.held('n1', 2, KEY)?.contextWords[2], 2, 'the version before counts again');
  mirror.opened('n1/0', 1);
  assert.is(mirror.violations.length, 1);
  assert.is(mirror.held('n2', 2, KEY), undefined);
});

test.run();
