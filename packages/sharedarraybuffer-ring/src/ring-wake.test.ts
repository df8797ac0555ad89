/**
 * No wake-up is lost: both sides sleep and are woken for every single message.
 *
 * runner: limit 180s
 * runner: test limit 90s
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PeerTask } from './peer-thread.ts';
import { RingConsumer } from './ring-consumer.ts';
import { CLOSED, createRing } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';

const PING_PONGS = { blocking: 100_000, async: 50_000 } as const;
const SLEEP_LOST_MS = 60_000;

function startPeer(task: PeerTask): Worker {
  return new Worker(new URL('./peer-thread.js', import.meta.url), { workerData: task });
}

for (const wait of ['blocking', 'async'] as const) {
  test(`[BELL1] no wake-up is lost over ${PING_PONGS[wait]} ping-pongs, ${wait}`, async () => {
    const requests = createRing({ capacityWords: 64 });
    const replies = createRing({ capacityWords: 64 });
    const peer = startPeer({ role: 'echo', requests, replies, wait });
    const ended = once(peer, 'exit');
    const producer = new RingProducer(requests);
    const consumer = new RingConsumer(replies);
    for (let number = 0; number < PING_PONGS[wait]; number++) {
      const offset = producer.reserve(2);
      producer.words[offset] = number;
      producer.commit(2);
      producer.publish();
      const reply = await nextReply(consumer, wait);
      assert.is(consumer.words[reply], number);
      consumer.release();
    }
    producer.close();
    assert.equal(await ended, [0]);
    consumer.close();
  });
}

/** In the 'async' test a lost wake-up is a test that does not end: the runner's time says so. */
async function nextReply(consumer: RingConsumer, wait: 'blocking' | 'async'): Promise<number> {
  for (;;) {
    const offset = consumer.next();
    if (offset >= 0) return offset;
    if (offset === CLOSED) throw new Error('the peer ended');
    if (wait === 'async') await consumer.waitAsync();
    else if (consumer.waitBlocking(SLEEP_LOST_MS) === 'timed-out') throw new Error('lost wake-up');
  }
}

test.run();
