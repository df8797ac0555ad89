// What an explored world lets happen, by short schedules.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from './action-labels.ts';
import { CASES } from './cases.ts';
import { ExploredWorld } from './explored-world.ts';
import { InternedFrames } from './interned-frames.ts';
import { followSchedule, printSchedule } from './schedule-text.ts';
import { nameState, type WorldState } from './world-state.ts';

function worldOf(name: string): ExploredWorld {
  const explorerCase = CASES.find((other) => other.name === name);
  if (explorerCase === undefined) throw new Error(`there is no case ${name}`);
  return new ExploredWorld(explorerCase);
}

interface Reached {
  readonly state: WorldState;
  readonly lines: readonly string[];
  readonly offered: readonly string[];
}

function follow(world: ExploredWorld, labels: readonly string[]): Reached {
  const { schedule, violations, stuck } = followSchedule(world, labels.join('\n'));
  assert.is(stuck, undefined);
  assert.equal(violations, []);
  let state = world.initial;
  for (const action of schedule) state = world.actions.apply(state, action);
  const offered = world.actions.of(state, 'as-planned').map((action) => labelOf(state, action));
  return { state, lines: printSchedule(world, schedule), offered };
}

const SYNC = 'n1 syncs a step of its log';
const NOW = 'n1 hears its shard, lane now';
const DURABLE = 'n1 hears its shard, lane durable';
const STORE = 'request n1 -> n2 (connection 0): taken';

test('[IF1] frames are one if their words and the records that they name are', () => {
  const frames = new InternedFrames();
  const named = (word: number) => [{ chunk: 0, offset: 8, words: Int32Array.of(word) }];
  const first = frames.intern(Int32Array.of(1, 2), named(3));
  assert.is(frames.intern(Int32Array.of(1, 2), named(3)), first);
  assert.is.not(frames.intern(Int32Array.of(1, 2), named(4)).id, first.id);
  assert.is.not(frames.intern(Int32Array.of(1, 2)).id, first.id);
  assert.is.not(frames.intern(Int32Array.of(12)).id, frames.intern(Int32Array.of(1, 2)).id);
});

test('[WS1] what happens at different actors may happen in any order; at one actor order counts', () => {
  const world = worldOf('concurrent-puts');
  const nameAfter = (...labels: string[]): string => nameState(follow(world, labels).state);
  assert.is(nameAfter('A1 begins', 'B1 begins'), nameAfter('B1 begins', 'A1 begins'));
  const before = ['A1 begins', NOW, 'B1 begins'];
  assert.is.not(
    nameAfter(...before, STORE),
    nameAfter('A1 begins', NOW, STORE, 'B1 begins'),
    'the second node joined, or overwrote',
  );
});

test('[WS2] what is sent on one way is taken in the order that it was sent', () => {
  const world = worldOf('maker-crashes-before-sync');
  const { lines } = follow(world, ['A1 begins', 'B1 begins', NOW, NOW, STORE, STORE]);
  assert.match(lines[4]!, 'store k = a1 [n1.1]');
  assert.match(lines[5]!, 'store k = b1 [n1.2]');
});

test('[WS3] what waits for a step of the log is not heard before that is synced', () => {
  const world = worldOf('maker-crashes-before-sync');
  const appended = follow(world, ['A1 begins', 'B1 begins']);
  assert.not.ok(appended.offered.includes(DURABLE));
  const synced = follow(world, ['A1 begins', 'B1 begins', SYNC]);
  assert.ok(synced.offered.includes(DURABLE));
  const heard = follow(world, ['A1 begins', 'B1 begins', SYNC, DURABLE]);
  assert.not.ok(heard.offered.includes(DURABLE), 'the second put waits for its own step');
});

test('[O8] a store opens with all that survived a crash, and with nothing else', () => {
  const lost = worldOf('maker-crashes-before-sync');
  const begun = ['A1 begins', SYNC, 'B1 begins'];
  const crashed = 'n1 crashes with 1 steps of its log on the disk';
  const opened = follow(lost, [...begun, crashed, 'n1 starts again']).lines.at(-1)!;
  assert.match(opened, 'n1 opens with k = a1 [n1.1] knowing n1.1');
  const killed = worldOf('maker-killed-before-sync');
  const kept = 'n1 crashes with 2 steps of its log on the disk';
  const openedAll = follow(killed, [...begun, kept, 'n1 starts again']).lines.at(-1)!;
  assert.match(openedAll, 'n1 opens with k = b1 [n1.2] knowing n1.2');
});

test('dots of a node that was started again are of another incarnation', () => {
  const world = worldOf('maker-crashes-before-sync');
  const crash = 'n1 crashes with 0 steps of its log on the disk';
  const { lines } = follow(world, ['A1 begins', crash, 'n1 starts again', 'B1 begins']);
  assert.match(lines[3]!, "n1 appends k = b1 [n1'.1] knowing n1'.1");
});

test.run();
