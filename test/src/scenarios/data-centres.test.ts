// Two data centres of three nodes, three copies in each: what crosses between them while all is well.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { Crossing, twoCentres } from './two-centres.ts';

const { localQuorum, eachQuorum } = LEVEL;

test('one copy of a put crosses to the other data centre, and no read at a local level does', () => {
  const world = twoCentres();
  const crossing = new Crossing(world);
  const PUTS = 60;
  const value = 'v'.repeat(1000);
  for (let count = 0; count < PUTS; count += 1) {
    const via = count % 6;
    const level = [localQuorum, eachQuorum, LEVEL.quorum, LEVEL.all][count % 4]!;
    assert.is(world.put(via, `key-${count}`, `${count} ${value}`, { level }).outcome, 'ok');
  }
  world.pass(500);
  assert.is(crossing.stores, PUTS);
  assert.is(crossing.reads, 0);
  assert.ok(crossing.bytes < PUTS * 1500, `${crossing.bytes} bytes for ${PUTS} puts of 1,000`);
  for (let count = 0; count < 400; count += 1) {
    const isMonotonic = count % 3 === 0;
    const got = world.get(count % 6, `key-${count % PUTS}`, { level: localQuorum, isMonotonic });
    assert.is(got.outcome, 'ok');
    assert.is(got.values.length, 1);
  }
  assert.is(crossing.reads, 0);
  assert.is(crossing.stores, PUTS);
  assert.is(world.kept(), 0);
  assert.equal(world.verdict(), []);
});

test.run();
