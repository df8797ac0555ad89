/**
 * RingPublisher: the publish step of a ring, run by another thread than the one that writes it.
 * data plane.
 *
 * A producer commits records and hands its `position()` to this thread by a channel of theirs; when
 * what those records promise holds (the log is durable), the publisher moves the published index.
 * Answering too early is then impossible by construction: the writer of the answer cannot publish.
 *
 * RB7 A position is published only by `publishTo`, and publishing never goes back.
 *
 * REQUIRES: the channel that carries the position orders memory, as a ring or a MessagePort does, so
 * that the payload is visible to this thread before it publishes.
 */
import { Doorbell } from './doorbell.ts';
import { assertRing } from './ring-assert.ts';
import { attach, Control, controlWords, payloadWords, PublishedBy } from './ring-layout.ts';
import type { RingHandle } from './ring-layout.ts';

export class RingPublisher {
  readonly generation: number;
  readonly #capacityWords: number;
  readonly #control: Int32Array;
  readonly #doorbell: Doorbell;
  #published: number;

  constructor(handle: RingHandle) {
    this.#capacityWords = payloadWords(handle).length;
    this.generation = handle.generation;
    this.#control = controlWords(handle.buffer);
    this.#doorbell = new Doorbell(handle.doorbell);
    const publishedBy = this.#control[Control.publishedBy];
    assertRing(publishedBy === PublishedBy.publisher, "createRing said publishedBy: 'publisher'");
    this.#published = this.#control[Control.startPosition]!;
    attach(this.#control, Control.publisherAttached);
  }

  /**
   * Makes the records up to `position`, an earlier `producer.position()`, visible. Positions are
   * compared as wrapping 32-bit numbers; the same one twice is allowed. False when closed.
   */
  publishTo(position: number): boolean {
    const aheadWords = (position - this.#published) | 0;
    assertRing(aheadWords >= 0, 'published positions never go back');
    assertRing(aheadWords <= this.#capacityWords, 'a position is at most one lap ahead');
    if (this.isClosed()) return false;
    if (aheadWords === 0) return true;
    this.#published = position | 0;
    Atomics.store(this.#control, Control.published, this.#published);
    this.#doorbell.wake();
    return true;
  }

  /** The position up to which this publisher has published. */
  position(): number {
    return this.#published;
  }

  isClosed(): boolean {
    return (
      Atomics.load(this.#control, Control.producerGeneration) !== this.generation ||
      Atomics.load(this.#control, Control.consumerGeneration) !== this.generation
    );
  }
}
