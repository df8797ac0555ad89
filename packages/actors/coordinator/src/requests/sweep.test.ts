import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { REPLY_KIND } from '@clockwise/protocol/frame';
import type { FrameWriter } from '@clockwise/protocol/frame-writer';
import { CoordinatorWorld, requestIdOf, statusOf } from '../coordinator-world.ts';
import { get, put, scan } from './sample-requests.ts';

const CLIENT = 1;
const SWEEP_TIMER = 1;
const { TIMEOUT, UNKNOWN_OUTCOME } = ERRORS;

function within(remainingMs: number, fill: (writer: FrameWriter) => void) {
  return (writer: FrameWriter): void => {
    fill(writer);
    writer.remainingMs = remainingMs;
  };
}

test('[SW1] every request is answered by its deadline, each by its own', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, within(3000, put(1, 'a', 'v')));
  world.ask(CLIENT, within(100, put(2, 'a', 'v')));
  world.ask(CLIENT, within(1000, get(3, 'a')));
  world.ask(CLIENT, within(500, scan(4, 0)));
  const order: number[] = [];
  for (let elapsed = 0; elapsed < 3010; elapsed += 10) {
    world.passes(10);
    for (const sent of world.sentTo(CLIENT)) {
      assert.is(statusOf(sent), TIMEOUT.code);
      order.push(requestIdOf(sent), elapsed + 10);
    }
  }
  assert.equal(order, [2, 110, 4, 510, 3, 1010, 1, 3010]);
  assert.is(world.figures()['inFlight'], 0);
  assert.is(TIMEOUT.outcome, 'unknown');
});

test('[SW1] a timer is armed while something is in flight, and not when nothing is', () => {
  const world = CoordinatorWorld.linked({ nodeCount: 1, bucket: { readLevel: 1 } });
  assert.not(world.timers.has(SWEEP_TIMER));
  world.ask(CLIENT, get(1, 'a'));
  assert.ok(world.timers.has(SWEEP_TIMER));
  const [sent] = world.sentToShard();
  world.shardReplies([[sent!, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND }]]);
  world.passes(5000);
  assert.not(world.timers.has(SWEEP_TIMER));
  world.ask(CLIENT, within(50, get(2, 'a')));
  assert.ok(world.timers.get(SWEEP_TIMER)! <= world.now + 60);
});

test('[SW1] a sooner deadline moves the timer forward; a timer that comes early ends nothing', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, within(3000, put(1, 'a', 'v')));
  const late = world.timers.get(SWEEP_TIMER)!;
  world.ask(CLIENT, within(100, put(2, 'a', 'v')));
  const soon = world.timers.get(SWEEP_TIMER)!;
  assert.ok(soon < late && soon <= world.now + 110);
  world.step([{ kind: 'timer', timer: SWEEP_TIMER }]);
  assert.equal(world.sentTo(CLIENT), []);
  world.passes(110);
  assert.equal(world.sentTo(CLIENT).map(requestIdOf), [2]);
});

test('H4: a shard that goes down answers what it had in flight as unknown, and only that', () => {
  const world = CoordinatorWorld.linked({
    nodeCount: 1,
    shardCount: 2,
    bucket: { readLevel: 1, writeLevel: 1 },
  });
  world.ask(CLIENT, (writer) => {
    for (let id = 1; id <= 16; id += 1) {
      if (id % 3 === 0) scan(id, id % 8)(writer);
      else put(id, `key ${id}`, 'v')(writer);
    }
  });
  const lost = world.sentToShard(0).length;
  const kept = world.sentToShard(1).length;
  assert.ok(lost > 0 && kept > 0);
  world.step([{ kind: 'channel-down', target: 0 }]);
  const answers = world.sentTo(CLIENT);
  assert.is(answers.length, lost);
  for (const sent of answers) assert.is(statusOf(sent), UNKNOWN_OUTCOME.code);
  assert.is(UNKNOWN_OUTCOME.outcome, 'unknown');
  assert.is(world.figures()['inFlight'], kept);
  world.step([{ kind: 'channel-up', target: 0 }]);
  world.passes(5000);
  assert.is(world.sentTo(CLIENT).length, kept);
});

test('a link that is lost fails its replicas, and a new one is used by what comes', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, get(1, 'k', { level: 3 }));
  world.linkDown(2);
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.UNAVAILABLE.code]);
  world.linkUp(2);
  world.ask(CLIENT, get(2, 'k', { level: 3 }));
  assert.equal(world.sentTo(CLIENT), []);
});

test.run();
