import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { FrameList, LANE } from '@clockwise/kernel/core';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { TAG } from '@clockwise/protocol/frame';
import { createDoorbell, Doorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChannelTable } from '../channel/channel-table.ts';
import { createLogRing, LogOutlet } from '../channel/log-outlet.ts';
import { createLogStatus } from '../channel/log-status.ts';
import { createHeartbeat, HeartbeatWatch } from '../supervisor/heartbeat.ts';
import type { LogMail, LogThreadSetup } from '../thread-messages.ts';

const folder = mkdtempSync(join(tmpdir(), 'log-thread-'));

function answers(coordinator: ChannelTable): number {
  const frames = new FrameList();
  coordinator.take(frames, 100, Infinity);
  coordinator.release();
  return frames.count;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('[LT1] [LT2] descriptors and rings named before the log is open are honoured once it is', async () => {
  const path = join(folder, 'log');
  const [writerDoorbell, replicaDoorbell] = [createDoorbell(), createDoorbell()];
  const ring = createLogRing({
    capacityWords: 4096,
    generation: 1,
    writerDoorbell,
    replicaDoorbell,
  });
  const status = createLogStatus();
  const heartbeat = createHeartbeat();
  const mailCount = new SharedArrayBuffer(4);
  const chunk = new SharedArrayBuffer(4096);
  const { port1, port2 } = new MessageChannel();
  const setup: LogThreadSetup = {
    name: 'log-0',
    limits: DEFAULT_LIMITS,
    ring,
    status,
    chunks: [chunk],
    heartbeat,
    mail: port2,
    mailCount,
    data: { path },
  };
  const worker = new Worker(new URL('../toy/toy-log-worker.js', import.meta.url), {
    workerData: setup,
    transferList: [port2],
  });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const post = (mail: LogMail): void => {
    port1.postMessage(mail);
    Atomics.add(new Int32Array(mailCount), 0, 1);
    Atomics.notify(new Int32Array(mailCount), 0);
    new Doorbell(writerDoorbell).ring();
  };
  const sleeper = new Sleeper(replicaDoorbell);
  const outlet = new LogOutlet({ ring, status }, sleeper);
  const replica = new ChannelTable(sleeper, 32);
  const coordinator = new ChannelTable(new Sleeper(createDoorbell()), 32);
  const now = createRing({ capacityWords: 256, generation: 7 });
  const durable = createRing({ capacityWords: 256, generation: 7, publishedBy: 'publisher' });
  post({ kind: 'lane', target: 0, ring: durable });
  replica.attach({ target: 0, sends: [now, durable], receives: [], chunks: [] });
  coordinator.attach({ target: 0, sends: [], receives: [now, durable], chunks: [] });
  new Int32Array(chunk).fill(0x01020304, 2, 10);
  assert.ok(outlet.prepare());
  outlet.append(0, 2, 10, 1, true);
  const sink = replica.sink(0, LANE.durable);
  assert.ok(sink.begin(TAG.replicaReply, 8) >= 0);
  sink.end(8);
  replica.complete();
  outlet.hand(replica);
  const watch = new HeartbeatWatch(heartbeat, writerDoorbell);
  watch.beat(0);
  await until(() => watch.beat(10_000) === 0);
  assert.not(existsSync(path), 'LT2');
  assert.is(answers(coordinator), 0);
  post({ kind: 'open', start: 'the beginning' });
  await until(() => outlet.releasedSequence() === 1);
  await until(() => answers(coordinator) === 1);
  assert.equal([...readFileSync(path)], Array.from({ length: 8 }, () => [4, 3, 2, 1]).flat());
  post({ kind: 'stop' });
  await exited;
  port1.close();
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
