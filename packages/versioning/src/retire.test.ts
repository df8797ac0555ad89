/** Which entries leave a context, against the model; and what may come back because of it (A10). */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import {
  decodeRecord,
  type Dot,
  encodeRecord,
  type RecordObject,
  type SiblingObject,
} from '@clockwise/record/build';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { joinRecords, RecordJoin } from './join.ts';
import { KeyReplica } from './key-replica.ts';
import { contextOf, joinContextMaps, retired } from './reference.ts';
import { retireEntries } from './retire.ts';

const SEED = Number(process.env['CLOCKWISE_SEED'] ?? 20_261_120);
const LIMITS = { ...DEFAULT_LIMITS, contextEntriesMax: 4 };

/** Openings at a few seconds, some of them before counters said when. */
const entryArbitrary = fc
  .tuple(
    fc
      .integer({ min: 1, max: 24 })
      .map((one) => BigInt.asUintN(64, BigInt(one) * 0x9e37_79b9_7f4a_7c15n)),
    fc.constantFrom(0n, 5n, 6n, 7n, 0xffff_ffffn),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([incarnation, opened, count]) => ({
    incarnation,
    counter: (opened << 32n) + BigInt(count),
  }));
const contextArbitrary = fc.uniqueArray(entryArbitrary, {
  selector: ({ incarnation }) => incarnation,
  minLength: 1,
  maxLength: 14,
});

function siblingOf(dot: Dot): SiblingObject {
  return {
    dot,
    operation: { session: 3n, sequence: Number(dot.counter & 0xffn) },
    tombstone: false,
    codec: 0,
    expirySeconds: 0,
    hybrid: dot.counter,
    value: new Uint8Array([1, 2, 3]),
  };
}

function recordOf(context: readonly Dot[], livingCount: number): RecordObject {
  return {
    bucketId: 3,
    token: 7n,
    key: new Uint8Array([107]),
    replicationClass: 0,
    context,
    siblings: context.slice(0, livingCount).map(siblingOf),
    recents: [],
  };
}

function sorted(context: ReadonlyMap<bigint, bigint>): Dot[] {
  return [...context]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([incarnation, counter]) => ({ incarnation, counter }));
}

test('[V16] kept are the entries of living siblings, then the youngest; all else stays as it is', () => {
  fc.assert(
    fc.property(
      contextArbitrary,
      fc.nat(6),
      fc.integer({ min: 1, max: 8 }),
      (entries, living, max) => {
        const record = recordOf(entries, Math.max(1, living));
        const words = new Int32Array([-7, -7, ...encodeRecord(record), -7]);
        const wordCount = retireEntries(words, 2, max);
        const context = retired(contextOf(record.context), record.siblings, {
          contextEntriesMax: max,
        });
        const expected = encodeRecord({ ...record, context: sorted(context) });
        assert.equal(words.slice(2, 2 + wordCount), expected);
        assert.equal([words[0], words[1], words.at(-1)], [-7, -7, -7]);
        assert.ok(context.size <= Math.max(max, record.siblings.length));
        for (const { dot } of record.siblings) assert.is(context.get(dot.incarnation), dot.counter);
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
});

function joined(left: Int32Array, right: Int32Array): { words: Int32Array; join: RecordJoin } {
  const join = new RecordJoin(LIMITS);
  const out = new Int32Array(left.length + right.length);
  return { words: out.slice(0, joinRecords(join, left, 0, right, 0, out, 0)), join };
}

test('[V16] [V2] joins that retire entries are commutative to the byte, idempotent, and say what they equal', () => {
  fc.assert(
    fc.property(
      contextArbitrary,
      contextArbitrary,
      fc.nat(2),
      fc.nat(2),
      (one, other, own, theirs) => {
        const [left, right] = [recordOf(one, own + 1), recordOf(other, theirs + 1)].map(
          (record) => {
            const words = encodeRecord(record);
            return words.slice(0, retireEntries(words, 0, LIMITS.contextEntriesMax));
          },
        );
        const { words, join } = joined(left!, right!);
        assert.equal(words, joined(right!, left!).words);
        assert.equal(joined(words, words).words, words);
        assert.ok(joined(words, words).join.equalsLeft);
        const record = decodeRecord(words, 0);
        const [before, after] = [decodeRecord(left!, 0), decodeRecord(right!, 0)];
        const union = joinContextMaps(contextOf(before.context), contextOf(after.context));
        assert.equal(record.context, sorted(retired(union, record.siblings, LIMITS)));
        const content = (of: RecordObject): string => String(encodeRecord({ ...of, recents: [] }));
        assert.is(join.equalsLeft, content(record) === content(before));
        assert.is(join.equalsRight, content(record) === content(after));
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
});

test('A10 60 incarnations, one after the other: a context never has more than its limit', () => {
  const replica = new KeyReplica(1n, LIMITS, 1);
  for (let opening = 1; opening <= 60; opening += 1) {
    replica.incarnation = BigInt(opening) * 0x1_0000_0001n;
    replica.counter = BigInt(opening) << 32n;
    replica.put({ value: `v${opening}`, sequence: opening });
    assert.ok(replica.record.context.length <= LIMITS.contextEntriesMax);
    assert.equal(replica.values, [`v${opening}`]);
  }
  const opened = replica.record.context.map(({ counter }) => Number(counter >> 32n));
  assert.equal(
    opened.toSorted((left, right) => left - right),
    [57, 58, 59, 60],
  );
});

test('A10 what was superseded under a name that has retired comes back as a sibling, and supersedes nothing', () => {
  const [replica, away] = [new KeyReplica(1n, LIMITS, 1), new KeyReplica(2n, LIMITS, 2)];
  replica.put({ value: 'old', sequence: 1 });
  away.receive(replica);
  for (let opening = 10; opening < 20; opening += 1) {
    replica.incarnation = BigInt(opening);
    replica.counter = BigInt(opening) << 32n;
    replica.put({ value: `v${opening}`, sequence: opening });
  }
  const context = replica.record.context;
  away.put({ value: 'written away', sequence: 50, context: away.record.context });
  const both = new KeyReplica(3n, LIMITS, 30);
  both.receive(away);
  both.receive(replica);
  assert.equal(both.values, ['v19', 'written away']);
  replica.receive(away);
  assert.equal(replica.words, both.words);
  // Whoever read before the other came back replaces what was read, and nothing else.
  replica.put({ value: 'by a client', sequence: 60, context });
  assert.equal(replica.values, ['by a client', 'written away']);
});

test('A10 a client that names more than a context may hold writes all the same', () => {
  const replica = new KeyReplica(1n, LIMITS, 40);
  replica.put({ value: 'a', sequence: 1 });
  const context = [
    ...replica.record.context,
    ...Array.from({ length: 9 }, (_, index) => ({
      incarnation: 100n + BigInt(index),
      counter: BigInt(index + 1) << 32n,
    })),
  ];
  replica.put({ value: 'b', sequence: 2, context });
  assert.equal(replica.values, ['b']);
  assert.is(replica.record.context.length, LIMITS.contextEntriesMax);
});

test.run();
