// O9 for records, on appends made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { encodeRecord, type RecentObject, type SiblingObject } from '@clockwise/record/build';
import { Bounded } from './bounded.ts';
import { RecordBounds } from './bounded-records.ts';
import { type EarlierVersion, siblingOffsets, viewOfRecord } from './causal-ledger-version.ts';

function sibling(counter: number, valueBytes: number, incarnation = 1n): SiblingObject {
  return {
    dot: { incarnation, counter: BigInt(counter) },
    operation: { session: 9n, sequence: counter },
    tombstone: false,
    codec: 1,
    expirySeconds: 0,
    hybrid: 0n,
    value: new Uint8Array(valueBytes),
  };
}

function recent(sequence: number): RecentObject {
  return {
    operation: { session: 9n, sequence },
    seconds: 1,
    dot: { incarnation: 2n, counter: BigInt(sequence) },
  };
}

interface Shape {
  readonly siblings: readonly SiblingObject[];
  readonly recents?: readonly RecentObject[];
  readonly entries?: number;
}

function words({ siblings, recents = [], entries = 1 }: Shape): Int32Array {
  return encodeRecord({
    bucketId: 1,
    token: 0n,
    key: new Uint8Array([0x6b]),
    replicationClass: 0,
    context: Array.from({ length: entries }, (_, index) => ({
      incarnation: BigInt(index + 1),
      counter: 1n,
    })),
    siblings,
    recents,
  });
}

const LIMITS = {
  ...DEFAULT_LIMITS,
  siblingsMax: 2,
  siblingBytesMax: 100,
  contextEntriesMax: 3,
  recentOperationsMax: 2,
};

/** What is over its limit after one append. */
function over(shape: Shape, isWrite: boolean, before?: Shape): string[] {
  const bounded = new Bounded();
  const earlier: EarlierVersion = before === undefined ? 'none' : viewOfRecord(words(before), 0);
  const record = words(shape);
  new RecordBounds(bounded, LIMITS, () => 2).appended({
    words: record,
    record: 0,
    siblings: siblingOffsets(viewOfRecord(record, 0)),
    before: earlier,
    isWrite,
    where: () => 'here',
  });
  return bounded.violations.map(({ text }) => text);
}

test('[O9] [V10] a write stays within siblings, their bytes and context entries', () => {
  const two = [sibling(1, 40), sibling(2, 60)];
  assert.equal(over({ siblings: two, entries: 3 }, true), []);
  assert.equal(over({ siblings: [...two, sibling(3, 0)] }, true), [
    'here: siblings of a write is 3, over 2',
  ]);
  assert.equal(over({ siblings: [sibling(1, 40), sibling(2, 61)] }, true), [
    'here: sibling bytes of a write is 101, over 100',
  ]);
  assert.equal(over({ siblings: [sibling(1, 500)] }, true), [], 'one value may be larger');
  assert.equal(over({ siblings: two, entries: 4 }, true), [
    'here: context entries of a write is 4, over 3',
  ]);
});

test('[O9] [V10] what joins made too large may be reconciled in steps, and grows no further', () => {
  const three = [sibling(1, 50), sibling(2, 50), sibling(3, 50)];
  assert.equal(over({ siblings: three, entries: 5 }, false), [], 'a join is never refused');
  assert.equal(over({ siblings: three, entries: 5 }, true, { siblings: three, entries: 5 }), []);
  const four = [...three, sibling(4, 0)];
  assert.is(over({ siblings: four, entries: 6 }, true, { siblings: three, entries: 5 }).length, 2);
});

test('[O9] a join holds what the limits let in at each copy', () => {
  const four = [1, 2, 3, 4].map((counter) => sibling(counter, 100));
  const valueBytesMax = DEFAULT_LIMITS.valueBytesMax;
  assert.equal(over({ siblings: four, entries: 6 }, false), []);
  assert.equal(over({ siblings: [...four, sibling(5, 1)], entries: 7 }, false), [
    'here: siblings of a join is 5, over 4',
    'here: context entries of a join is 7, over 6',
  ]);
  const large = [sibling(1, valueBytesMax), sibling(2, valueBytesMax), sibling(3, 1)];
  assert.is(over({ siblings: large }, false).length, 1);
});

test('[O9] a record remembers so many ids, and beside these what names a living sibling', () => {
  const siblings = [sibling(1, 1)];
  assert.equal(over({ siblings, recents: [recent(5), recent(6)] }, false), []);
  assert.equal(over({ siblings, recents: [recent(1), recent(5), recent(6)] }, false), []);
  assert.equal(over({ siblings, recents: [recent(5), recent(6), recent(7)] }, false), [
    'here: recents of a record is 3, over 2',
  ]);
});

test.run();
