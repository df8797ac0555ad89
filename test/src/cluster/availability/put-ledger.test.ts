// What a key may hold at rest.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PutLedger } from './put-ledger.ts';

function ledgerOf(acknowledged: readonly number[], late: readonly number[]): PutLedger {
  const ledger = new PutLedger();
  for (let number = 0; number < 4; number += 1) {
    assert.is(ledger.begin('key', `value ${number}`), number);
    if (acknowledged.includes(number)) ledger.acknowledged('key', number);
    if (late.includes(number)) ledger.mayComeLate('key', number);
  }
  return ledger;
}

function oracles(ledger: PutLedger, ...values: string[]): string[] {
  return ledger.judge('key', values).map(({ oracle }) => oracle);
}

test('[PL1] the last acknowledged put, or one after it, or one that came late', () => {
  const ledger = ledgerOf([0, 2], [3]);
  assert.equal(oracles(ledger, 'value 2'), []);
  assert.equal(oracles(ledger, 'value 3'), []);
  assert.equal(oracles(ledger, 'value 0', 'value 2'), []);
  assert.equal(oracles(ledger, 'value 1'), ['O1']);
  assert.equal(oracles(ledger), ['O1']);
  assert.equal(oracles(ledgerOf([0, 2], [1]), 'value 1'), []);
  assert.equal(oracles(ledgerOf([], []), 'value 0'), []);
  assert.equal(ledger.late, [{ key: 'key', value: 'value 3' }]);
});

test('[PL2] nothing that nobody put', () => {
  assert.equal(oracles(ledgerOf([0], []), 'value 0', 'value 7'), ['O10']);
});

test.run();
