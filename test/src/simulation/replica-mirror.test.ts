import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord, type RecordObject } from '@clockwise/record/build';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import { nameOfHidden, ReplicaMirror } from './replica-mirror.ts';

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

test('what a shard keeps for others is counted, and again after an opening with less', () => {
  const mirror = new ReplicaMirror();
  const keep = (sequence: number, kind: 'hint' | 'mark', key: string, owed: number): void => {
    const words = new Int32Array(PREFIX_WORDS + HEADER_WORDS);
    words[PREFIX_WORDS + HEADER.wordCount] = HEADER_WORDS;
    const hidden = { kind, keyName: key, owed, byteCount: 100 };
    mirror.append('n1/0', sequence, nameOfHidden(kind, key), words, PREFIX_WORDS, hidden);
  };
  keep(1, 'hint', '1/a', 1);
  keep(2, 'hint', '1/b', 1);
  keep(3, 'mark', '1/c', 2);
  keep(4, 'hint', '1/a', 3);
  assert.equal(mirror.keptBy('n1', 1), { hintBytes: 200, markCount: 1 });
  keep(5, 'hint', '1/a', 0);
  keep(6, 'mark', '1/c', 0);
  assert.equal(mirror.keptBy('n1', 1), { hintBytes: 100, markCount: 0 });
  mirror.opened('n1/0', 4);
  assert.equal(mirror.keptBy('n1', 1), { hintBytes: 200, markCount: 1 });
  mirror.restored('n1/0', undefined);
  assert.equal(mirror.keptBy('n1', 1), { hintBytes: 0, markCount: 0 });
});

test('[O8] after damage to its disk a shard may open with less, and what it holds is not known', () => {
  const mirror = new ReplicaMirror();
  for (const sequence of [1, 2, 3]) append(mirror, sequence, sequence);
  mirror.synced('n1/0', 3);
  mirror.damaged('n1/0');
  mirror.opened('n1/0', 1);
  assert.equal(mirror.violations, []);
  assert.is(mirror.before('n1/0', '1/k'), 'forgotten');
  append(mirror, 2, 2);
  assert.is.not(mirror.before('n1/0', '1/k'), 'forgotten');
  mirror.synced('n1/0', 2);
  mirror.opened('n1/0', 1);
  assert.equal(mirror.violations, [], 'a disk that lied once is never trusted again');
});

test('a shard whose disk is set back holds what it held then; one that is wiped holds nothing', () => {
  const mirror = new ReplicaMirror();
  append(mirror, 1, 1);
  mirror.synced('n1/0', 1);
  const image = mirror.image('n1/0');
  append(mirror, 2, 2);
  mirror.synced('n1/0', 2);
  mirror.restored('n1/0', image);
  mirror.opened('n1/0', 1);
  assert.is(mirror.held('n1', 1, KEY)?.contextWords[2], 1);
  mirror.restored('n1/0', undefined);
  mirror.opened('n1/0', 0);
  assert.equal(mirror.violations, []);
  assert.is(mirror.before('n1/0', '1/k'), 'none');
});

test('a version that was trimmed and then cut back is forgotten, not absent', () => {
  const mirror = new ReplicaMirror();
  for (let sequence = 1; sequence <= 1100; sequence += 1) append(mirror, sequence, sequence);
  mirror.opened('n1/0', 10);
  assert.is(mirror.before('n1/0', '1/k'), 'forgotten');
  assert.is(mirror.before('n1/0', '1/other'), 'none');
});

test.run();
