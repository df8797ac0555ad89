// O12 on claims made by hand.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClaimedRing, OneRing } from './one-ring.ts';

function judge(...claims: readonly Partial<ClaimedRing>[]): string[] {
  const ring = new OneRing();
  for (const [index, claim] of claims.entries()) {
    ring.observe({ clusterId: 'c', epoch: 1, ringHash: 'h1', who: `n${index + 1}`, ...claim });
  }
  return ring.violations.map(({ oracle, text }) => `${oracle} ${text}`);
}

test('[O12] one hash for each epoch of each cluster, from whomever', () => {
  assert.equal(judge({}, {}, { map: 'm' }, {}, { map: 'm' }), []);
  assert.equal(judge({}, { epoch: 2, ringHash: 'h2' }, {}, { epoch: 2, ringHash: 'h2' }), []);
  assert.equal(judge({}, { clusterId: 'other', ringHash: 'h9' }), []);
});

test('[O12] two hashes of one epoch', () => {
  assert.equal(judge({}, { ringHash: 'h2' }), ['O12 epoch 1 of c is h1 to n1 and h2 to n2']);
  const later = { epoch: 7, ringHash: 'h7' };
  assert.is(judge({}, later, { ...later, ringHash: 'h8' }, later).length, 1);
});

test('[O12] two maps under one hash', () => {
  assert.equal(judge({ map: 'a>n1' }, {}, { map: 'a>n2' }), [
    'O12 epoch 1 of c is another map to n3 than to n1, with one hash',
  ]);
  assert.is(judge({}, { map: 'a>n1' }, { map: 'a>n2' }).length, 1, 'whoever named the hash first');
});

test('[O12] who knows no ring yet says nothing; the same is told once', () => {
  assert.equal(judge({}, { epoch: 0, ringHash: '' }), []);
  const ring = new OneRing();
  for (const ringHash of ['h1', 'h2', 'h2', 'h1', 'h2']) {
    ring.observe({ clusterId: 'c', epoch: 1, ringHash, who: 'n1' });
  }
  assert.is(ring.violations.length, 1);
  assert.is(ring.claimCount, 5);
  assert.is(ring.epochCount, 1);
});

test('[O12] an epoch without a hash is a claim like others', () => {
  assert.is(judge({}, { ringHash: '' }).length, 1);
});

test.run();
