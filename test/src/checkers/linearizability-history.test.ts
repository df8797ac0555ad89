// O5 on histories of runs: what is a register there, and what a put's several dots mean.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DotLedger } from './dot-ledger.ts';
import { A, dot, final, ledgerOf, read, record, remove, sessionOf, write } from './hand-made.ts';
import type { FinalState, HistoryEntry, WriteEntry } from './history.ts';
import { checkRegisterHistory } from './linearizability-history.ts';

function count(
  history: readonly HistoryEntry[],
  ledger: DotLedger = ledgerOf(),
  finals: readonly FinalState[] = [],
): number {
  const bucketIds = new Set([1]);
  return checkRegisterHistory({ history, finals, ledger, sessionOf, bucketIds }).length;
}

function overwrite(operation: number, fields: Partial<WriteEntry> = {}): WriteEntry {
  return write(operation, { context: undefined, ...fields });
}

test('[O5] overwrites and reads in order are linearizable, a stale read is not', () => {
  assert.is(count([overwrite(1), read(16, ['v1'], []), overwrite(2), read(30, ['v2'], [])]), 0);
  assert.is(count([overwrite(1), overwrite(2), read(30, ['v1'], [])]), 1);
  assert.is(count([overwrite(1), overwrite(2), read(30, [], [])]), 1);
});

test('[O5] a delete leaves nothing; a get of two values is of no register', () => {
  const deleted = remove(2, { context: undefined });
  assert.is(count([overwrite(1), deleted, read(30, [], [])]), 0);
  assert.is(count([overwrite(1), deleted, read(30, ['v1'], [])]), 1);
  assert.is(count([overwrite(1), overwrite(2), read(30, ['v2', 'v1'], [])]), 1);
});

test('[O5] the state at rest is read after everything', () => {
  const history = [overwrite(1), overwrite(2)];
  assert.is(count(history, ledgerOf(), [final({ values: ['v2'] })]), 0);
  assert.is(count(history, ledgerOf(), [final({ values: ['v1'] })]), 1);
});

test('[O5] an unknown write may come late, a refused one never', () => {
  const later = [overwrite(2), read(30, ['v2'], []), read(40, ['v1'], [])];
  assert.is(count([overwrite(1, { outcome: 'unknown', completedAt: Infinity }), ...later]), 0);
  assert.is(count([overwrite(1, { outcome: 'not-applied' }), ...later]), 1);
});

test('[O5] a put with two dots was applied twice, the second time whenever it liked', () => {
  const history = [overwrite(1), overwrite(2), read(30, ['v2'], []), read(40, ['v1'], [])];
  const once = record([[dot(A, 1), 1]], [dot(A, 1)]);
  const again = record([[dot(A, 3), 1]], [dot(A, 3)]);
  assert.is(count(history, ledgerOf(once)), 1);
  assert.is(count(history, ledgerOf(once, again)), 0);
  const back = [...history, overwrite(5), read(60, ['v5'], []), read(70, ['v1'], [])];
  assert.is(count(back, ledgerOf(once, again)), 1, 'but not a third time');
});

test('[O5] keys that somebody wrote under a context are not registers', () => {
  assert.is(count([write(1), overwrite(2), read(30, ['v1', 'v2'], [])]), 0);
  assert.is(count([overwrite(1, { bucketId: 2 }), read(30, [], [], { bucketId: 2 })]), 0);
});

test.run();
