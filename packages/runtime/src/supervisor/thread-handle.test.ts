import { MessageChannel } from 'node:worker_threads';
import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlPort } from '../control/control-port.ts';
import type { ThreadCalls } from '../thread-messages.ts';
import { createHeartbeat, HeartbeatWatch } from './heartbeat.ts';
import { ThreadHandle } from './thread-handle.ts';

function start(source: string): { readonly thread: ThreadHandle; readonly ends: string[] } {
  const ends: string[] = [];
  const { port1, port2 } = new MessageChannel();
  const thread = new ThreadHandle({
    name: 'thread',
    module: new URL(`data:text/javascript,${encodeURIComponent(source)}`),
    setup: { port2 },
    transfer: [port2],
    watch: new HeartbeatWatch(createHeartbeat(), createDoorbell()),
    hungAfterMs: 1000,
    heapMegabytesMax: 64,
    control: new ControlPort<ThreadCalls>(port1),
    received: () => undefined,
    ended: (reason) => ends.push(reason),
  });
  return { thread, ends };
}

for (const [how, source, expected] of [
  ['throws', 'throw new Error("broken")', /broken/],
  ['exits', 'process.exit(3)', /exit with 3/],
  ['is ended', 'setInterval(() => {}, 1000)', /enough/],
] as const) {
  test(`[TH1] [TH2] a thread that ${how} ends once, and its calls are rejected`, async () => {
    const { thread, ends } = start(source);
    const pending = thread.control!.call('figures').then(
      () => 'answered',
      (error: { readonly code: string }) => error.code,
    );
    if (how === 'is ended') await thread.terminate('enough');
    await thread.exited;
    assert.is(await pending, 'WORKER_DIED');
    await thread.terminate('again');
    assert.is(ends.length, 1);
    assert.match(ends[0]!, expected);
    assert.not(thread.isHung(1_000_000), 'who has ended is not hung');
  });
}

test.run();
