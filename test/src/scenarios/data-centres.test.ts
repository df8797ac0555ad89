// runner: test limit 60s
// Two data centres of three nodes, three copies in each: what crosses between them while all is well.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CENTRES, Crossing, linksBetween, twoCentres } from './two-centres.ts';

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

test('[HW5] two data centres that are far apart: what is put is there in time, what was missed soon after', () => {
  const ONE_WAY_MS = 80;
  const world = twoCentres();
  for (const link of linksBetween(world)) link.distanceMs = ONE_WAY_MS;
  world.pass(2000);
  const crossing = new Crossing(world);
  for (let count = 0; count < 60; count += 1) {
    const level = count % 3 === 0 ? eachQuorum : localQuorum;
    const begunAt = world.now;
    assert.is(world.put(count % 6, `key-${count}`, `${count}`, { level }).outcome, 'ok');
    const elapsedMs = world.now - begunAt;
    const mostMs = level === eachQuorum ? 2 * ONE_WAY_MS + 50 : 50;
    assert.ok(elapsedMs < mostMs, `${elapsedMs} ms at level ${level}`);
  }
  world.pass(1000);
  assert.is(crossing.stores, 60, 'no relay is taken for silent because it is far away');
  assert.is(world.kept(), 0, 'nor is anything marked because its acknowledgement is on its way');
  world.split(...CENTRES);
  for (let count = 0; count < 300; count += 1) {
    const via = CENTRES[0][count % 3]!;
    const { outcome } = world.put(via, `missed-${count}`, `${count}`, { level: localQuorum });
    assert.is(outcome, 'ok');
  }
  world.pass(500);
  assert.is(world.kept(), 300);
  assert.is(crossing.stores, 60, 'nothing is sent where nobody can be reached');
  world.join();
  const joinedAt = world.now;
  while (world.kept() > 0 && world.now < joinedAt + 60_000) world.pass(250);
  assert.ok(world.now < joinedAt + 10_000, `${world.now - joinedAt} ms`);
  assert.is(crossing.stores, 60 + 3 * 300, 'each is handed off once to each');
  assert.equal(world.verdict(), []);
});

test.run();
