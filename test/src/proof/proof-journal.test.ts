import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProofJournal } from './proof-journal.ts';
import { NOTHING_DONE, ProofLedger, type ProofSums } from './proof-ledger.ts';
import type { ProofReport } from './proof-part.ts';

function reportOf(part: number): ProofReport {
  const failures = part % 7 === 3 ? [`part ${part}`] : [];
  return { runs: part + 1, amount: part * 10, failures, milliseconds: 2 };
}

/** Of parts 0 to `partsDone` - 1. */
function sumsOf(partsDone: number): ProofSums {
  const ledger = new ProofLedger(NOTHING_DONE);
  for (let part = 0; part < partsDone; part += 1) ledger.ended(part, reportOf(part));
  return ledger.sums;
}

test('[PFL1] in whatever order parts end, what counts is what came without a gap', () => {
  const prng = new Prng('parts');
  for (let round = 0; round < 100; round += 1) {
    const count = prng.between(1, 20);
    const first = prng.below(count);
    const ledger = new ProofLedger(sumsOf(first));
    const left = Array.from({ length: count - first }, (_, index) => first + index);
    const ended = new Set<number>(Array.from({ length: first }, (_, index) => index));
    while (left.length > 0) {
      const [part] = left.splice(prng.below(left.length), 1);
      ended.add(part!);
      ledger.ended(part!, reportOf(part!));
      let done = 0;
      while (ended.has(done)) done += 1;
      assert.equal(ledger.sums, sumsOf(done));
    }
  }
});

test('a journal is read again as it was written, and another file or seed is refused', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-journal-'));
  try {
    const file = path.join(folder, 'journal.json');
    const journal = ProofJournal.open(file, 'one', true);
    assert.equal(journal.sumsOf('damage'), NOTHING_DONE);
    journal.note('damage', sumsOf(3));
    journal.note('crashes', sumsOf(5));
    journal.note('damage', sumsOf(9));
    const again = ProofJournal.open(file, 'two', false);
    assert.is(again.seed, 'one');
    assert.equal([again.sumsOf('damage'), again.sumsOf('crashes')], [sumsOf(9), sumsOf(5)]);
    assert.throws(() => ProofJournal.open(file, 'two', true), /begun from seed one, not two/);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"format": 1', '"format": 2'));
    assert.throws(() => ProofJournal.open(file, 'one', false), /is no journal/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
