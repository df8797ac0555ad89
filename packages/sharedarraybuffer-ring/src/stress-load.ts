/**
 * The two halves of the stress: a writer and a reader of records of random sizes, with random
 * batches and random yields. Both draw sizes from one seeded stream and compute every word from
 * (seed, record, index), so that the reader checks order, length and each byte on its own.
 *
 * Boundary: no threads here; `stress-run.ts` starts them.
 */
import type { RingConsumer } from './ring-consumer.ts';
import { CLOSED, NO_ROOM } from './ring-layout.ts';
import type { RingProducer } from './ring-producer.ts';
import type { Sleeper } from './sleeper.ts';

export type StressLoad = {
  readonly seed: number;
  readonly records: number;
  readonly recordWordsMax: number;
};

/** What one half did, as a sum over the words it saw and counts of its sleeps. */
export type StressTally = { records: number; words: number; checksum: number; sleeps: number };

/** Much longer than any stall of a busy machine: a sleep this long is a lost wake-up. */
export const SLEEP_LOST_MS = 60_000;
const BATCH_RECORDS_MAX = 64;

/** A small xorshift: this package imports nothing. */
class Stream {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0;
  }

  below(bound: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % bound;
  }
}

/** A few thousandth parts of the records are followed by a pause, so that each side laps the other. */
class Yielder {
  readonly #stream: Stream;
  readonly #cell: Int32Array = new Int32Array(new SharedArrayBuffer(4));

  constructor(seed: number) {
    this.#stream = new Stream(seed);
  }

  afterRecord(): void {
    const draw = this.#stream.below(4096);
    if (draw < 2) Atomics.wait(this.#cell, 0, 0, this.#stream.below(200) / 1000);
    else if (draw < 16) for (let spin = this.#stream.below(5000); spin > 0; spin--) this.#spin();
  }

  batch(): number {
    return 1 + this.#stream.below(BATCH_RECORDS_MAX);
  }

  #spin(): void {
    Atomics.load(this.#cell, 0);
  }
}

export function writeStress(
  producer: RingProducer,
  sleeper: Sleeper,
  load: StressLoad,
): StressTally {
  const sizes = new Stream(load.seed);
  const yielder = new Yielder(load.seed + 1);
  const tally: StressTally = { records: 0, words: 0, checksum: 0, sleeps: 0 };
  let batchLeft = yielder.batch();
  for (let record = 0; record < load.records; record++) {
    const wordCount = drawWordCount(sizes, load);
    // Every other reservation is the largest possible, and ends smaller.
    const reserveWords = (record & 1) === 0 ? wordCount : load.recordWordsMax;
    const offset = reserveOrSleep(producer, sleeper, reserveWords, tally);
    for (let index = 0; index < wordCount; index++) {
      const word = stressWord(load.seed, record, index);
      producer.words[offset + index] = word;
      tally.checksum = (tally.checksum + word) | 0;
    }
    producer.commit(wordCount);
    tally.records++;
    tally.words += wordCount;
    if (--batchLeft === 0) {
      producer.publish();
      batchLeft = yielder.batch();
    }
    yielder.afterRecord();
  }
  producer.publish();
  producer.close();
  return tally;
}

function reserveOrSleep(
  producer: RingProducer,
  sleeper: Sleeper,
  wordCount: number,
  tally: StressTally,
): number {
  for (;;) {
    const offset = producer.reserve(wordCount);
    if (offset >= 0) return offset;
    if (offset !== NO_ROOM) throw new Error('the reader closed the ring');
    producer.publish();
    producer.wantRoom(wordCount);
    tally.sleeps++;
    if (sleeper.waitBlocking(SLEEP_LOST_MS) === 'timed-out') throw new Error('lost wake-up: room');
  }
}

/** The reading half: `read` takes what there is; 'closed' once the writer ended and all is read. */
export class StressReader {
  readonly tally: StressTally = { records: 0, words: 0, checksum: 0, sleeps: 0 };
  readonly #consumer: RingConsumer;
  readonly #load: StressLoad;
  readonly #sizes: Stream;
  readonly #yielder: Yielder;

  constructor(consumer: RingConsumer, load: StressLoad) {
    this.#consumer = consumer;
    this.#load = load;
    this.#sizes = new Stream(load.seed);
    this.#yielder = new Yielder(load.seed + 2);
  }

  read(): 'empty' | 'closed' {
    const consumer = this.#consumer;
    let batchLeft = this.#yielder.batch();
    for (;;) {
      const offset = consumer.next();
      if (offset < 0) {
        consumer.release();
        return offset === CLOSED ? this.#end() : 'empty';
      }
      this.#check(offset);
      if (--batchLeft === 0) {
        consumer.release();
        batchLeft = this.#yielder.batch();
      }
      this.#yielder.afterRecord();
    }
  }

  #check(offset: number): void {
    const { words, length } = this.#consumer;
    const tally = this.tally;
    const expected = drawWordCount(this.#sizes, this.#load);
    if (length !== expected) throw new Error(`record ${tally.records}: ${length}, not ${expected}`);
    for (let index = 0; index < length; index++) {
      const word = words[offset + index]!;
      if (word !== stressWord(this.#load.seed, tally.records, index)) {
        throw new Error(`record ${tally.records}, word ${index}: wrong`);
      }
      tally.checksum = (tally.checksum + word) | 0;
    }
    tally.records++;
    tally.words += length;
  }

  #end(): 'closed' {
    const { records } = this.tally;
    if (records !== this.#load.records) throw new Error(`${records} records arrived, not all`);
    return 'closed';
  }
}

function drawWordCount(sizes: Stream, load: StressLoad): number {
  return 2 + 2 * sizes.below(load.recordWordsMax / 2);
}

function stressWord(seed: number, record: number, index: number): number {
  const mixed = Math.imul(seed + record, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
}
