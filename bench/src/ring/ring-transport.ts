/** The ring benchmark over sharedarraybuffer-ring: this thread receives, or starts each round trip. */
import { Worker } from 'node:worker_threads';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingProducer } from '@clockwise/sharedarraybuffer-ring/ring-producer';
import type { PeerTask } from './peer-thread.ts';
import { checkMessage, fillMessage, MESSAGE_WORDS, RING_CAPACITY_WORDS } from './transfer.ts';
import { Stopwatch, warmUpOf } from './transfer.ts';
import type { OneWay } from './transfer.ts';

const SILENCE_MS = 60_000;

export type Wait = 'blocking' | 'async';

/** Messages per second from a worker to here. */
export async function ringOneWay(load: OneWay, wait: Wait): Promise<number> {
  const ring = createRing({ capacityWords: RING_CAPACITY_WORDS });
  const consumer = new RingConsumer(ring);
  const stopwatch = new Stopwatch(load.messages);
  const peer = startPeer({ role: 'ring-send', ring, load });
  try {
    for (let received = 0; ;) {
      const offset = consumer.next();
      if (offset >= 0) {
        checkMessage(consumer.words, offset, received++);
        continue;
      }
      consumer.release();
      const rate = stopwatch.rateAt(received);
      if (rate !== undefined) return rate;
      if (wait === 'async') await consumer.waitAsync();
      else blockUntilWork(consumer);
    }
  } finally {
    await peer.terminate();
  }
}

/** Each round trip to a worker and back, in microseconds. */
export async function ringRoundTrips(count: number, wait: Wait): Promise<Float64Array> {
  const requests = createRing({ capacityWords: RING_CAPACITY_WORDS });
  const replies = createRing({ capacityWords: RING_CAPACITY_WORDS });
  const producer = new RingProducer(requests);
  const consumer = new RingConsumer(replies);
  const peer = startPeer({ role: 'ring-echo', requests, replies, wait });
  const warmUp = warmUpOf(count);
  const tripsUs = new Float64Array(count);
  try {
    for (let number = 0; number < warmUp + count; number++) {
      const startMs = performance.now();
      fillMessage(producer.words, producer.reserve(MESSAGE_WORDS), number);
      producer.commit(MESSAGE_WORDS);
      producer.publish();
      let offset = consumer.next();
      while (offset < 0) {
        if (wait === 'async') await consumer.waitAsync();
        else blockUntilWork(consumer);
        offset = consumer.next();
      }
      checkMessage(consumer.words, offset, number);
      consumer.release();
      if (number >= warmUp) tripsUs[number - warmUp] = (performance.now() - startMs) * 1000;
    }
    return tripsUs;
  } finally {
    producer.close();
    await peer.terminate();
  }
}

/** While this thread blocks it cannot hear that the other one failed: silence says so. */
function blockUntilWork(consumer: RingConsumer): void {
  if (consumer.waitBlocking(SILENCE_MS) === 'timed-out') throw new Error('the peer fell silent');
}

/** The Worker object keeps this thread alive while it waits asynchronously. */
function startPeer(task: PeerTask): Worker {
  const peer = new Worker(new URL('./peer-thread.js', import.meta.url), { workerData: task });
  peer.on('error', (error) => {
    throw error;
  });
  return peer;
}
