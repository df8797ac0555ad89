// runner: limit 90s
// runner: test limit 60s
// A10: more openings have written an object than its context has room for. What leaves a context may
// come back beside what replaced it, and never takes anything away.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { drawConfiguration } from '../simulation/configuration.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

const ENTRIES_MAX = 8;
const ROUNDS = 14;

test('A10 a put under a context of long ago brings a false sibling at worst, and loses nothing', () => {
  const limits = { ...drawConfiguration('1').limits, contextEntriesMax: ENTRIES_MAX };
  const world = new ScriptedCluster({ nodeCount: 3, copies: 3, fields: { limits } });
  const key = world.keyOf([]);
  const level = LEVEL.all;
  assert.is(world.put(0, key, 'first', { level }).outcome, 'ok');
  const longAgo = world.get(0, key, { level }).context;
  for (let round = 0; round < ROUNDS; round += 1) {
    const node = round % 3;
    world.down(node);
    world.up(node);
    const { context } = world.get(node, key, { level });
    const put = world.put(node, key, `round ${round}`, { level, context });
    assert.is(put.outcome, 'ok', `round ${round} is taken however many openings have written`);
  }
  const full = world.get(0, key, { level });
  assert.equal(full.values, [`round ${ROUNDS - 1}`], 'each replaced the one before');
  assert.is(full.context.length / 4, ENTRIES_MAX);
  const late = world.put(1, key, 'late', { level, context: longAgo });
  assert.is(late.outcome, 'ok');
  const { values } = world.get(2, key, { level });
  assert.ok(values.includes('late'), 'what was put is there');
  assert.ok(values.includes(`round ${ROUNDS - 1}`), 'what it did not know stays');
  assert.ok(values.length <= 3, 'one false sibling at worst');
});

test.run();
