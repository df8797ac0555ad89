import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParkedOperations } from './parked-operations.ts';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';

const KEY = Int32Array.of(11, 0);
const OTHER = Int32Array.of(12, 0);

test('[PK1] operations on one key are kept in order, copied, and apart from keys of the same hash', () => {
  const parked = new ParkedOperations(10);
  const words = Int32Array.of(2, 1, 2, 3, 2, 4);
  const one = parked.open(5, 1, 0, 0, KEY, 0, 4);
  const other = parked.open(5, 1, 0, 0, OTHER, 0, 4);
  parked.park(one, { source: 0, words, offset: 0, due: 0 });
  parked.park(other, { source: 1, words, offset: 2, due: 7 });
  parked.park(one, { source: 2, words, offset: 4, due: 9 });
  words.fill(0);
  assert.is(parked.find(5, 1, KEY, 0, 4), one);
  assert.is(parked.find(5, 1, OTHER, 0, 4), other);
  assert.is(parked.find(5, 2, KEY, 0, 4), undefined, 'another bucket');
  assert.is(parked.find(6, 1, KEY, 0, 4), undefined);
  assert.equal(
    parked.close(one).map(({ source, words: copy, due }) => [source, due, ...copy]),
    [
      [0, 0, 2, 1],
      [2, 9, 2, 4],
    ],
  );
  assert.is(parked.find(5, 1, KEY, 0, 4), undefined);
  assert.is(parked.find(5, 1, OTHER, 0, 4), other);
  assert.is(parked.count, 1);
});

test('[PK2] one operation more than may wait is refused as overloaded, and counts for nothing', () => {
  const world = new ReplicaWorld();
  const countMax = SMALL_LIMITS.parkedOperationsMax;
  world.ask([
    { kind: 'write', key: 'a', value: 'x' },
    { kind: 'write', key: 'b', value: 'y' },
  ]);
  world.evict();
  const reads = Array.from({ length: countMax }, () => ({ kind: 'read', key: 'a' }) as const);
  assert.equal(world.ask(reads), []);
  const refused = [...world.ask([reads[0]!]), ...world.ask([{ kind: 'read', key: 'b' }])];
  assert.equal(
    refused.map(({ status }) => status),
    [ERRORS.OVERLOADED.code, ERRORS.OVERLOADED.code],
  );
  assert.is(world.reads.length, 1, 'nothing is read for what was refused');
  assert.is(world.endRead(0).length, countMax);
  assert.equal(world.ask([{ kind: 'read', key: 'b' }]), []);
  assert.is(world.endRead(0)[0]!.status, STATUS_OK);
});

test.run();
