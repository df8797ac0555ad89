/** Single writes and the scenarios of clients that reconcile badly, on two or three replicas. */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { decodeRecord, type Dot, encodeRecord } from '@clockwise/record/build';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RELATION } from './context.ts';
import { KeyReplica, SECONDS } from './key-replica.ts';
import { compareRecords } from './relation.ts';
import { WRITE_STATUS } from './write.ts';

test('[V6] an overwrite replaces all, an empty context nothing, a context what it covers', () => {
  const one = new KeyReplica(5n);
  one.put({ value: 'a', sequence: 1 });
  one.put({ value: 'b', sequence: 2, context: [] });
  const { context } = one.record;
  one.put({ value: 'c', sequence: 3, context: [] });
  assert.equal(one.values, ['a', 'b', 'c']);
  one.put({ value: 'd', sequence: 4, context });
  assert.equal(one.values, ['c', 'd']);
  one.put({ value: 'e', sequence: 5 });
  assert.equal(one.values, ['e']);
});

test('[V9] a retry makes nothing, also after its value was overwritten', () => {
  const one = new KeyReplica(5n);
  one.put({ value: 'a', sequence: 1 });
  assert.is(one.put({ value: 'a', sequence: 1 }), WRITE_STATUS.duplicate);
  one.put({ value: 'b', sequence: 2 });
  assert.is(one.put({ value: 'a', sequence: 1 }), WRITE_STATUS.duplicate);
  assert.equal(one.values, ['b']);
});

test('[V9] of ids superseded within one second the last are remembered, whatever their sessions', () => {
  const replica = new KeyReplica(1n, { ...DEFAULT_LIMITS, recentOperationsMax: 2 });
  replica.put({ value: 'a', session: 9, sequence: 1 });
  replica.put({ value: 'b', session: 8, sequence: 1 });
  replica.put({ value: 'c', session: 1, sequence: 1 });
  replica.put({ value: 'd', session: 7, sequence: 1 });
  assert.is(replica.put({ value: 'c', session: 1, sequence: 1 }), WRITE_STATUS.duplicate);
  assert.is(replica.put({ value: 'b', session: 8, sequence: 1 }), WRITE_STATUS.duplicate);
});

test('[V8] writes without a session are all different', () => {
  const one = new KeyReplica(5n);
  for (const value of ['a', 'b']) assert.ok(one.put({ value, session: 0, sequence: 0 }) > 0);
  assert.equal(one.record.recents, []);
  one.put({ value: 'c', session: 0, sequence: 0, context: [] });
  assert.is(one.shown, 2);
});

test('[V13] two operations that were retried crosswise and overwrote each other both stay', () => {
  const [one, two] = [new KeyReplica(5n), new KeyReplica(6n)];
  one.put({ value: 'x', session: 1, sequence: 1 });
  one.put({ value: 'y', session: 2, sequence: 1 });
  two.put({ value: 'y', session: 2, sequence: 1 });
  two.put({ value: 'x', session: 1, sequence: 1 });
  one.receive(two);
  assert.equal(one.values, ['x', 'y']);
  assert.is(one.shown, 2);
});

test('[V12] a deleted value does not come back by the retry of its put', () => {
  const [one, two] = [new KeyReplica(5n), new KeyReplica(6n)];
  one.put({ value: 'x', sequence: 1 });
  one.put({ value: 'y', sequence: 2 });
  two.put({ value: 'x', sequence: 1 });
  for (const [to, from] of [
    [one, two],
    [two, one],
  ] as const) {
    to.receive(from);
    assert.is(to.shown, 1);
  }
  assert.equal(one.words, two.words);
});

test('[V10] siblings and bytes beyond the limits are refused', () => {
  const limits = { ...DEFAULT_LIMITS, siblingsMax: 2, siblingBytesMax: 10 };
  const counted = new KeyReplica(5n, limits);
  counted.put({ value: 'a', sequence: 1 });
  counted.put({ value: 'b', sequence: 2, context: [] });
  assert.is(counted.put({ value: 'c', sequence: 3, context: [] }), WRITE_STATUS.tooManySiblings);
  assert.ok(counted.put({ value: 'c', sequence: 4, context: counted.record.context }) > 0);

  const weighed = new KeyReplica(5n, limits);
  assert.ok(weighed.put({ value: 'x'.repeat(50), sequence: 1, context: [] }) > 0, 'one value may');
  assert.is(weighed.put({ value: 'y', sequence: 2, context: [] }), WRITE_STATUS.tooManySiblings);
});

test('[V10] what joins made too large can be reconciled in steps', () => {
  const limits = { ...DEFAULT_LIMITS, siblingsMax: 2 };
  const [one, two] = [new KeyReplica(5n, limits), new KeyReplica(6n, limits)];
  for (const replica of [one, two]) {
    replica.put({ value: 'a', sequence: Number(replica === one), session: 3, context: [] });
    replica.put({ value: 'b', sequence: 2 + Number(replica === one), session: 3, context: [] });
  }
  one.receive(two);
  assert.is(one.record.siblings.length, 4);
  assert.is(one.put({ value: 'c', sequence: 9, context: [] }), WRITE_STATUS.tooManySiblings);
  const some = one.record.siblings.slice(0, 1).map((sibling) => sibling.dot);
  assert.ok(one.put({ value: 'c', sequence: 10, context: some }) > 0);
});

test('[V10] a write that takes bytes away is not refused for what stays', () => {
  const limits = { ...DEFAULT_LIMITS, siblingBytesMax: 10 };
  const [one, two] = [new KeyReplica(5n, limits), new KeyReplica(6n, limits)];
  one.put({ value: 'x'.repeat(30), sequence: 1 });
  two.put({ value: 'y'.repeat(30), sequence: 2 });
  one.receive(two);
  const [first] = one.record.siblings;
  const context = [first!.dot];
  const heavier = { value: 'z'.repeat(31), sequence: 3, context };
  assert.is(one.put(heavier), WRITE_STATUS.tooManySiblings);
  assert.ok(one.put({ value: 'z'.repeat(29), sequence: 4, context }) > 0);
});

test('[V5] records that V4 forbids are never said to dominate: only their join tells', () => {
  const [one, two] = [new KeyReplica(5n), new KeyReplica(6n)];
  one.put({ value: 'a', sequence: 1 });
  one.put({ value: 'b', sequence: 2, context: [] });
  const { siblings, ...rest } = one.record;
  two.words = encodeRecord({ ...rest, siblings: siblings.slice(1) });
  assert.is(compareRecords(one.words!, 0, two.words, 0), RELATION.concurrent);
  assert.is(compareRecords(two.words, 0, one.words!, 0), RELATION.concurrent);
});

test('[V6] a context that claims dots not given yet is refused', () => {
  const one = new KeyReplica(5n);
  const context = [{ incarnation: 5n, counter: 99n }];
  assert.is(one.put({ value: 'a', sequence: 1, context }), WRITE_STATUS.contextFromFuture);
});

test('A1 siblings: the later write through the node with the slow clock stays alone', () => {
  const [fast, slow] = [new KeyReplica(5n), new KeyReplica(6n)];
  fast.put({ value: 'v1', sequence: 1, hybridMs: SECONDS * 1000 + 10_000 });
  slow.receive(fast);
  slow.put({ value: 'v2', sequence: 2 });
  fast.receive(slow);
  assert.equal(fast.values, ['v2']);
});

test('A1 lww: the later write wins although its clock is behind; concurrent losses are told', () => {
  const [fast, slow] = [new KeyReplica(5n), new KeyReplica(6n)];
  fast.put({ value: 'v1', sequence: 1, hybridMs: SECONDS * 1000 + 10_000, lww: true });
  slow.receive(fast, true);
  slow.put({ value: 'v2', sequence: 2, lww: true });
  assert.not(fast.receive(slow, true).discardedConcurrent);
  assert.equal(fast.values, ['v2']);
  fast.put({ value: 'v3', sequence: 3, hybridMs: SECONDS * 1000 + 20_000, lww: true });
  slow.put({ value: 'v4', sequence: 4, lww: true });
  assert.ok(fast.receive(slow, true).discardedConcurrent);
  assert.equal(fast.values, ['v3']);
});

test('[V15] a retried lww write loses to what is later, and wins over what its session had seen', () => {
  const seen = BigInt(SECONDS * 1000) << 16n;
  const replica = new KeyReplica(5n);
  replica.put({ value: 'old', sequence: 1, hybrid: seen, lww: true });
  const retry = { value: 'retried', sequence: 2, lww: true, retrySeen: seen };
  replica.put({ ...retry, hybrid: seen + 1n });
  assert.equal(replica.values, ['retried']);
  replica.put({ value: 'later', sequence: 3, hybrid: seen + 500n, lww: true });
  const again = { ...retry, value: 'tried elsewhere first', sequence: 9, hybrid: seen + 499n };
  assert.is(replica.put(again), WRITE_STATUS.overtaken);
  assert.equal(replica.values, ['later']);
});

test('[V15] of equal times the higher dot wins at a retry as it does in a join', () => {
  for (const [own, other] of [
    [5n, 9n],
    [9n, 5n],
  ] as const) {
    const [one, two] = [new KeyReplica(own), new KeyReplica(other)];
    const hybrid = 77n << 16n;
    two.put({ value: 'theirs', sequence: 1, session: 2, hybrid, lww: true });
    const [alone, onTop] = [new KeyReplica(own), one];
    alone.put({ value: 'mine', sequence: 1, hybrid, lww: true });
    onTop.receive(two, true);
    onTop.put({ value: 'mine', sequence: 1, hybrid, lww: true, retrySeen: 1n });
    alone.receive(two, true);
    assert.equal(onTop.values, alone.values);
    for (const replica of [onTop, alone]) {
      const { siblings } = decodeRecord(replica.words!, 0);
      assert.equal(
        siblings.map((sibling) => sibling.hybrid),
        [hybrid],
        'a retry has the time of its first try',
      );
    }
  }
});

test('A2 two clients that are always one write stale: never more than two siblings', () => {
  const replica = new KeyReplica(5n);
  const contexts: Dot[][] = [[], []];
  let sequence = 0;
  for (let element = 0; element < 100; element += 1) {
    const client = element % 2;
    const union = new Set([String(element)]);
    if (replica.words)
      replica.values.flatMap((value) => value.split(',')).forEach((one) => union.add(one));
    sequence += 1;
    const context = contexts[client]!;
    replica.put({ value: [...union].join(','), session: client + 1, sequence, context });
    contexts[client] = [...replica.record.context];
    assert.ok(replica.record.siblings.length <= 2);
  }
  const final = new Set(replica.values.flatMap((value) => value.split(',')));
  assert.is(final.size, 100);
  assert.is(replica.record.context.length, 1);
});

test('A3 10,000 puts without a context by 50 clients: refused at the limit, none dropped', () => {
  const random = new Prng('A3');
  const replicas = [1n, 2n, 3n].map((incarnation) => new KeyReplica(incarnation));
  const accepted = new Set<string>();
  let refused = 0;
  for (let index = 0; index < 10_000; index += 1) {
    const replica = random.pick(replicas);
    const value = `v${index}`;
    const status = replica.put({ value, session: 1 + (index % 50), sequence: index, context: [] });
    if (status > 0) accepted.add(value);
    else refused += Number(status === WRITE_STATUS.tooManySiblings);
    const other = random.pick(replicas);
    if (status > 0 && other !== replica) other.receive(replica);
  }
  for (const replica of replicas)
    replicas.forEach((other) => other.words && replica.receive(other));
  assert.is(accepted.size + refused, 10_000, 'every put was accepted or refused');
  assert.equal(replicas[2]!.values, [...accepted].toSorted(), 'nothing accepted is dropped');
  assert.ok(accepted.size <= DEFAULT_LIMITS.siblingsMax * replicas.length);
  assert.is(replicas[2]!.record.context.length, replicas.length, 'the context names replicas only');
});

test('A3 10,000 overwrites by 50 clients: one sibling, one entry, a bounded record', () => {
  const replica = new KeyReplica(5n);
  for (let index = 0; index < 10_000; index += 1) {
    replica.put({ value: `v${index}`, session: 1 + (index % 50), sequence: index });
  }
  assert.equal(replica.values, ['v9999']);
  assert.is(replica.record.context.length, 1);
  assert.is(replica.record.recents.length, DEFAULT_LIMITS.recentOperationsMax);
});

test('[V2] an expired value that one side keeps as a tombstone is a tombstone in the join', () => {
  const replica = new KeyReplica(5n);
  replica.put({ value: 'a', sequence: 1 });
  const { siblings, ...rest } = replica.record;
  const buried = siblings.map((one) => ({
    ...one,
    tombstone: true,
    codec: 0,
    value: new Uint8Array(0),
  }));
  const other = new KeyReplica(6n);
  other.words = encodeRecord({ ...rest, siblings: buried });
  assert.not(replica.receive(other).equalsLeft);
  assert.equal(replica.words, other.words);
});

test.run();
