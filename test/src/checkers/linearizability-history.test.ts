// O5 on histories of runs: what is a register there, and what a put's several dots mean.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DotLedger } from './dot-ledger.ts';
import { A, B, dot, final, ledgerOf, read, record, remove, sessionOf, write } from './hand-made.ts';
import type { FinalState, HistoryEntry, WriteEntry } from './history.ts';
import { checkRegisterHistory } from './linearizability-history.ts';

function count(
  history: readonly HistoryEntry[],
  ledger: DotLedger = ledgerOf(),
  finals: readonly FinalState[] = [],
  rememberedIds = 0,
): number {
  const bucketIds = new Set([1]);
  return checkRegisterHistory({ history, finals, ledger, sessionOf, bucketIds, rememberedIds })
    .length;
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

test('[O5] [V9] a put is applied again only where its object may have forgotten its id', () => {
  const writes = [overwrite(1), overwrite(2), overwrite(3), overwrite(4)];
  const history = [...writes, read(50, ['v4'], []), read(60, ['v1'], [])];
  const records = [1, 2, 3, 4].map((counter) =>
    record([[dot(A, counter), counter]], [dot(A, counter)]),
  );
  const again = record([[dot(A, 5), 1]], [dot(A, 5)]);
  const ledger = ledgerOf(...records, again);
  assert.is(count(history, ledger, [], 2), 0, 'three came in between, and it remembers two');
  assert.is(count(history, ledger, [], 3), 2, 'it remembers three, and somebody read it');
  assert.is(count(writes, ledger, [], 3), 1, 'nobody read it');
  const lost = ledgerOf(...records, record([[dot(B, 1), 1]], [dot(B, 1)]));
  assert.is(count(history, lost, [], 3), 0, 'whoever made the second knew nothing of the first');
});

test('[O5] keys that somebody wrote under a context are not registers', () => {
  assert.is(count([write(1), overwrite(2), read(30, ['v1', 'v2'], [])]), 0);
  assert.is(count([overwrite(1, { bucketId: 2 }), read(30, [], [], { bucketId: 2 })]), 0);
});

test.run();
