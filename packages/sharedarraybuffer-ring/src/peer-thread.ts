/** Worker of the thread tests: one role of `PeerTask`, on rings made by the test. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from './ring-consumer.ts';
import { CLOSED } from './ring-layout.ts';
import type { RingHandle } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';
import { RingPublisher } from './ring-publisher.ts';
import { Sleeper } from './sleeper.ts';

export type PeerTask =
  /** Sends each record back, published one by one. */
  | { role: 'echo'; requests: RingHandle; replies: RingHandle; wait: 'blocking' | 'async' }
  /** Writes `count` records of one number each. */
  | { role: 'count'; ring: RingHandle; count: number }
  /** Writes records until someone kills it. */
  | { role: 'write-forever'; ring: RingHandle }
  /** Sleeps until someone kills it. */
  | { role: 'sleep-forever'; ring: RingHandle; wait: 'blocking' | 'async' }
  /** Sleeps once in waitAsync with nothing else that keeps the thread alive. */
  | { role: 'sleep-unreferenced'; ring: RingHandle }
  /** A log writer: publishes `replies` up to the positions that `positions` carries. */
  | { role: 'publish'; positions: RingHandle; replies: RingHandle };

export const PEER_SLEEP_LOST_MS = 60_000;

const task = workerData as PeerTask;
if (task.role === 'echo') await echo(task.requests, task.replies, task.wait);
else if (task.role === 'count') count(task.ring, task.count);
else if (task.role === 'write-forever') writeForever(task.ring);
else if (task.role === 'sleep-forever') await sleepForever(task.ring, task.wait);
else if (task.role === 'sleep-unreferenced') await sleepUnreferenced(task.ring);
else publishDurable(task.positions, task.replies);

async function echo(
  requests: RingHandle,
  replies: RingHandle,
  wait: 'blocking' | 'async',
): Promise<void> {
  const consumer = new RingConsumer(requests);
  const producer = new RingProducer(replies);
  const keepAlive = (): void => {};
  if (wait === 'async') parentPort!.on('message', keepAlive);
  for (;;) {
    const offset = consumer.next();
    if (offset === CLOSED) break;
    if (offset >= 0) {
      writeNumber(producer, consumer.words[offset]!);
      consumer.release();
      producer.publish();
    } else {
      if (wait === 'async') await consumer.waitAsync();
      else blockUntilWork(consumer);
    }
  }
  producer.close();
  parentPort!.off('message', keepAlive);
}

function count(ring: RingHandle, numbers: number): void {
  const producer = new RingProducer(ring);
  const sleeper = new Sleeper(ring.producerDoorbell);
  sleeper.watch(producer);
  for (let number = 0; number < numbers; number++) {
    while (producer.reserve(2) < 0) {
      producer.wantRoom(2);
      if (sleeper.waitBlocking(PEER_SLEEP_LOST_MS) === 'timed-out') throw new Error('lost: room');
    }
    writeNumber(producer, number);
    producer.publish();
  }
  producer.close();
}

function writeForever(ring: RingHandle): void {
  const producer = new RingProducer(ring);
  for (let number = 0; ; number++) {
    while (producer.reserve(2) < 0) Atomics.wait(new Int32Array(ring.buffer, 0, 1), 0, 0, 0);
    writeNumber(producer, number);
    producer.publish();
  }
}

async function sleepForever(ring: RingHandle, wait: 'blocking' | 'async'): Promise<void> {
  const consumer = new RingConsumer(ring);
  parentPort!.on('message', () => {});
  parentPort!.postMessage('asleep soon');
  if (wait === 'async') await consumer.waitAsync();
  else consumer.waitBlocking(Infinity);
}

async function sleepUnreferenced(ring: RingHandle): Promise<void> {
  const consumer = new RingConsumer(ring);
  await consumer.waitAsync();
  parentPort!.postMessage('woken');
}

function publishDurable(positions: RingHandle, replies: RingHandle): void {
  const consumer = new RingConsumer(positions);
  const publisher = new RingPublisher(replies);
  for (;;) {
    const offset = consumer.next();
    if (offset === CLOSED) return;
    if (offset < 0) {
      blockUntilWork(consumer);
      continue;
    }
    const position = consumer.words[offset]!;
    consumer.release();
    publisher.publishTo(position);
  }
}

function blockUntilWork(consumer: RingConsumer): void {
  if (consumer.waitBlocking(PEER_SLEEP_LOST_MS) === 'timed-out') throw new Error('lost wake-up');
}

function writeNumber(producer: RingProducer, number: number): void {
  const offset = producer.reserve(2);
  if (offset < 0) throw new Error('the ring of a test has room');
  producer.words[offset] = number;
  producer.words[offset + 1] = ~number;
  producer.commit(2);
}
