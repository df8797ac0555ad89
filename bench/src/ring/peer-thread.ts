/** The other thread of the ring benchmark: sends messages one way, or sends each one back. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { CLOSED } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingProducer } from '@clockwise/sharedarraybuffer-ring/ring-producer';
import { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { fillMessage, MESSAGE_WORDS, warmUpOf } from './transfer.ts';
import type { OneWay } from './transfer.ts';

export type PeerTask =
  | { role: 'ring-send'; ring: RingHandle; load: OneWay }
  | { role: 'ring-echo'; requests: RingHandle; replies: RingHandle; wait: 'blocking' | 'async' }
  | { role: 'port-send'; load: OneWay }
  | { role: 'port-echo' };

const task = workerData as PeerTask;
const port = parentPort!;
if (task.role === 'ring-send') ringSend(task.ring, task.load);
else if (task.role === 'ring-echo') await ringEcho(task.requests, task.replies, task.wait);
else if (task.role === 'port-send') portSend(task.load);
else port.on('message', (message: Int32Array) => port.postMessage(message));

function ringSend(ring: RingHandle, { messages, batch }: OneWay): void {
  const producer = new RingProducer(ring);
  const sleeper = new Sleeper(ring.producerDoorbell);
  sleeper.watch(producer);
  const total = messages + warmUpOf(messages);
  for (let number = 0; number < total; number++) {
    let offset = producer.reserve(MESSAGE_WORDS);
    while (offset < 0) {
      producer.publish();
      producer.wantRoom(MESSAGE_WORDS);
      sleeper.waitBlocking(Infinity);
      offset = producer.reserve(MESSAGE_WORDS);
    }
    fillMessage(producer.words, offset, number);
    producer.commit(MESSAGE_WORDS);
    if ((number + 1) % batch === 0) producer.publish();
  }
  producer.publish();
}

async function ringEcho(
  requests: RingHandle,
  replies: RingHandle,
  wait: 'blocking' | 'async',
): Promise<void> {
  const consumer = new RingConsumer(requests);
  const producer = new RingProducer(replies);
  const keepAlive = (): void => {};
  port.on('message', keepAlive);
  for (;;) {
    const offset = consumer.next();
    if (offset === CLOSED) break;
    if (offset < 0) {
      if (wait === 'async') await consumer.waitAsync();
      else consumer.waitBlocking(Infinity);
      continue;
    }
    const target = producer.reserve(MESSAGE_WORDS);
    for (let index = 0; index < MESSAGE_WORDS; index++) {
      producer.words[target + index] = consumer.words[offset + index]!;
    }
    consumer.release();
    producer.commit(MESSAGE_WORDS);
    producer.publish();
  }
  port.off('message', keepAlive);
}

/** A port has no backpressure: the sender never waits, which favours it here. */
function portSend({ messages, batch }: OneWay): void {
  const words = new Int32Array(MESSAGE_WORDS * batch);
  const total = messages + warmUpOf(messages);
  for (let number = 0; number < total; number += batch) {
    for (let index = 0; index < batch; index++) {
      fillMessage(words, index * MESSAGE_WORDS, number + index);
    }
    port.postMessage(words);
  }
}
