// O3 (and the other half of O10) on histories made by hand: what a read may show under its context.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DotLedger } from './dot-ledger.ts';
import { A, B, dot, final, ledgerOf, read, record, remove, sessionOf, write } from './hand-made.ts';
import type { FinalState, HistoryEntry } from './history.ts';
import { checkNoResurrection } from './no-resurrection.ts';

function oracles(
  history: readonly HistoryEntry[],
  ledger: DotLedger,
  finals: readonly FinalState[] = [],
): string[] {
  const bucketIds = new Set([1]);
  return checkNoResurrection({ history, finals, ledger, sessionOf, bucketIds }).map(
    ({ oracle }) => oracle,
  );
}

const PUT = record([[dot(A, 1), 1]], [dot(A, 1)]);

test('[O3] what a delete superseded under a context is not shown with it, in reads or at rest', () => {
  const ledger = ledgerOf(PUT, record([[dot(B, 1), 2]], [dot(A, 1), dot(B, 1)]));
  const writes = [write(1), remove(2, { context: [dot(A, 1)] })];
  const context = [dot(A, 1), dot(B, 1)];
  assert.equal(oracles([...writes, read(50, [], context)], ledger), []);
  assert.equal(oracles([...writes, read(50, ['v1'], context)], ledger), ['O3']);
  assert.equal(oracles(writes, ledger, [final({ values: ['v1'], context })]), ['O3']);
});

test('[O3] a read that knows nothing of the delete may show what was deleted', () => {
  const ledger = ledgerOf(PUT, record([[dot(B, 1), 2]], [dot(A, 1), dot(B, 1)]));
  const writes = [write(1), remove(2, { context: [dot(A, 1)] })];
  assert.equal(oracles([...writes, read(50, ['v1'], [dot(A, 1)])], ledger), []);
});

test('[O3] a delete without a context takes what its maker held, and nothing else', () => {
  const blind = remove(2, { context: undefined });
  const knew = ledgerOf(PUT, record([[dot(B, 1), 2]], [dot(A, 1), dot(B, 1)]));
  const context = [dot(A, 1), dot(B, 1)];
  assert.equal(oracles([write(1), blind, read(50, ['v1'], context)], knew), ['O3']);
  const knewNot = ledgerOf(PUT, record([[dot(B, 1), 2]], [dot(B, 1)]));
  assert.equal(oracles([write(1), blind, read(50, ['v1'], context)], knewNot), []);
  assert.equal(oracles([write(1), blind, read(50, [], context)], knewNot), ['O10']);
});

test('[O3] a put under an older context takes only what that covers, whatever its maker held', () => {
  const second = record([[dot(A, 2), 2]], [dot(A, 2)]);
  const third = record(
    [
      [dot(A, 2), 2],
      [dot(A, 3), 3],
    ],
    [dot(A, 3)],
  );
  const writes = [write(1), write(2, { context: [dot(A, 1)] }), write(3, { context: [dot(A, 1)] })];
  const ledger = ledgerOf(PUT, second, third);
  assert.equal(oracles([...writes, read(50, ['v2', 'v3'], [dot(A, 3)])], ledger), []);
  assert.equal(oracles([...writes, read(50, ['v3'], [dot(A, 3)])], ledger), ['O10']);
  assert.equal(oracles([...writes, read(50, ['v1', 'v2', 'v3'], [dot(A, 3)])], ledger), ['O3']);
});

test('[O3] what is deleted and created again is shown, the old value is not', () => {
  const deleted = record([[dot(A, 2), 2]], [dot(A, 2)]);
  const again = record([[dot(A, 3), 3]], [dot(A, 3)]);
  const writes = [
    write(1),
    remove(2, { context: [dot(A, 1)] }),
    write(3, { context: [dot(A, 2)] }),
  ];
  const ledger = ledgerOf(PUT, deleted, again);
  assert.equal(oracles([...writes, read(50, ['v3'], [dot(A, 3)])], ledger), []);
  assert.equal(oracles([...writes, read(50, ['v1'], [dot(A, 3)])], ledger), ['O3', 'O10']);
  assert.equal(oracles([...writes, read(50, ['v1'], [dot(A, 1)])], ledger), [], 'an old replica');
});

test('[O3] a retry that was applied again may be shown by its other dot, and may be hidden', () => {
  const again = record(
    [
      [dot(A, 1), 1],
      [dot(B, 1), 1],
    ],
    [dot(A, 1), dot(B, 1)],
  );
  const deleted = record([[dot(A, 2), 2]], [dot(A, 2)]);
  const writes = [write(1), remove(2, { context: [dot(A, 1)] })];
  const ledger = ledgerOf(PUT, again, deleted);
  const context = [dot(A, 2), dot(B, 1)];
  assert.equal(oracles([...writes, read(50, ['v1'], context)], ledger), []);
  assert.equal(oracles([...writes, read(50, [], context)], ledger), []);
  assert.equal(
    oracles([...writes, read(50, ['v1'], [dot(A, 2)])], ledger),
    [],
    'of the other dot nothing is known',
  );
});

test('[O3] overwrites of one incarnation take all before them and never themselves', () => {
  const records = [1, 2, 3, 4].map((counter) =>
    record([[dot(A, counter), counter]], [dot(A, counter)]),
  );
  const writes = [1, 2, 3, 4].map((operation) => write(operation, { context: undefined }));
  const ledger = ledgerOf(...records);
  for (const last of [1, 2, 3, 4]) {
    assert.equal(oracles([...writes, read(90, [`v${last}`], [dot(A, last)])], ledger), []);
  }
  assert.equal(oracles([...writes, read(90, ['v4', 'v2'], [dot(A, 4)])], ledger), ['O3']);
});

test('[O10] a value that the context covers is not turned into "not found"', () => {
  assert.equal(oracles([write(1), read(50, [], [dot(A, 1)])], ledgerOf(PUT)), ['O10']);
  assert.equal(oracles([write(1), read(50, [], [])], ledgerOf(PUT)), []);
});

test.run();
