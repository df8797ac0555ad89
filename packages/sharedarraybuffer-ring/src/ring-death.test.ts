/** Dead peers: killed in the middle of writing, or asleep. The supervisor's part is the test's. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PeerTask } from './peer-thread.ts';
import { RingConsumer } from './ring-consumer.ts';
import { CLOSED, closeRing, createRing, EMPTY } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';

function startPeer(task: PeerTask): Worker {
  return new Worker(new URL('./peer-thread.js', import.meta.url), { workerData: task });
}

test('[RB1] [RB5] H5 H6 a writer killed at work leaves whole records, then CLOSED', async () => {
  for (let generation = 1; generation <= 10; generation++) {
    const ring = createRing({ capacityWords: 128, generation });
    const consumer = new RingConsumer(ring);
    const peer = startPeer({ role: 'write-forever', ring });
    const died = once(peer, 'exit').then(() => closeRing(ring, 'producer'));
    const readMax = generation * 1000;
    let read = 0;
    for (;;) {
      const offset = consumer.next();
      if (offset === CLOSED) break;
      if (offset >= 0) {
        assert.is(consumer.words[offset], read);
        assert.is(consumer.words[offset + 1], ~read);
        if (++read === readMax) void peer.terminate();
      } else {
        consumer.release();
        await consumer.waitAsync();
      }
    }
    await died;
    assert.ok(read >= readMax);
    assert.is(consumer.next(), CLOSED);
    consumer.close();
  }
});

for (const wait of ['blocking', 'async'] as const) {
  test(`[RB5] a reader killed in its ${wait} sleep: the writer sees CLOSED, its bell still rings`, async () => {
    const ring = createRing({ capacityWords: 128 });
    const producer = new RingProducer(ring);
    const peer = startPeer({ role: 'sleep-forever', ring, wait });
    await once(peer, 'message');
    await peer.terminate();
    assert.ok(producer.reserve(2) >= 0, 'not known yet');
    producer.commit(2);
    // Notifies whatever the dead thread left behind.
    assert.ok(producer.publish());
    closeRing(ring, 'consumer');
    assert.is(producer.reserve(2), CLOSED);
    assert.not(producer.publish());
    // The replacement lives on a ring and a doorbell of its own.
    const next = createRing({ capacityWords: 128, generation: ring.generation + 1 });
    const nextConsumer = new RingConsumer(next);
    assert.is(nextConsumer.next(), EMPTY);
    nextConsumer.close();
  });
}

test('[RB5] a reader asleep is woken by the end of its writer', async () => {
  const ring = createRing({ capacityWords: 128 });
  const consumer = new RingConsumer(ring);
  const peer = startPeer({ role: 'count', ring, count: 0 });
  while (consumer.next() !== CLOSED) await consumer.waitAsync();
  await once(peer, 'exit');
});

test('waitAsync keeps nothing alive: a thread with nothing else ends in its sleep', async () => {
  const ring = createRing({ capacityWords: 128 });
  const peer = startPeer({ role: 'sleep-unreferenced', ring });
  let woken = false;
  peer.on('message', () => (woken = true));
  const [code] = (await once(peer, 'exit')) as [number];
  // 13 is Node's code for a top-level await that never settled.
  assert.is(code, 13);
  assert.not(woken);
});

test.run();
