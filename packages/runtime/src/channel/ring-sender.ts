/**
 * RingSender: writes frames straight into a ring's memory, for one lane to one target. It outlives
 * the rings: when the other end is replaced, a new ring is put in, and positions go on counting.
 *
 * data plane
 *
 * Invariants:
 *   RS1 a ring without room refuses (`acquire` is false); nothing is dropped
 *   RS2 what is written to an end that is gone is swallowed: the event `channel-down` tells of it
 *   RS3 `written` never goes back, and `consumed` reaches a value of `written` only when all that
 *       was written before that call has been let go of, the frame under construction included
 */
import { assert } from '@clockwise/kernel/assert';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingProducer } from '@clockwise/sharedarraybuffer-ring/ring-producer';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import type { FrameBacking } from '@clockwise/protocol/frame-writer';

const NOTHING = new Int32Array(0);

export class RingSender implements FrameBacking {
  words: Int32Array = NOTHING;
  offset = 0;
  wordCountMax = 0;
  readonly writer: FrameWriter;
  /** Frames were committed since the last `takeCommitted`. */
  #committed = false;
  #open = false;
  #producer: RingProducer | undefined;
  #void: Int32Array = NOTHING;
  /** The producer's position at the last commit, and the count of words to there. */
  #position = 0;
  #total = 0;

  constructor(frameWordsTarget: number) {
    this.writer = new FrameWriter(this, frameWordsTarget);
  }

  /** REQUIRES: no frame is under construction. */
  attach(handle: RingHandle): void {
    assert(this.#producer === undefined, 'the ring before was detached');
    this.#producer = new RingProducer(handle);
    this.#position = this.#producer.position();
  }

  detach(): void {
    this.#producer?.close();
    this.#producer = undefined;
    this.#committed = false;
  }

  get generation(): number {
    return this.#producer === undefined ? 0 : this.#producer.generation;
  }

  acquire(wordCountMin: number): boolean {
    const producer = this.#producer;
    if (producer === undefined || producer.isClosed()) return this.#acquireVoid(wordCountMin);
    if (wordCountMin > producer.recordWordsMax) return false;
    const offset = producer.reserve(wordCountMin);
    if (offset < 0) return producer.isClosed() ? this.#acquireVoid(wordCountMin) : false;
    this.words = producer.words;
    this.offset = offset;
    this.wordCountMax = wordCountMin;
    this.#open = true;
    return true;
  }

  complete(wordCount: number): void {
    const producer = this.#producer;
    this.#open = false;
    if (producer === undefined || this.words !== producer.words) return;
    producer.commit(wordCount);
    const position = producer.position();
    this.#total += (position - this.#position) >>> 0;
    this.#position = position;
    this.#committed = true;
  }

  /** Makes what was committed visible, for a lane that this thread publishes. */
  publish(): void {
    if (!this.#committed) return;
    this.#committed = false;
    this.#producer?.publish();
  }

  /** For a lane that the log writer publishes: whether `position` has moved. */
  takeCommitted(): boolean {
    const committed = this.#committed;
    this.#committed = false;
    return committed;
  }

  position(): number {
    return this.#position;
  }

  written(): number {
    return this.#total + (this.#open ? 1 : 0);
  }

  consumed(): number {
    const producer = this.#producer;
    if (producer === undefined || producer.isClosed()) return this.written();
    return this.#total - ((this.#position - producer.consumed()) >>> 0);
  }

  #acquireVoid(wordCount: number): boolean {
    if (this.#void.length < wordCount) this.#void = new Int32Array(wordCount);
    this.words = this.#void;
    this.offset = 0;
    this.wordCountMax = wordCount;
    this.#open = false;
    return true;
  }
}
