/** Edges of one ring, both sides in one thread: sizes, wrap, bounds, closing, misuse. */
import { MessageChannel } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createDoorbell, Doorbell } from './doorbell.ts';
import { RingConsumer } from './ring-consumer.ts';
import { CLOSED, closeRing, createRing, EMPTY, isSideClosed, NO_ROOM } from './ring-layout.ts';
import type { RingHandle, RingOptions } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';
import { RingPublisher } from './ring-publisher.ts';
import { Sleeper } from './sleeper.ts';

type Pair = { ring: RingHandle; producer: RingProducer; consumer: RingConsumer };

function pairOf(options: Partial<RingOptions> = {}): Pair {
  const ring = createRing({ capacityWords: 32, ...options });
  return { ring, producer: new RingProducer(ring), consumer: new RingConsumer(ring) };
}

function put(producer: RingProducer, wordCount: number, firstWord = 0): void {
  const offset = producer.reserve(wordCount);
  assert.ok(offset >= 0, 'there is room');
  for (let index = 0; index < wordCount; index++) {
    producer.words[offset + index] = firstWord + index;
  }
  producer.commit(wordCount);
}

function take(consumer: RingConsumer): number[] | 'empty' | 'closed' {
  const offset = consumer.next();
  if (offset === EMPTY) return 'empty';
  if (offset === CLOSED) return 'closed';
  return [...consumer.words.slice(offset, offset + consumer.length)];
}

for (const startPosition of [0, 2 ** 31 - 16, 2 ** 32 - 16]) {
  test(`[RB6] a ring fills to its last word, from position ${startPosition}`, () => {
    const { producer, consumer } = pairOf({ startPosition });
    for (let round = 0; round < 8; round++) {
      // Two records of half the capacity are exactly full when they begin at a half.
      put(producer, 14, round);
      put(producer, 14, round + 100);
      assert.is(producer.reserve(2), NO_ROOM);
      assert.ok(producer.publish());
      assert.equal((take(consumer) as number[])[0], round);
      assert.is(producer.reserve(2), NO_ROOM, 'read is not released');
      assert.equal((take(consumer) as number[])[13], round + 113);
      assert.is(take(consumer), 'empty');
      consumer.release();
      assert.is(producer.consumed(), producer.position());
    }
    assert.is(producer.consumedRecords(), 16);
    assert.is(producer.position(), (startPosition + 8 * 32) | 0);
  });
}

test('[RB2] the largest record fits an empty ring at every offset', () => {
  for (let before = 0; before < 32; before += 2) {
    const { producer, consumer } = pairOf({ startPosition: before });
    put(producer, producer.recordWordsMax, 7);
    producer.publish();
    const words = take(consumer) as number[];
    assert.is(words.length, 14);
    assert.is(words[13], 20);
  }
});

test('[RB2] a record that would straddle the end goes to offset 0 and the reader skips', () => {
  const { producer, consumer } = pairOf({ startPosition: 26 });
  assert.is(producer.reserve(6), 2, 'two header words at offset 0');
  producer.commit(6);
  assert.is(producer.position(), 40, 'the skipped tail counts');
  producer.publish();
  assert.is(consumer.next(), 2);
  assert.is(consumer.length, 6);
  consumer.release();
  assert.is(producer.consumed(), 40);
});

test('[RB2] the skipped tail needs room too', () => {
  const { producer, consumer } = pairOf({ startPosition: 16 });
  put(producer, 10);
  producer.publish();
  // 12 words are used, 4 are left before the end, 16 after it: 4 + 16 fit, 4 + 18 cannot be asked.
  assert.is(producer.reserve(14), 2);
  put(producer, 12);
  assert.is(producer.reserve(2), NO_ROOM);
  take(consumer);
  consumer.release();
  assert.ok(producer.reserve(2) >= 0);
});

test('[RB3] nothing is visible before publish, and a batch becomes visible at once', () => {
  const { producer, consumer } = pairOf();
  put(producer, 2, 1);
  put(producer, 4, 2);
  assert.is(take(consumer), 'empty');
  assert.not(consumer.hasWork());
  producer.publish();
  assert.equal(take(consumer), [1, 2]);
  assert.equal(take(consumer), [2, 3, 4, 5]);
  assert.is(take(consumer), 'empty');
});

test('[RB3] a reservation that is not committed is never seen', () => {
  const { producer, consumer } = pairOf();
  assert.is(producer.reserve(8), 2);
  producer.publish();
  assert.is(take(consumer), 'empty');
  assert.is(producer.reserve(4), 2, 'it was forgotten');
});

test('[RB7] a publisher moves the index up to any committed position, across 2^32', () => {
  const ring = createRing({
    capacityWords: 32,
    publishedBy: 'publisher',
    startPosition: 2 ** 32 - 4,
  });
  const producer = new RingProducer(ring);
  const publisher = new RingPublisher(ring);
  const consumer = new RingConsumer(ring);
  put(producer, 2, 1);
  const first = producer.position();
  put(producer, 2, 5);
  const second = producer.position();
  assert.is(take(consumer), 'empty');
  publisher.publishTo(first);
  assert.equal(take(consumer), [1, 2]);
  assert.is(take(consumer), 'empty');
  publisher.publishTo(second);
  publisher.publishTo(second);
  assert.equal(take(consumer), [5, 6]);
  assert.throws(() => publisher.publishTo(first), 'never go back');
  assert.throws(() => publisher.publishTo(second + 34), 'one lap');
  assert.throws(() => producer.publish(), 'published by it alone');
});

test('[RB4] each role attaches once', () => {
  const { ring } = pairOf();
  assert.throws(() => new RingProducer(ring), 'attaches once');
  assert.throws(() => new RingConsumer(ring, new Sleeper(createDoorbell())), 'attaches once');
  assert.throws(() => new RingPublisher(ring), "publishedBy: 'publisher'");
  const durable = createRing({ capacityWords: 32, publishedBy: 'publisher' });
  new RingPublisher(durable);
  assert.throws(() => new RingPublisher(durable), 'attaches once');
});

test('[RB5] a dead producer: what it published is read, then CLOSED; later publishes are not seen', () => {
  const { ring, producer, consumer } = pairOf();
  put(producer, 2, 1);
  producer.publish();
  put(producer, 2, 3);
  closeRing(ring, 'producer');
  assert.ok(isSideClosed(ring, 'producer'));
  assert.not(isSideClosed(ring, 'consumer'));
  assert.ok(consumer.hasWork());
  assert.equal(take(consumer), [1, 2]);
  assert.ok(consumer.hasWork(), 'the news of the end is work');
  assert.is(take(consumer), 'closed');
  assert.not(consumer.hasWork(), 'once');
  // The producer was fenced, not dead: it learns it at its next operation.
  assert.is(producer.publish(), false);
  assert.is(producer.reserve(2), CLOSED);
  assert.is(take(consumer), 'closed');
});

test('[RB5] a publish that raced with the fence is not seen after CLOSED', () => {
  const { ring, producer, consumer } = pairOf();
  put(producer, 2, 1);
  closeRing(ring, 'producer');
  assert.is(take(consumer), 'closed');
  // What a producer does that passed its check just before: the bare store.
  const published = new Int32Array(ring.buffer, 128, 1);
  Atomics.store(published, 0, producer.position());
  assert.is(take(consumer), 'closed');
  assert.not(consumer.hasWork());
});

test('[RB5] a dead consumer: the producer and the publisher see it, the fenced reader too', () => {
  const ring = createRing({ capacityWords: 32, publishedBy: 'publisher' });
  const producer = new RingProducer(ring);
  const publisher = new RingPublisher(ring);
  const consumer = new RingConsumer(ring);
  put(producer, 2);
  publisher.publishTo(producer.position());
  closeRing(ring, 'consumer');
  assert.ok(producer.hasWork());
  assert.is(producer.reserve(2), CLOSED);
  assert.ok(producer.isClosed());
  assert.not(producer.hasWork());
  assert.is(publisher.publishTo(producer.position()), false);
  assert.is(take(consumer), 'closed', 'at once: its replacement may be at work');
});

test('[RB5] closing is idempotent and by side; a new ring has the next generation', () => {
  const { ring, producer, consumer } = pairOf({ generation: 41 });
  producer.close();
  closeRing(ring, 'producer');
  assert.ok(isSideClosed(ring, 'producer'));
  consumer.close();
  consumer.close();
  assert.ok(consumer.isClosed());
  const next = pairOf({ generation: ring.generation + 1 });
  assert.is(next.producer.generation, 42);
  put(next.producer, 2, 9);
  next.producer.publish();
  assert.equal(take(next.consumer), [9, 10]);
});

test('[RB6] wantRoom wakes the producer at a release, and only when it asked', () => {
  const { ring, producer, consumer } = pairOf();
  const sleeper = new Sleeper(ring.producerDoorbell);
  sleeper.watch(producer);
  put(producer, 14);
  put(producer, 14);
  producer.publish();
  assert.is(producer.reserve(10), NO_ROOM);
  assert.not(producer.hasWork(), 'it did not ask');
  producer.wantRoom(10);
  assert.not(producer.hasWork());
  assert.is(sleeper.waitBlocking(1), 'timed-out');
  take(consumer);
  consumer.release();
  assert.ok(producer.hasWork());
  assert.is(sleeper.waitBlocking(Infinity), 'ready');
  assert.ok(producer.reserve(10) >= 0);
  assert.not(producer.hasWork(), 'the wish is fulfilled');
});

test('misuse fails an assert', () => {
  const { ring, producer } = pairOf();
  assert.throws(() => producer.reserve(3), 'even');
  assert.throws(() => producer.reserve(0), 'even');
  assert.throws(() => producer.reserve(16), 'recordWordsMax');
  assert.throws(() => producer.commit(2), 'reservation');
  producer.reserve(4);
  assert.throws(() => producer.commit(6), 'reservation');
  assert.throws(() => createRing({ capacityWords: 48 }), 'power of two');
  assert.throws(() => createRing({ capacityWords: 4 }), 'minimum');
  assert.throws(() => createRing({ capacityWords: 32, recordWordsMax: 16 }), 'half');
  assert.throws(() => createRing({ capacityWords: 32, startPosition: 1 }), 'even');
  assert.throws(() => new RingConsumer({ ...ring, generation: 2 }), 'generation');
  assert.throws(() => new Sleeper(ring.doorbell), 'one sleeper');
});

test('a reader refuses a record whose header was overwritten', () => {
  const { producer, consumer } = pairOf();
  put(producer, 2);
  producer.words[1] = 77;
  producer.publish();
  assert.throws(() => consumer.next(), 'carries its position');
});

test('[BELL2] a doorbell of an awake thread costs no notify', () => {
  const handle = createDoorbell();
  const bell = new Doorbell(handle);
  assert.not(bell.wake());
  const sleeper = new Sleeper(handle);
  assert.is(sleeper.waitBlocking(1), 'timed-out');
  assert.not(bell.wake(), 'awake again after the timeout');
});

test('[BELL2] [BELL5] whoever is woken otherwise is not notified, and finds the news before it sleeps', async () => {
  const doorbell = createDoorbell();
  const sleeper = new Sleeper(doorbell);
  const ring = createRing({ capacityWords: 32, doorbell });
  const consumer = new RingConsumer(ring, sleeper);
  const producer = new RingProducer(ring);
  const sleep = sleeper.waitAsync();
  assert.ok(sleep !== undefined);
  sleeper.stayAwake();
  assert.not(new Doorbell(doorbell).wake(), 'awake: costs no notify');
  put(producer, 2, 7);
  producer.publish();
  assert.is(sleeper.waitAsync(), undefined, 'no sleep: there is news');
  assert.is(consumer.words[consumer.next()], 7);
  consumer.release();
  assert.is(sleeper.waitAsync(), sleep, 'the waiter that is there already');
  assert.ok(new Doorbell(doorbell).wake(), 'asleep again: is notified');
  const alive = new MessageChannel();
  alive.port1.on('message', () => {});
  await sleep;
  alive.port1.close();
});

test('[BELL3] [BELL5] staying awake does not forget a ring without news', () => {
  const handle = createDoorbell();
  const sleeper = new Sleeper(handle);
  assert.ok(sleeper.waitAsync() !== undefined);
  new Doorbell(handle).ring();
  sleeper.stayAwake();
  assert.is(sleeper.waitAsync(), undefined);
});

test('[BELL3] a ring without news ends the next sleep, once', () => {
  const handle = createDoorbell();
  const sleeper = new Sleeper(handle);
  new Doorbell(handle).ring();
  new Doorbell(handle).ring();
  assert.is(sleeper.waitBlocking(Infinity), 'ready');
  assert.is(sleeper.waitBlocking(1), 'timed-out');
});

test.run();
