/**
 * Runs the stress of `stress-load.ts` on two threads: the writer in a worker; the reader in another
 * worker with blocking waits, or in the calling thread with asynchronous ones.
 */
import { Worker } from 'node:worker_threads';
import { RingConsumer } from './ring-consumer.ts';
import { createRing } from './ring-layout.ts';
import type { RingHandle } from './ring-layout.ts';
import { StressReader } from './stress-load.ts';
import type { StressLoad, StressTally } from './stress-load.ts';

export type StressOptions = StressLoad & {
  readonly capacityWords: number;
  readonly reader: 'blocking' | 'async';
  readonly startPosition?: number;
};

export type StressReport = { written: StressTally; read: StressTally };

/** What a stress thread is told. */
export type StressTask = {
  readonly role: 'write' | 'read';
  readonly ring: RingHandle;
  readonly load: StressLoad;
};

/** Resolves when every word was checked; rejects on the first wrong one or a lost wake-up. */
export async function runStress(options: StressOptions): Promise<StressReport> {
  const { seed, records, recordWordsMax, capacityWords } = options;
  const load: StressLoad = { seed, records, recordWordsMax };
  const startPosition = options.startPosition ?? 0;
  const ring = createRing({ capacityWords, recordWordsMax, startPosition });
  const threads: Worker[] = [];
  const start = (role: StressTask['role']): Promise<StressTally> => {
    const task: StressTask = { role, ring, load };
    const thread = new Worker(new URL('./stress-thread.js', import.meta.url), { workerData: task });
    threads.push(thread);
    return tallyOf(thread);
  };
  try {
    const reading = options.reader === 'blocking' ? start('read') : readAsync(ring, load);
    const [read, written] = await Promise.all([reading, start('write')]);
    if (read.checksum !== written.checksum) throw new Error('the checksums differ');
    return { written, read };
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

function tallyOf(thread: Worker): Promise<StressTally> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`a stress thread ended early, code ${code}`)));
  });
}

/** The writer's Worker object keeps the event loop alive during the sleeps. */
async function readAsync(ring: RingHandle, load: StressLoad): Promise<StressTally> {
  const consumer = new RingConsumer(ring);
  const reader = new StressReader(consumer, load);
  try {
    while (reader.read() !== 'closed') {
      const sleep = consumer.waitAsync();
      if (sleep === undefined) continue;
      reader.tally.sleeps++;
      await sleep;
    }
    return reader.tally;
  } finally {
    consumer.close();
  }
}
