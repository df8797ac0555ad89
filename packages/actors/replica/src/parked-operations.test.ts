import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLICA_OPCODE } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParkedOperations } from './parked-operations.ts';
import { SMALL_LIMITS } from './open-replica.ts';
import { ReplicaWorld } from './replica-world.ts';

const KEY = Int32Array.of(11, 0);
const OTHER = Int32Array.of(12, 0);

test('[PK1] operations on one key are kept in order, copied, and apart from keys of the same hash', () => {
  const parked = new ParkedOperations(10);
  // Word counts and opcodes: a read, which is dropped when it is late, and notes, which are not.
  const words = Int32Array.of(
    2,
    REPLICA_OPCODE.note,
    2,
    REPLICA_OPCODE.note,
    2,
    REPLICA_OPCODE.read,
  );
  const frame = { words, due: 9, isForeground: true };
  const one = parked.open(5, 1, 0, 0, KEY, 0, 4);
  const other = parked.open(5, 1, 0, 0, OTHER, 0, 4);
  parked.park(one, { ...frame, source: 0, offset: 0 });
  parked.park(other, { ...frame, source: 1, offset: 2 });
  parked.park(one, { ...frame, source: 2, offset: 4 });
  words.fill(0);
  assert.is(parked.find(5, 1, KEY, 0, 4), one);
  assert.is(parked.find(5, 1, OTHER, 0, 4), other);
  assert.is(parked.find(5, 2, KEY, 0, 4), undefined, 'another bucket');
  assert.is(parked.find(6, 1, KEY, 0, 4), undefined);
  assert.equal(
    parked.close(one).map(({ source, words: copy, due }) => [source, due, ...copy]),
    [
      [0, 0, 2, REPLICA_OPCODE.note],
      [2, 9, 2, REPLICA_OPCODE.read],
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
