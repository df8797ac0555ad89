/**
 * The ring against a dumb model: three queues (committed, visible, borrowed) and unbounded positions.
 * Random sizes, batches, releases and start positions around 2^31 and 2^32, published by the
 * producer or by a publisher that lags behind.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RingConsumer } from './ring-consumer.ts';
import { createRing, EMPTY, HEADER_WORDS, NO_ROOM } from './ring-layout.ts';
import { RingProducer } from './ring-producer.ts';
import { RingPublisher } from './ring-publisher.ts';

type Action =
  | { kind: 'write'; reserveWords: number; shrinkWords: number }
  | { kind: 'abandon'; reserveWords: number }
  | { kind: 'publish'; share: number }
  | { kind: 'read'; count: number }
  | { kind: 'release' };

type Written = { id: number; wordCount: number; endPosition: number };

const SEED = Number(process.env['SEED'] ?? '20');
const RUNS = 2000;

const even = (max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 1, max: max / 2 }).map((half) => half * 2);
const actionOf = (recordWordsMax: number): fc.Arbitrary<Action> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        reserveWords: even(recordWordsMax),
        shrinkWords: fc.oneof(fc.constant(0), even(recordWordsMax)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('abandon' as const),
        reserveWords: even(recordWordsMax),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('read' as const),
        count: fc.integer({ min: 1, max: 8 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'release' as const }) },
  );

const scenario = fc
  .record({
    capacityLog: fc.integer({ min: 3, max: 7 }),
    startPosition: fc.constantFrom(0, 2 ** 31 - 32, 2 ** 32 - 32, 2 ** 31 - 2, -2, 6),
    separatePublisher: fc.boolean(),
  })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      actions: fc.array(actionOf(2 ** shape.capacityLog / 2 - HEADER_WORDS), {
        maxLength: 300,
        size: 'max',
      }),
    }),
  );

class Model {
  readonly committed: Written[] = [];
  readonly visible: Written[] = [];
  readonly borrowed: Written[] = [];
  /** Unbounded, as the ring's positions are not. */
  writePosition: number;
  readPosition: number;
  releasedPosition: number;
  releasedRecords = 0;

  constructor(startPosition: number) {
    this.writePosition = startPosition;
    this.readPosition = startPosition;
    this.releasedPosition = startPosition;
  }

  /** Where a record would begin, its header included. */
  place(wordCount: number, capacityWords: number): number {
    const offset = ((this.writePosition % capacityWords) + capacityWords) % capacityWords;
    const tailWords = capacityWords - offset;
    return wordCount + HEADER_WORDS <= tailWords
      ? this.writePosition
      : this.writePosition + tailWords;
  }

  fits(wordCount: number, capacityWords: number): boolean {
    const end = this.place(wordCount, capacityWords) + HEADER_WORDS + wordCount;
    return end - this.releasedPosition <= capacityWords;
  }
}

test(`[RB1] [RB2] [RB3] [RB6] [RB7] the ring is the model's queue, seed ${SEED}`, () => {
  fc.assert(
    fc.property(scenario, ({ shape, actions }) => run(shape, actions)),
    { seed: SEED, numRuns: RUNS },
  );
});

function run(
  shape: { capacityLog: number; startPosition: number; separatePublisher: boolean },
  actions: readonly Action[],
): void {
  const capacityWords = 2 ** shape.capacityLog;
  const { startPosition, separatePublisher } = shape;
  const publishedBy = separatePublisher ? 'publisher' : 'producer';
  const ring = createRing({ capacityWords, startPosition, publishedBy });
  const producer = new RingProducer(ring);
  const publisher = separatePublisher ? new RingPublisher(ring) : undefined;
  const consumer = new RingConsumer(ring);
  const model = new Model(startPosition);
  let written = 0;
  for (const action of actions) {
    if (action.kind === 'write') written += write(producer, model, action, written);
    else if (action.kind === 'abandon') producer.reserve(action.reserveWords);
    else if (action.kind === 'publish') publish(producer, publisher, model, action.share);
    else if (action.kind === 'read') read(consumer, model, action.count);
    else release(consumer, producer, model);
    checkBorrowed(consumer, model, capacityWords);
    assert.is(producer.position(), model.writePosition | 0);
    assert.is(consumer.hasWork(), model.visible.length > 0);
  }
}

function write(
  producer: RingProducer,
  model: Model,
  action: { reserveWords: number; shrinkWords: number },
  id: number,
): number {
  const { capacityWords } = producer;
  const offset = producer.reserve(action.reserveWords);
  if (!model.fits(action.reserveWords, capacityWords)) {
    assert.is(offset, NO_ROOM);
    return 0;
  }
  const position = model.place(action.reserveWords, capacityWords) + HEADER_WORDS;
  assert.is(offset, position & (capacityWords - 1));
  const wordCount = Math.max(2, action.reserveWords - action.shrinkWords);
  // All that was reserved may be scribbled on, not only what is committed.
  for (let index = 0; index < action.reserveWords; index++) {
    producer.words[offset + index] = id * 1000 + index;
  }
  producer.commit(wordCount);
  model.writePosition = position + wordCount;
  model.committed.push({ id, wordCount, endPosition: model.writePosition });
  return 1;
}

function publish(
  producer: RingProducer,
  publisher: RingPublisher | undefined,
  model: Model,
  share: number,
): void {
  if (publisher === undefined) {
    assert.ok(producer.publish());
    model.visible.push(...model.committed.splice(0));
    return;
  }
  const moved = model.committed.splice(0, Math.ceil(model.committed.length * share));
  const position = (moved.at(-1)?.endPosition ?? publisher.position()) | 0;
  assert.ok(publisher.publishTo(position));
  assert.is(publisher.position(), position);
  model.visible.push(...moved);
}

function read(consumer: RingConsumer, model: Model, count: number): void {
  for (let left = count; left > 0; left--) {
    const offset = consumer.next();
    const expected = model.visible.shift();
    if (expected === undefined) {
      assert.is(offset, EMPTY);
      return;
    }
    assert.is(consumer.length, expected.wordCount);
    model.readPosition = expected.endPosition;
    model.borrowed.push(expected);
    assert.is(consumer.words[offset], expected.id * 1000);
  }
}

/** Every borrowed record keeps its words until it is released. */
function checkBorrowed(consumer: RingConsumer, model: Model, capacityWords: number): void {
  for (const record of model.borrowed) {
    const offset = (record.endPosition - record.wordCount) & (capacityWords - 1);
    for (let index = 0; index < record.wordCount; index++) {
      assert.is(consumer.words[offset + index], record.id * 1000 + index);
    }
  }
}

function release(consumer: RingConsumer, producer: RingProducer, model: Model): void {
  consumer.release();
  model.releasedRecords += model.borrowed.splice(0).length;
  model.releasedPosition = model.readPosition;
  assert.is(producer.consumed(), model.releasedPosition | 0);
  assert.is(producer.consumedRecords(), model.releasedRecords);
}

test.run();
