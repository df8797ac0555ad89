/**
 * RingConsumer: the reading side of a ring. data plane. Layout and invariants RB1 to RB6 are in
 * `ring-layout.ts`.
 *
 *   for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
 *     consumer.words[offset] ... consumer.length words, borrowed
 *   }
 *   consumer.release();                           // all that was read; one store
 *
 * A thread with several rings gives all its consumers one Sleeper, on the doorbell that the rings
 * were created with, and may wait through any of them or through the Sleeper itself.
 */
import { Doorbell } from './doorbell.ts';
import { assertRing } from './ring-assert.ts';
import {
  attach,
  CLOSED,
  closeRing,
  Control,
  controlWords,
  EMPTY,
  HEADER_WORDS,
  payloadWords,
  SKIP,
} from './ring-layout.ts';
import type { RingHandle } from './ring-layout.ts';
import { Sleeper } from './sleeper.ts';
import type { BlockingWait, SleepSource } from './sleeper.ts';

export class RingConsumer implements SleepSource {
  /** The payload memory. Read only what `next` gave and `release` has not taken back. */
  readonly words: Int32Array;
  /** Words of the record that `next` gave last. */
  length = 0;
  readonly generation: number;
  readonly sleeper: Sleeper;
  readonly #handle: RingHandle;
  readonly #control: Int32Array;
  readonly #producerDoorbell: Doorbell;
  readonly #mask: number;
  #read: number;
  #released: number;
  /** The publisher's position when last looked at; the truth is at or ahead of it. */
  #published: number;
  #recordsRead = 0;
  #closedSeen = false;

  /** Without a sleeper it makes one: right when the doorbell serves this ring only. */
  constructor(handle: RingHandle, sleeper: Sleeper = new Sleeper(handle.doorbell)) {
    this.words = payloadWords(handle);
    this.generation = handle.generation;
    this.#handle = handle;
    this.#control = controlWords(handle.buffer);
    this.#producerDoorbell = new Doorbell(handle.producerDoorbell);
    this.#mask = handle.capacityWords - 1;
    this.#read = this.#control[Control.startPosition]!;
    this.#released = this.#read;
    this.#published = this.#read;
    attach(this.#control, Control.consumerAttached);
    this.sleeper = sleeper;
    sleeper.watch(this);
  }

  /**
   * The offset in `words` of the next record, its size in `length`; or EMPTY; or CLOSED, which
   * comes once all that was published before a producer's end is read, and at once when this side
   * itself was declared dead.
   */
  next(): number {
    if (this.#ownSideClosed()) return this.#sawClosed();
    if (this.#read === this.#published) {
      const status = this.#lookForMore();
      if (status < 0) return status;
    }
    let offset = this.#read & this.#mask;
    if (this.words[offset] === SKIP) {
      assertRing(this.words[offset + 1] === this.#read, 'a skip header carries its position');
      this.#read = (this.#read + this.#mask + 1 - offset) | 0;
      offset = 0;
    }
    assertRing(this.words[offset + 1] === this.#read, 'a record header carries its position');
    this.length = this.words[offset]!;
    this.#read = (this.#read + HEADER_WORDS + this.length) | 0;
    this.#recordsRead = (this.#recordsRead + 1) | 0;
    return offset + HEADER_WORDS;
  }

  /** Gives the memory of all records read so far back to the producer. */
  release(): void {
    if (this.#read === this.#released) return;
    this.#released = this.#read;
    const control = this.#control;
    Atomics.store(control, Control.consumedRecords, this.#recordsRead);
    Atomics.store(control, Control.consumed, this.#read);
    if (Atomics.load(control, Control.roomWanted) !== 0) this.#producerDoorbell.wake();
  }

  /** For the Sleeper: `next` would give a record, or say CLOSED for the first time. */
  hasWork(): boolean {
    if (this.#closedSeen) return false;
    if (this.#read !== this.#published) return true;
    if (Atomics.load(this.#control, Control.published) !== this.#read) return true;
    return this.#ownSideClosed() || this.#producerClosed();
  }

  /** Blocks until this or another ring of the same sleeper has work. See Sleeper. */
  waitBlocking(timeoutMs: number): BlockingWait {
    return this.sleeper.waitBlocking(timeoutMs);
  }

  /** Undefined when there is work now, else a promise of work. See Sleeper: it keeps nothing alive. */
  waitAsync(): Promise<void> | undefined {
    return this.sleeper.waitAsync();
  }

  /** Whether `next` has said CLOSED. */
  isClosed(): boolean {
    return this.#closedSeen;
  }

  /** The orderly end: the producer sees CLOSED, the sleeper forgets this ring. */
  close(): void {
    closeRing(this.#handle, 'consumer');
    this.sleeper.unwatch(this);
    this.#closedSeen = true;
  }

  /** The generation is read before the index: what a producer published before its end is found. */
  #lookForMore(): number {
    if (this.#closedSeen) return CLOSED;
    const producerClosed = this.#producerClosed();
    this.#published = Atomics.load(this.#control, Control.published);
    if (this.#published !== this.#read) return 0;
    return producerClosed ? this.#sawClosed() : EMPTY;
  }

  /** Final, so that a late publish of a fenced producer is never seen. */
  #sawClosed(): number {
    this.#closedSeen = true;
    this.#published = this.#read;
    return CLOSED;
  }

  #ownSideClosed(): boolean {
    return Atomics.load(this.#control, Control.consumerGeneration) !== this.generation;
  }

  #producerClosed(): boolean {
    return Atomics.load(this.#control, Control.producerGeneration) !== this.generation;
  }
}
