// O6 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dot } from '@clockwise/record/build';
import { A, B, dot, ledgerOf, read, record, sessionOf, write } from './hand-made.ts';
import type { HistoryEntry } from './history.ts';
import { checkQuorumReads } from './quorum-reads.ts';

test('[O6] a read that meets a write sees it, unless it began before the answer', () => {
  const ledger = ledgerOf(
    record([[dot(A, 1), 1]], [dot(A, 1)]),
    record([[dot(A, 2), 2]], [dot(A, 2)]),
    record([[dot(B, 1), 2]], [dot(B, 1)]),
  );
  const readAt = (level: number, invokedAt: number, context: readonly Dot[]): HistoryEntry => {
    const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level, invokedAt };
    return { kind: 'get', ...base, completedAt: invokedAt + 9, values: [], context };
  };
  const judgeReads = (...history: HistoryEntry[]): number =>
    checkQuorumReads({ history, ledger, sessionOf, bucketIds: new Set([1]), copies: 3 }).length;
  assert.is(judgeReads(write(1), readAt(2, 50, [dot(A, 1)])), 0);
  assert.is(judgeReads(write(1), readAt(2, 50, [])), 1, 'two of three and two of three meet');
  assert.is(judgeReads(write(1), readAt(1, 50, [])), 0, 'two and one need not');
  assert.is(judgeReads(write(1, { level: 3 }), readAt(1, 50, [])), 1);
  assert.is(judgeReads(write(1), readAt(2, 12, [])), 0, 'the answer had not come');
  assert.is(judgeReads(write(1, { outcome: 'unknown' }), readAt(2, 50, [])), 0);
  assert.is(judgeReads(write(2), readAt(2, 50, [dot(B, 1)])), 0, 'one of two dots is enough');
  assert.is(judgeReads(write(2), readAt(2, 50, [dot(A, 1)])), 1);
});

test('[C1] sloppy answers neither see nor are seen, and no strict operation has one', () => {
  const ledger = ledgerOf(record([[dot(A, 1), 1]], [dot(A, 1)]));
  const judge = (...history: HistoryEntry[]): string[] =>
    checkQuorumReads({ history, ledger, sessionOf, bucketIds: new Set([1]), copies: 3 }).map(
      ({ oracle }) => oracle,
    );
  const sloppy = { isSloppy: true };
  assert.equal(judge(write(1), read(50, [], [])), ['O6']);
  assert.equal(judge(write(1, sloppy), read(50, [], [])), []);
  assert.equal(judge(write(1), read(50, [], [], sloppy)), []);
  assert.equal(judge(write(1, { isStrict: true, ...sloppy })), ['C1']);
  assert.equal(judge(read(50, [], [], { isStrict: true, ...sloppy })), ['C1']);
});

test.run();
