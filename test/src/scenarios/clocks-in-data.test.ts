// runner: limit 60s
// A1: wall clocks that differ, and writes of one session through nodes on both sides of the difference.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS } from '@clockwise/protocol/errors';
import { LEVEL } from '@clockwise/protocol/frame';
import { BUCKET } from '../simulation/configuration.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const SESSION = 70;

/** Three nodes with three copies; the wall clock of the first is ahead of the others'. */
function ahead(byMs: number): ScriptedCluster {
  const world = new ScriptedCluster({ nodeCount: 3, copies: 3 });
  world.cluster.nodes[0]!.clock.jump(byMs);
  return world;
}

/** One session puts through the fast clock, and after its answer through a slow one. */
function putTwice(world: ScriptedCluster, bucketId: number): { key: string; status: number } {
  const key = world.keyOf([]);
  const asked = { bucketId, level: LEVEL.all, client: SESSION };
  assert.is(world.put(0, key, 'v1', asked).outcome, 'ok');
  return { key, status: world.put(1, key, 'v2', asked).status };
}

test('A1 siblings: the second write of a session stays alone, whatever the clocks say', () => {
  const world = ahead(10_000);
  const { key, status } = putTwice(world, BUCKET.sync);
  assert.is(status, 0);
  assert.equal(world.get(2, key, { level: LEVEL.all }).values, ['v2']);
  assert.equal(world.verdict(), []);
});

test('A1 lww: the second write of a session wins, though the clock that it meets is 10 s behind', () => {
  const world = ahead(10_000);
  const { key, status } = putTwice(world, BUCKET.lww);
  assert.is(status, 0);
  assert.equal(world.get(2, key, { level: LEVEL.all, bucketId: BUCKET.lww }).values, ['v2']);
  assert.equal(world.verdict(), []);
});

test('A1 lww: a session that met a clock two minutes ahead is refused where nobody follows that', () => {
  const world = ahead(120_000);
  const { key, status } = putTwice(world, BUCKET.lww);
  assert.is(status, ERRORS.CLOCK_AHEAD.code);
  assert.equal(world.get(2, key, { level: LEVEL.all, bucketId: BUCKET.lww }).values, ['v1']);
  assert.equal(world.verdict(), []);
});

test('A1 lww: of two sessions that do not know each other the one with the slower clock loses', () => {
  const world = ahead(10_000);
  const key = world.keyOf([]);
  const asked = { bucketId: BUCKET.lww, level: LEVEL.one };
  world.split([0], [1, 2]);
  assert.is(world.put(0, key, 'fast', { ...asked, client: 71 }).outcome, 'ok');
  assert.is(world.put(1, key, 'slow', { ...asked, client: 72 }).outcome, 'ok');
  world.join();
  assert.equal(world.verdict(), []);
  assert.equal(world.get(2, key, { level: LEVEL.all, bucketId: BUCKET.lww }).values, ['fast']);
});

test.run();
