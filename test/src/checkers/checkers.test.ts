// Each oracle on histories made by hand: it is silent where all is well and speaks where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dot } from '@clockwise/record/build';
import { checkAckedLoss } from './acked-loss.ts';
import { checkConvergence } from './convergence.ts';
import { DotLedger } from './dot-ledger.ts';
import { A, B, dot, ledgerOf, record, sessionOf, write } from './hand-made.ts';
import type { FinalState, HistoryEntry } from './history.ts';
import { checkHonestReads } from './honest-reads.ts';
import { checkQuorumReads } from './quorum-reads.ts';
import { checkSeenStays } from './seen-stays.ts';
import { checkSetUnion } from './set-union.ts';

function judge(
  history: readonly HistoryEntry[],
  ledger: DotLedger,
  final: Partial<FinalState>,
): string[] {
  const finals = [{ bucketId: 1, key: 'k', values: [], context: [], ...final }];
  const bucketIds = new Set([1]);
  return checkAckedLoss({ history, finals, ledger, sessionOf, bucketIds, oracle: 'O1' }).map(
    ({ oracle }) => oracle,
  );
}

test('[O1] a put that is there is not lost', () => {
  const ledger = ledgerOf(record([[dot(A, 1), 1]], [dot(A, 1)]));
  assert.equal(judge([write(1)], ledger, { values: ['v1'], context: [dot(A, 1)] }), []);
});

test('[O1] an acknowledged put whose dot nobody knows is lost', () => {
  const ledger = ledgerOf(record([[dot(A, 1), 1]], [dot(A, 1)]));
  assert.equal(judge([write(1)], ledger, {}), ['O1']);
  assert.equal(judge([write(1, { outcome: 'unknown' })], ledger, {}), []);
  assert.equal(judge([write(1)], new DotLedger(), {}), ['O1'], 'acknowledged and never made');
});

test('[O1] a put covered by a write that knew it is superseded, not lost', () => {
  const ledger = ledgerOf(
    record([[dot(A, 1), 1]], [dot(A, 1)]),
    record([[dot(B, 1), 2]], [dot(A, 1), dot(B, 1)]),
  );
  const final = { values: ['v2'], context: [dot(A, 1), dot(B, 1)] };
  assert.equal(judge([write(1), write(2, { context: [dot(A, 1)] })], ledger, final), []);
  const blind = write(2, { context: undefined });
  assert.equal(
    judge([write(1), blind], ledger, final),
    [],
    'an overwrite, made where it was known',
  );
});

test('[O1] a put covered only by writes that could not know it is lost', () => {
  const ledger = ledgerOf(
    record([[dot(A, 1), 1]], [dot(A, 1)]),
    record([[dot(B, 1), 2]], [dot(B, 1)]),
  );
  const final = { values: ['v2'], context: [dot(A, 1), dot(B, 1)] };
  assert.equal(judge([write(1), write(2, { context: [] })], ledger, final), ['O1']);
  assert.equal(judge([write(1), write(2, { context: undefined })], ledger, final), ['O1']);
  const refused = write(2, { context: [dot(A, 1)], outcome: 'not-applied' });
  assert.equal(judge([write(1), refused], ledger, final), ['O1', 'P3']);
});

test('[O1] a retry that met two replicas is one event, whichever of its dots was known', () => {
  const ledger = ledgerOf(
    record([[dot(A, 1), 1]], [dot(A, 1)]),
    record([[dot(B, 1), 1]], [dot(B, 1)]),
    record([[dot(B, 2), 2]], [dot(B, 2)]),
  );
  const final = { values: ['v2'], context: [dot(A, 1), dot(B, 2)] };
  assert.equal(judge([write(1), write(2, { context: [dot(B, 1)] })], ledger, final), []);
});

test('[P3] what was answered as not applied is nowhere', () => {
  const ledger = ledgerOf(record([[dot(A, 1), 1]], [dot(A, 1)]));
  assert.equal(judge([write(1, { outcome: 'not-applied' })], ledger, {}), ['P3']);
  assert.equal(judge([write(1, { outcome: 'not-applied' })], new DotLedger(), {}), []);
});

test('[O7] one dot for two writes is a violation, one write seen often is none', () => {
  const one = record([[dot(A, 1), 1]], [dot(A, 1)]);
  assert.equal(ledgerOf(one, one).violations, []);
  assert.equal(ledgerOf(one, one).size, 1);
  const other = record([[dot(A, 1), 2]], [dot(A, 1)]);
  assert.is(ledgerOf(one, other).violations.length, 1);
});

test('[O4] replicas that answer alike agree, others do not', () => {
  const state = (node: string, ...words: number[]) => {
    return { bucketId: 1, key: 'k', node, words: new Int32Array(words) };
  };
  assert.equal(checkConvergence([state('n1', 1, 2), state('n2', 1, 2)]), []);
  assert.is(checkConvergence([state('n1', 1, 2), state('n2', 1, 3)]).length, 1);
  assert.is(checkConvergence([state('n1', 1, 2), state('n2', 1)]).length, 1);
});

test('[O10] a read returns only what had been put to its key', () => {
  const read = (values: readonly string[], completedAt: number): HistoryEntry => {
    const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level: 1, invokedAt: 0 };
    return { kind: 'get', ...base, completedAt, values, context: [] };
  };
  const oracles = (...history: HistoryEntry[]) => checkHonestReads(history).length;
  assert.is(oracles(write(1), read(['v1'], 50)), 0);
  assert.is(oracles(write(1), read(['v2'], 50)), 1, 'nobody put it');
  assert.is(oracles(write(9), read(['v9'], 50)), 1, 'it was put later');
  assert.is(oracles(write(1, { key: 'other' }), read(['v1'], 50)), 1, 'it was put elsewhere');
  assert.is(oracles(write(1), read(['v1', 'v1'], 50)), 1, 'twice');
});

test('[O6] a read that meets a write sees it, unless it began before the answer', () => {
  const ledger = ledgerOf(
    record([[dot(A, 1), 1]], [dot(A, 1)]),
    record([[dot(A, 2), 2]], [dot(A, 2)]),
    record([[dot(B, 1), 2]], [dot(B, 1)]),
  );
  const read = (level: number, invokedAt: number, context: readonly Dot[]): HistoryEntry => {
    const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level, invokedAt };
    return { kind: 'get', ...base, completedAt: invokedAt + 9, values: [], context };
  };
  const judgeReads = (...history: HistoryEntry[]): number =>
    checkQuorumReads({ history, ledger, sessionOf, bucketIds: new Set([1]), copies: 3 }).length;
  assert.is(judgeReads(write(1), read(2, 50, [dot(A, 1)])), 0);
  assert.is(judgeReads(write(1), read(2, 50, [])), 1, 'two of three and two of three meet');
  assert.is(judgeReads(write(1), read(1, 50, [])), 0, 'two and one need not');
  assert.is(judgeReads(write(1, { level: 3 }), read(1, 50, [])), 1);
  assert.is(judgeReads(write(1), read(2, 12, [])), 0, 'the answer had not come');
  assert.is(judgeReads(write(1, { outcome: 'unknown' }), read(2, 50, [])), 0);
  assert.is(judgeReads(write(2), read(2, 50, [dot(B, 1)])), 0, 'one of two dots is enough');
  assert.is(judgeReads(write(2), read(2, 50, [dot(A, 1)])), 1);
});

test('[RP1] what a get returned is known in the end', () => {
  const base = { client: 1, operation: 1, bucketId: 1, key: 'k', level: 2, invokedAt: 1 };
  const read: HistoryEntry = {
    kind: 'get',
    ...base,
    completedAt: 2,
    values: [],
    context: [dot(A, 2), dot(B, 1)],
  };
  const count = (...context: Dot[]): number =>
    checkSeenStays([read], [{ bucketId: 1, key: 'k', values: [], context }], new Set([1])).length;
  assert.is(count(dot(A, 2), dot(B, 7)), 0);
  assert.is(count(dot(A, 1), dot(B, 7)), 1);
  assert.is(count(dot(A, 2)), 1);
});

test('[O2] each acknowledged element is in the union, and nothing else', () => {
  const elementsOf = (value: string) => value.split(' ');
  const addedBy = (value: string) => elementsOf(value)[0]!;
  const history = [write(1, { value: 'a' }), write(2, { value: 'b a' })];
  const final = (...values: string[]) => [{ bucketId: 1, key: 'k', values, context: [] }];
  const count = (finals: FinalState[]) =>
    checkSetUnion(history, finals, elementsOf, addedBy).length;
  assert.is(count(final('b a')), 0);
  assert.is(count(final('a', 'b')), 0);
  assert.is(count(final('b')), 1);
  assert.is(count(final('b a', 'c')), 1);
});

test.run();
