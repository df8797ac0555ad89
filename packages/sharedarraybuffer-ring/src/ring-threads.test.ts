/**
 * The ring between real threads: the stress, several rings on one doorbell, a third thread that
 * publishes. A lost wake-up shows as an error, or as a test that does not end.
 *
 * runner: limit 180s
 * runner: test limit 90s
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createDoorbell, Doorbell } from './doorbell.ts';
import type { PeerTask } from './peer-thread.ts';
import { RingConsumer } from './ring-consumer.ts';
import { CLOSED, createRing } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';
import { Sleeper } from './sleeper.ts';
import { runStress } from './stress-run.ts';

const SLEEP_LOST_MS = 60_000;
const SEED = Number(process.env['SEED'] ?? '20');

function startPeer(task: PeerTask): Worker {
  return new Worker(new URL('./peer-thread.js', import.meta.url), { workerData: task });
}

for (const reader of ['blocking', 'async'] as const) {
  test(`[RB1] [RB2] [BELL1] H6 a million records of random sizes, ${reader} reader, seed ${SEED}`, async () => {
    const { written, read } = await runStress({
      seed: SEED,
      records: reader === 'blocking' ? 1_000_000 : 200_000,
      recordWordsMax: 64,
      capacityWords: 4096,
      reader,
      startPosition: 2 ** 31 - 1000,
    });
    assert.is(read.checksum, written.checksum);
    assert.ok(read.sleeps > 0, 'the reader slept');
    assert.ok(written.sleeps > 0, 'the writer slept');
  });
}

test(`[RB6] H6 the smallest ring, full all the time, seed ${SEED}`, async () => {
  const { read } = await runStress({
    seed: SEED,
    records: 50_000,
    recordWordsMax: 2,
    capacityWords: 8,
    reader: 'blocking',
    startPosition: 2 ** 32 - 8,
  });
  assert.is(read.records, 50_000);
});

test('[BELL1] [BELL4] one doorbell serves several rings and plain rings, in waitAsync', async () => {
  const doorbell = createDoorbell();
  const sleeper = new Sleeper(doorbell);
  const count = 20_000;
  const rings = [64, 256, 1024].map((capacityWords) => createRing({ capacityWords, doorbell }));
  const consumers = rings.map((ring) => new RingConsumer(ring, sleeper));
  const peers = rings.map((ring) => startPeer({ role: 'count', ring, count }));
  const ended = Promise.all(peers.map((peer) => once(peer, 'exit')));
  const counts = rings.map(() => 0);
  let open = rings.length;
  while (open > 0) {
    for (const [index, consumer] of consumers.entries()) {
      if (consumer.isClosed()) continue;
      let offset = consumer.next();
      for (; offset >= 0; offset = consumer.next()) {
        assert.is(consumer.words[offset], counts[index]);
        counts[index]!++;
      }
      consumer.release();
      if (offset === CLOSED) open--;
    }
    if (open > 0) await sleeper.waitAsync();
  }
  assert.equal(counts, [count, count, count]);
  await ended;
  // All rings are closed and seen: only a plain ring can end this sleep.
  const sleep = sleeper.waitAsync();
  assert.ok(sleep !== undefined);
  assert.is(sleeper.waitAsync(), sleep, 'one sleep, asked for twice');
  const alive = new MessageChannel();
  alive.port1.on('message', () => {});
  new Doorbell(doorbell).ring();
  await sleep;
  alive.port1.close();
});

test('[RB7] a log-writer thread publishes the records of another thread', async () => {
  const replies = createRing({ capacityWords: 256, publishedBy: 'publisher' });
  const positions = createRing({ capacityWords: 256 });
  const peer = startPeer({ role: 'publish', positions, replies });
  const ended = once(peer, 'exit');
  const producer = new RingProducer(replies);
  const positionProducer = new RingProducer(positions);
  const consumer = new RingConsumer(replies);
  const records = 20_000;
  let written = 0;
  for (let read = 0; read < records;) {
    for (let batch = 1 + (written % 7); batch > 0 && written < records; batch--) {
      const offset = producer.reserve(4);
      if (offset < 0) break;
      producer.words[offset] = written++;
      producer.commit(4);
    }
    const offset = positionProducer.reserve(2);
    assert.ok(offset >= 0, 'one position at a time: there is room');
    positionProducer.words[offset] = producer.position();
    positionProducer.commit(2);
    positionProducer.publish();
    if (consumer.waitBlocking(SLEEP_LOST_MS) === 'timed-out') throw new Error('lost wake-up');
    for (let reply = consumer.next(); reply >= 0; reply = consumer.next()) {
      assert.is(consumer.words[reply], read++);
    }
    consumer.release();
  }
  positionProducer.close();
  assert.equal(await ended, [0]);
});

test.run();
