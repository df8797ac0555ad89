import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { givenUpShard } from './given-up-shard.ts';

test('[GU1] of a shard that is given up it is told that it is fenced, and why', () => {
  assert.equal(givenUpShard('replica-12', { kind: 'given-up', reason: 'damaged' }), {
    kind: 'shard-state',
    shard: 12,
    state: 'fenced',
    reason: 'damaged',
  });
});

test('[GU1] a shard that comes back is not told of, nor is what is no shard', () => {
  for (const kind of ['starting', 'ready', 'stopped'] as const) {
    assert.is(givenUpShard('replica-0', { kind }), undefined);
  }
  assert.is(givenUpShard('replica-0', { kind: 'crashed', reason: 'x' }), undefined);
  assert.is(givenUpShard('gossiper', { kind: 'given-up', reason: 'x' }), undefined);
});

test.run();
