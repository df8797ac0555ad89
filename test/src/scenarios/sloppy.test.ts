// runner: limit 120s
// runner: test limit 90s
// Writes and reads that stand-ins help with, story by story: what they may promise, and what comes of
// them when all are there again.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { ERRORS } from '@clockwise/protocol/errors';
import { ScriptedCluster } from './scripted-cluster.ts';

const ALL = [0, 1, 2, 3, 4];

/** Five nodes, three copies; the primaries of a key, and the others. */
function five(): {
  readonly world: ScriptedCluster;
  readonly key: string;
  readonly primaries: readonly number[];
  readonly others: readonly number[];
} {
  const world = new ScriptedCluster({ nodeCount: 5, copies: 3 });
  const key = world.keyOf([]);
  const primaries = world.primariesOf(key);
  return { world, key, primaries, others: ALL.filter((node) => !primaries.includes(node)) };
}

test('C1 both sides of a split write and read sloppily, and say so; strict is refused where too few primaries are', () => {
  const { world, key, primaries, others } = five();
  assert.is(world.put(primaries[0]!, key, 'before').outcome, 'ok');
  const [p1, p2, p3] = primaries as [number, number, number];
  const [f1, f2] = others as [number, number];
  world.split([p1, f1], [p2, p3, f2]);
  const minority = world.put(p1, key, 'minority');
  assert.is(minority.outcome, 'ok');
  assert.ok(minority.isSloppy);
  const majority = world.put(p2, key, 'majority');
  assert.is(majority.outcome, 'ok');
  const strict = world.put(p1, key, 'strict', { isStrict: true });
  // Not 'not-applied' for certain: its last try may be under way when its client has no patience left.
  assert.is.not(strict.outcome, 'ok');
  assert.is(strict.status, ERRORS.UNAVAILABLE.code);
  assert.is(world.put(p2, key, 'strictly', { isStrict: true }).outcome, 'ok');
  const read = world.get(p1, key);
  assert.equal(read.values, ['minority'], 'reads may be stale');
  assert.ok(read.isSloppy);
  assert.is(world.get(p1, key, { isStrict: true }).status, ERRORS.UNAVAILABLE.code);
  world.join();
  assert.equal(world.verdict(), []);
  assert.equal(world.valuesAtRest(key), ['minority', 'strictly']);
});

test('A5 a primary forgets what it wrote, and reads it back from stand-ins: what others wrote meanwhile stays', () => {
  const { world, key, primaries, others } = five();
  const [p1, p2, p3] = primaries as [number, number, number];
  world.split([p1, ...others], [p2, p3]);
  assert.is(world.put(p1, key, 'first', { level: LEVEL.all }).outcome, 'ok');
  for (const value of ['second', 'third']) assert.is(world.put(p2, key, value).outcome, 'ok');
  world.down(p1);
  world.wipe(p1);
  world.up(p1);
  const read = world.get(p1, key, { level: LEVEL.all });
  assert.equal(read.values, ['first'], 'from the stand-ins');
  world.pass(500);
  assert.is(world.put(p1, key, 'fourth', { context: read.context }).outcome, 'ok');
  world.join();
  assert.equal(world.verdict(), []);
  assert.equal(world.valuesAtRest(key), ['fourth', 'third']);
});

test('A7 a stand-in that handed off and dropped its copies makes new dots for the same key', () => {
  const world = new ScriptedCluster({ nodeCount: 3, copies: 1 });
  const key = world.keyOf([0]);
  for (let round = 0; round < 3; round += 1) {
    world.down(0);
    const put = world.put(1, key, `stand-in ${round}`, { level: LEVEL.one });
    assert.is(put.outcome, 'ok');
    assert.ok(put.isSloppy);
    assert.equal(world.get(1, key, { level: LEVEL.one }).values, [`stand-in ${round}`]);
    const over = world.put(1, key, `again ${round}`, { level: LEVEL.one });
    assert.is(over.outcome, 'ok');
    world.up(0);
    world.pass(5000);
    assert.is(world.kept(), 0, 'handed off');
    const read = world.get(1, key, { level: LEVEL.one });
    assert.ok(read.values.includes(`again ${round}`));
    const { context } = read;
    assert.is(world.put(2, key, `owner ${round}`, { level: LEVEL.one, context }).outcome, 'ok');
  }
  assert.equal(world.verdict(), []);
  assert.equal(world.valuesAtRest(key), ['owner 2']);
});

test('C8 what a monotonic read returned, which one replica alone held, no later one misses', () => {
  const world = new ScriptedCluster({ nodeCount: 3, copies: 3 });
  const key = world.keyOf([]);
  assert.is(world.put(0, key, 'v1', { level: LEVEL.all }).outcome, 'ok');
  // The others take the second value's frames, and are killed before they come to read them.
  for (const node of [1, 2]) world.cluster.nodes[node]!.pause(100_000);
  const half = world.put(0, key, 'v2', { level: LEVEL.all });
  assert.is(half.outcome, 'unknown', 'one of three is not enough');
  for (const node of [1, 2]) world.down(node);
  for (const node of [1, 2]) world.up(node);
  const first = world.get(0, key, { isMonotonic: true });
  assert.equal(first.values, ['v2']);
  world.down(0);
  const second = world.get(1, key, { isMonotonic: true });
  assert.equal(second.values, ['v2']);
  assert.not.ok(second.isSloppy);
  world.up(0);
  assert.equal(world.verdict(), []);
});

test('G9 a put that is repeated after others replaced it makes no second sibling, and does not come back', () => {
  const world = new ScriptedCluster({ nodeCount: 3, copies: 3 });
  const key = world.keyOf([]);
  const session = 70;
  assert.is(world.put(0, key, 'lost answer', { client: session }).outcome, 'ok');
  const read = world.get(1, key);
  assert.equal(read.values, ['lost answer']);
  assert.is(world.put(1, key, 'replaced', { context: read.context }).outcome, 'ok');
  for (const via of [2, 1, 0]) {
    const repeated = world.repeatFirst(via, session, key, 'lost answer');
    assert.is(repeated.outcome, 'ok', 'it had happened');
    assert.equal(world.get(via, key, { level: LEVEL.all }).values, ['replaced']);
  }
  assert.equal(world.verdict(), []);
  assert.equal(world.valuesAtRest(key), ['replaced']);
});

test.run();
