// runner: limit 180s
// runner: test limit 150s
// Two data centres of three nodes that cannot hear each other for long.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS } from '@clockwise/protocol/errors';
import { LEVEL } from '@clockwise/protocol/frame';
import { CENTRES, Load, twoCentres } from './two-centres.ts';

const { eachQuorum } = LEVEL;
/** Of each data centre while it is alone. */
const OPERATIONS_MIN = 35_000;

test('two data centres that cannot hear each other for ten minutes both serve, converge, and lose nothing', () => {
  const world = twoCentres();
  const load = new Load(world, 35, 600);
  load.start();
  world.pass(5000);
  const startedAt = world.now;
  world.split(...CENTRES);
  world.pass(10 * 60_000 - (world.now - startedAt));
  const marks = world.keptRecords();
  assert.ok(marks.length > 0);
  assert.ok(
    marks.every(({ kind }) => kind === 'mark'),
    'nobody keeps copies for a data centre that is gone',
  );
  for (const via of [0, 1]) {
    const refused = world.put(via, 'each', 'no', { level: eachQuorum });
    assert.is(refused.status, ERRORS.UNAVAILABLE.code);
    assert.is(refused.outcome, 'not-applied');
    assert.is(world.get(via, 'each', { level: eachQuorum }).status, ERRORS.UNAVAILABLE.code);
  }
  const [first, second] = load.served;
  for (const { ok } of [first, second]) {
    assert.ok(ok > OPERATIONS_MIN, `${ok} operations in ten minutes`);
  }
  world.join();
  const healedAt = world.now;
  while (world.kept() > 0 && world.now < healedAt + 60_000) world.pass(1000);
  assert.is(world.kept(), 0, 'what is owed is handed off within a minute');
  load.stop();
  for (const { failures, slowestMs } of [first, second]) {
    assert.equal(failures, []);
    assert.ok(slowestMs < 100, `${slowestMs} ms`);
  }
  assert.equal(load.lost, []);
  assert.equal(world.verdict(), []);
});

test.run();
