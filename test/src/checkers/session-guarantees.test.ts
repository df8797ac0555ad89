// O6 between the answers that clients get, on histories made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { A, B, dot, read, write } from './hand-made.ts';
import type { HistoryEntry } from './history.ts';
import { checkSessionGuarantees } from './session-guarantees.ts';

function count(copies: number, ...history: readonly HistoryEntry[]): number {
  return countDamaged(0, copies, ...history);
}

function countDamaged(
  damaged: number,
  copies: number,
  ...history: readonly HistoryEntry[]
): number {
  const damagedBefore = (): number => damaged;
  return checkSessionGuarantees({ history, bucketIds: new Set([1]), copies, damagedBefore }).length;
}

const ANSWERED = { answer: [dot(A, 3), dot(B, 1)] };

test('[O6] a read covers what the answer to an earlier write covered, where their replicas meet', () => {
  assert.is(count(3, write(1, ANSWERED), read(50, [], [dot(A, 3), dot(B, 1)])), 0);
  assert.is(count(3, write(1, ANSWERED), read(50, [], [dot(A, 4), dot(B, 1)])), 0);
  assert.is(count(3, write(1, ANSWERED), read(50, [], [dot(A, 3)])), 1, 'B is missing');
  assert.is(count(3, write(1, ANSWERED), read(50, [], [dot(A, 2), dot(B, 1)])), 1, 'A is older');
});

test('[O6] nothing is asked of reads that need not meet the write', () => {
  assert.is(
    count(3, write(1, ANSWERED), read(50, [], [], { level: 1 })),
    0,
    'two and one of three',
  );
  assert.is(count(3, write(1, { ...ANSWERED, level: 1 }), read(50, [], [])), 0);
  assert.is(count(3, write(1, { ...ANSWERED, level: 3 }), read(50, [], [], { level: 1 })), 1);
  assert.is(count(3, write(1, ANSWERED), read(12, [], [])), 0, 'it began before the answer');
  assert.is(count(3, write(1, ANSWERED), read(50, [], [], { key: 'other' })), 0);
  assert.is(count(3, write(1, { ...ANSWERED, bucketId: 2 }), read(50, [], [], { bucketId: 2 })), 0);
  assert.is(count(3, write(1, ANSWERED), read(50, [], [], { values: undefined })), 0, 'it failed');
});

test('[O6] a read of all copies covers what any earlier read returned', () => {
  const seen = read(10, ['v1'], [dot(A, 1)], { level: 1 });
  assert.is(count(3, seen, read(50, [], [], { level: 3 })), 1);
  assert.is(count(3, seen, read(50, ['v1'], [dot(A, 1)], { level: 3 })), 0);
  assert.is(count(3, seen, read(50, [], [], { level: 2 })), 0, 'two of three may not hold it (C8)');
  assert.is(count(1, seen, read(50, [], [], { level: 1 })), 1, 'the only copy');
  assert.is(count(3, seen, read(12, [], [], { level: 3 })), 0, 'they overlap');
});

test('[O6] a write that was not acknowledged promises nothing', () => {
  const unknown = write(1, { ...ANSWERED, outcome: 'unknown', completedAt: Infinity });
  assert.is(count(3, unknown, read(50, [], [])), 0);
});

test('[O6] a read need not meet what is on copies that lost it', () => {
  const all = write(1, { ...ANSWERED, level: 3 });
  assert.is(countDamaged(1, 3, write(1, ANSWERED), read(50, [], [])), 0);
  assert.is(
    countDamaged(1, 3, all, read(50, [], [])),
    1,
    'two of three are left, and two are read',
  );
  assert.is(countDamaged(1, 3, all, read(50, [], [], { level: 1 })), 0);
});

test('[C8] [G6] what a monotonic read returned no later read of its level misses; a fast one promises less', () => {
  const fast = read(10, ['v1'], [dot(A, 1)]);
  const monotonic = { ...fast, isMonotonic: true };
  assert.is(count(3, fast, read(50, [], [])), 0, 'two of three, and two others');
  assert.is(count(3, monotonic, read(50, [], [])), 1);
  assert.is(count(3, monotonic, read(50, ['v1'], [dot(A, 1)])), 0);
  assert.is(count(3, monotonic, read(50, [], [], { level: 1 })), 0, 'of one it promised nothing');
  const ofOne = read(10, ['v1'], [dot(A, 1)], { level: 1, isMonotonic: true });
  assert.is(count(3, ofOne, read(50, [], [], { level: 1 })), 1, 'all three hold it');
  assert.is(countDamaged(1, 3, monotonic, read(50, [], [])), 0, 'one of the two forgot it');
});

test('[C1] of answers that stand-ins were needed for nothing is asked', () => {
  const sloppy = write(1, { ...ANSWERED, isSloppy: true });
  assert.is(count(3, sloppy, read(50, [], [])), 0);
  assert.is(count(3, write(1, ANSWERED), read(50, [], [], { isSloppy: true })), 0);
});

test('[LV2] a level per data centre promises nothing across centres, and a quorum where there is one', () => {
  const local = write(1, { ...ANSWERED, level: LEVEL.localQuorum });
  const later = read(50, [], []);
  const judge = (dataCentreCount: number): number =>
    checkSessionGuarantees({
      history: [local, later],
      bucketIds: new Set([1]),
      copies: 3,
      dataCentreCount,
    }).length;
  assert.is(judge(1), 1);
  assert.is(judge(2), 0);
});

test.run();
