import { encodeRecord } from '@clockwise/record/build';
import type { RecentObject, RecordObject, SiblingObject } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VisibleSiblings } from './reconcile.ts';

const NOW = 1000;

function sibling(counter: bigint, change: Partial<SiblingObject> = {}): SiblingObject {
  return {
    dot: { incarnation: 1n, counter },
    operation: { session: 7n, sequence: Number(counter) },
    tombstone: false,
    codec: 0,
    expirySeconds: 0,
    hybrid: 0n,
    value: new Uint8Array([Number(counter)]),
    ...change,
  };
}
function superseded(sequence: number): RecentObject {
  return {
    operation: { session: 7n, sequence },
    seconds: 1,
    dot: { incarnation: 9n, counter: 1n },
  };
}
const DELETED = { tombstone: true, value: new Uint8Array(0) };
const id = (sequence: number): Partial<SiblingObject> => ({ operation: { session: 7n, sequence } });

interface Row {
  readonly rule: string;
  readonly siblings: readonly SiblingObject[];
  readonly recents?: readonly RecentObject[];
  /** The counters of the siblings shown. */
  readonly shown: readonly number[];
}

const ROWS: readonly Row[] = [
  { rule: 'values are shown', siblings: [sibling(1n), sibling(2n)], shown: [1, 2] },
  { rule: 'tombstones are not', siblings: [sibling(1n, DELETED), sibling(2n)], shown: [2] },
  {
    rule: 'at its second a value is expired',
    siblings: [sibling(1n, { expirySeconds: NOW })],
    shown: [],
  },
  { rule: 'before, it lives', siblings: [sibling(1n, { expirySeconds: NOW + 1 })], shown: [1] },
  {
    rule: 'expiry is unsigned',
    siblings: [sibling(1n, { expirySeconds: 0xffff_fff0 })],
    shown: [1],
  },
  {
    rule: '[V11] one id, the smaller dot',
    siblings: [sibling(1n, id(5)), sibling(2n, id(5))],
    shown: [1],
  },
  {
    rule: '[V12] a superseded id is hidden',
    siblings: [sibling(1n), sibling(2n)],
    recents: [superseded(1)],
    shown: [2],
  },
  {
    rule: '[V12] also under two dots, also behind a tombstone',
    siblings: [sibling(1n, id(5)), sibling(2n, id(5)), sibling(3n, DELETED)],
    recents: [superseded(5)],
    shown: [],
  },
  {
    rule: '[V13] alone it is shown',
    siblings: [sibling(1n)],
    recents: [superseded(1)],
    shown: [1],
  },
  {
    rule: '[V13] two of them are shown',
    siblings: [sibling(1n), sibling(2n), sibling(3n)],
    recents: [superseded(1), superseded(2)],
    shown: [1, 2, 3],
  },
];

for (const { rule, siblings, recents, shown } of ROWS) {
  test(rule, () => {
    const record: RecordObject = {
      bucketId: 1,
      token: 1n,
      key: new Uint8Array([1]),
      replicationClass: 0,
      context: [{ incarnation: 1n, counter: 9n }],
      siblings,
      recents: recents ?? [],
    };
    const words = new Int32Array([0, 0, ...encodeRecord(record)]);
    const visible = new VisibleSiblings();
    assert.is(visible.collect(words, 2, NOW), shown.length);
    const values = [...visible.offsets.slice(0, visible.count)].map((at) => words[at + 12]! & 0xff);
    assert.equal(values, shown);
  });
}

test('more siblings than there was room for', () => {
  const siblings = Array.from({ length: 300 }, (_, index) => sibling(BigInt(index + 1)));
  const context = [{ incarnation: 1n, counter: 999n }];
  const key = new Uint8Array([1]);
  const words = encodeRecord({
    bucketId: 1,
    token: 1n,
    key,
    replicationClass: 0,
    context,
    siblings,
    recents: [],
  });
  assert.is(new VisibleSiblings().collect(words, 0, NOW), 300);
});

test.run();
