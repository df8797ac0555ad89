import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHeartbeat, HeartbeatWatch, Pulse } from './heartbeat.ts';

test('[HB1] silence counts from the beat that was not answered, and ends with the answer', () => {
  const doorbell = createDoorbell();
  const sleeper = new Sleeper(doorbell);
  const buffer = createHeartbeat();
  const pulse = new Pulse(buffer);
  const watch = new HeartbeatWatch(buffer, doorbell);
  assert.is(watch.beat(1000), 0);
  assert.is(sleeper.waitBlocking(0), 'ready', 'the bell was rung');
  assert.is(watch.beat(3000), 2000);
  pulse.answer();
  assert.is(watch.beat(4000), 0, 'answered, and asked anew');
  assert.is(watch.beat(4500), 500);
});

test.run();
