/**
 * The shared memory of one ring: which word means what, who writes it, how a ring is made and
 * closed. data plane.
 *
 * A ring carries records from exactly one producer to exactly one consumer through one
 * SharedArrayBuffer: a control area, then `capacityWords` words of payload. A *position* counts
 * payload words since the start and wraps at 2^32; the word it names is `position & (capacity - 1)`.
 *
 *      consumed              published             committed
 *         |  borrowed, unread    |  written, unseen    |  free ...
 *   ------+----------------------+---------------------+------------
 *   written by the consumer   by the publisher     private to the producer
 *
 * A record is a header of two words, `[wordCount, position]`, then `wordCount` words, always an
 * even number, so that every record is 8-byte aligned. It never straddles the end: where it would,
 * a header `[SKIP, position]` sends the reader to offset 0.
 *
 * Boundary: this package knows words, not what they mean, and imports nothing. Both sides run in
 * one process and trust each other; asserts catch misuse, not malice.
 *
 * RB1 Records arrive in order, unchanged, each once.
 * RB2 A record is contiguous, and nothing overwrites it before its reader released it.
 * RB3 Nothing is visible before its publish; the published index is stored after the payload.
 * RB4 Every shared word has one writer: payload and `roomWanted` the producer, `published` the
 *     publisher, `consumed` the consumer. Exceptions, all by read-modify-write: the attach and the
 *     generation words, which are never on the path of a record.
 * RB5 After `closeRing(side)` both sides see CLOSED at their next operation; the reader first gets
 *     what was published before. CLOSED is final: a restarted thread gets a new ring.
 * RB6 A ring is bounded: what does not fit is refused with NO_ROOM and nothing is dropped.
 */
import { createDoorbell, Doorbell } from './doorbell.ts';
import type { DoorbellHandle } from './doorbell.ts';
import { assertRing } from './ring-assert.ts';

/** `reserve`: no room now. Room comes when the consumer releases. */
export const NO_ROOM = -1;
/** `next`: nothing published that was not read. */
export const EMPTY = -1;
/** `reserve` and `next`: one side was closed. Final. */
export const CLOSED = -2;

/** Bounds of `capacityWords`, a power of two. Positions are compared as 32-bit differences. */
export const RING_CAPACITY_WORDS_MIN = 8;
export const RING_CAPACITY_WORDS_MAX = 268_435_456;

export const HEADER_WORDS = 2;
/** In the place of a record's word count: the rest of this lap is empty. */
export const SKIP = -1;

/**
 * Word indexes in the control area. Words of different writers lie 32 words (128 bytes) apart: two
 * 64-byte lines, because processors prefetch lines in pairs.
 */
export const Control = {
  magic: 0,
  capacityWords: 1,
  recordWordsMax: 2,
  generation: 3,
  startPosition: 4,
  publishedBy: 5,
  published: 32,
  consumed: 64,
  consumedRecords: 65,
  roomWanted: 96,
  producerGeneration: 128,
  consumerGeneration: 129,
  producerAttached: 130,
  consumerAttached: 131,
  publisherAttached: 132,
} as const;
const CONTROL_WORDS = 160;
const MAGIC = 0x52494e47;

export const PublishedBy = { producer: 0, publisher: 1 } as const;

export type RingSide = 'producer' | 'consumer';

/** Plain data: post it to the workers that take the two sides. */
export type RingHandle = {
  readonly kind: 'ring';
  readonly buffer: SharedArrayBuffer;
  readonly capacityWords: number;
  readonly recordWordsMax: number;
  /** Names this ring among its predecessors, given by whoever restarts the peers. */
  readonly generation: number;
  /** Wakes the consumer. */
  readonly doorbell: DoorbellHandle;
  /** Wakes a producer that waits for room. */
  readonly producerDoorbell: DoorbellHandle;
};

export type RingOptions = {
  /** A power of two. Memory is 4 bytes a word. */
  readonly capacityWords: number;
  /** Longest record, even, at most `capacityWords / 2 - 2`, which is the default. */
  readonly recordWordsMax?: number;
  /** The consumer thread's doorbell, shared by all its rings; its own by default. */
  readonly doorbell?: DoorbellHandle;
  /** The producer thread's doorbell; its own by default. */
  readonly producerDoorbell?: DoorbellHandle;
  /** Counts the rings of this pair of threads: raise it with every restart. Default 1. */
  readonly generation?: number;
  /** 'publisher' hands the publish step to a RingPublisher in another thread. */
  readonly publishedBy?: keyof typeof PublishedBy;
  /** Where positions begin, even: for tests of the wrap at 2^31 and 2^32. Default 0. */
  readonly startPosition?: number;
};

export function createRing(options: RingOptions): RingHandle {
  const capacityWords = options.capacityWords;
  assertRing(Number.isInteger(capacityWords), 'capacityWords is an integer');
  assertRing(capacityWords >= RING_CAPACITY_WORDS_MIN, 'capacityWords is at least the minimum');
  assertRing(capacityWords <= RING_CAPACITY_WORDS_MAX, 'capacityWords is at most the maximum');
  assertRing((capacityWords & (capacityWords - 1)) === 0, 'capacityWords is a power of two');
  const recordWordsMax = options.recordWordsMax ?? capacityWords / 2 - HEADER_WORDS;
  assertRing(recordWordsMax > 0 && recordWordsMax % 2 === 0, 'recordWordsMax is even, positive');
  // With at most half the capacity a record always fits an empty ring, whatever the wrap wastes.
  assertRing(recordWordsMax + HEADER_WORDS <= capacityWords / 2, 'a record fits half the capacity');
  const startPosition = (options.startPosition ?? 0) | 0;
  assertRing((startPosition & 1) === 0, 'startPosition is even');
  const generation = (options.generation ?? 1) | 0;

  const buffer = new SharedArrayBuffer((CONTROL_WORDS + capacityWords) * 4);
  const control = controlWords(buffer);
  control[Control.magic] = MAGIC;
  control[Control.capacityWords] = capacityWords;
  control[Control.recordWordsMax] = recordWordsMax;
  control[Control.generation] = generation;
  control[Control.startPosition] = startPosition;
  control[Control.publishedBy] = PublishedBy[options.publishedBy ?? 'producer'];
  control[Control.published] = startPosition;
  control[Control.consumed] = startPosition;
  control[Control.producerGeneration] = generation;
  control[Control.consumerGeneration] = generation;
  return {
    kind: 'ring',
    buffer,
    capacityWords,
    recordWordsMax,
    generation,
    doorbell: options.doorbell ?? createDoorbell(),
    producerDoorbell: options.producerDoorbell ?? createDoorbell(),
  };
}

/**
 * Says that one side is gone: by that side when it ends, or by its supervisor when it died. Both
 * sides are woken. Any thread may call it, any number of times.
 */
export function closeRing(handle: RingHandle, side: RingSide): void {
  const control = controlWords(handle.buffer);
  Atomics.compareExchange(control, generationWord(side), handle.generation, handle.generation + 1);
  new Doorbell(handle.doorbell).ring();
  new Doorbell(handle.producerDoorbell).ring();
}

/** Whether a side was closed. For supervisors; the sides themselves see CLOSED. */
export function isSideClosed(handle: RingHandle, side: RingSide): boolean {
  const control = controlWords(handle.buffer);
  return Atomics.load(control, generationWord(side)) !== handle.generation;
}

export function controlWords(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, CONTROL_WORDS);
}

export function payloadWords(handle: RingHandle): Int32Array {
  const control = controlWords(handle.buffer);
  assertRing(control[Control.magic] === MAGIC, 'the handle names a ring');
  assertRing(control[Control.capacityWords] === handle.capacityWords, 'the handle fits its ring');
  assertRing(control[Control.generation] === handle.generation, 'the handle is of this generation');
  return new Int32Array(handle.buffer, CONTROL_WORDS * 4, handle.capacityWords);
}

/** Takes a side for good: a second taker, such as a restarted worker, is refused. */
export function attach(control: Int32Array, attachedWord: number): void {
  const prior = Atomics.compareExchange(control, attachedWord, 0, 1);
  assertRing(prior === 0, 'each side of a ring attaches once: a restarted thread gets a new ring');
}

function generationWord(side: RingSide): number {
  return side === 'producer' ? Control.producerGeneration : Control.consumerGeneration;
}
