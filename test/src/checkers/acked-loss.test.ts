// O1 and P3 on histories made by hand: silent where all is well, and not where it is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkAckedLoss } from './acked-loss.ts';
import { DotLedger } from './dot-ledger.ts';
import { A, B, dot, ledgerOf, record, sessionOf, write } from './hand-made.ts';
import type { FinalState, HistoryEntry } from './history.ts';

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

test.run();
