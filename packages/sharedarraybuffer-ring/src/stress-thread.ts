/** Worker of `stress-run.ts`: writes or reads one ring to the end with blocking waits. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from './ring-consumer.ts';
import { RingProducer } from './ring-producer.ts';
import { Sleeper } from './sleeper.ts';
import { SLEEP_LOST_MS, StressReader, writeStress } from './stress-load.ts';
import type { StressTally } from './stress-load.ts';
import type { StressTask } from './stress-run.ts';

const task = workerData as StressTask;
parentPort!.postMessage(task.role === 'write' ? write() : read());

function write(): StressTally {
  const producer = new RingProducer(task.ring);
  const sleeper = new Sleeper(task.ring.producerDoorbell);
  sleeper.watch(producer);
  return writeStress(producer, sleeper, task.load);
}

function read(): StressTally {
  const consumer = new RingConsumer(task.ring);
  const reader = new StressReader(consumer, task.load);
  while (reader.read() !== 'closed') {
    reader.tally.sleeps++;
    if (consumer.waitBlocking(SLEEP_LOST_MS) === 'timed-out') throw new Error('lost wake-up');
  }
  return reader.tally;
}
