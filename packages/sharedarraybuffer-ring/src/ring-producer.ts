/**
 * RingProducer: the writing side of a ring. data plane. Layout and invariants RB1 to RB6 are in
 * `ring-layout.ts`.
 *
 *   const offset = producer.reserve(wordCount);   // NO_ROOM and CLOSED are negative
 *   producer.words[offset] = ...;                 // up to wordCount words from offset
 *   producer.commit(wordCountActual);             // ends the record; not visible yet
 *   ...more records...
 *   producer.publish();                           // one store, at most one notify
 *
 * To wait for room: `wantRoom(wordCount)`, then sleep on a Sleeper of the producer doorbell that
 * watches this producer, then reserve again. No wake-up is lost there for the reason of BELL1: the
 * producer stores `roomWanted`, then ASLEEP, then looks at `consumed`; the consumer stores
 * `consumed`, then looks at `roomWanted`, then at the bell.
 */
import { Doorbell } from './doorbell.ts';
import { assertRing } from './ring-assert.ts';
import {
  attach,
  CLOSED,
  closeRing,
  Control,
  controlWords,
  HEADER_WORDS,
  NO_ROOM,
  payloadWords,
  PublishedBy,
  SKIP,
} from './ring-layout.ts';
import type { RingHandle } from './ring-layout.ts';
import type { SleepSource } from './sleeper.ts';

export class RingProducer implements SleepSource {
  /** The payload memory. Write only where the last `reserve` pointed. */
  readonly words: Int32Array;
  readonly capacityWords: number;
  readonly recordWordsMax: number;
  readonly generation: number;
  readonly #handle: RingHandle;
  readonly #control: Int32Array;
  readonly #doorbell: Doorbell;
  readonly #publishesItself: boolean;
  /** End of the last committed record. */
  #committed: number;
  #published: number;
  /** The consumer's position when last looked at; the truth is at or ahead of it. */
  #consumed: number;
  /** Where the reserved record's header goes, and the words it may take; 0: nothing reserved. */
  #reservedPosition = 0;
  #reservedWords = 0;
  /** Words, header and wrap included, that `wantRoom` waits for; 0: not waiting. */
  #needWords = 0;
  #closedSeen = false;

  constructor(handle: RingHandle) {
    this.words = payloadWords(handle);
    this.capacityWords = handle.capacityWords;
    this.recordWordsMax = handle.recordWordsMax;
    this.generation = handle.generation;
    this.#handle = handle;
    this.#control = controlWords(handle.buffer);
    this.#doorbell = new Doorbell(handle.doorbell);
    this.#publishesItself = this.#control[Control.publishedBy] === PublishedBy.producer;
    this.#committed = this.#control[Control.startPosition]!;
    this.#published = this.#committed;
    this.#consumed = this.#committed;
    attach(this.#control, Control.producerAttached);
  }

  /**
   * The offset in `words` where `wordCount` (even) contiguous words may be written, or NO_ROOM, or
   * CLOSED. A reservation that is not committed is forgotten by the next one.
   */
  reserve(wordCount: number): number {
    assertRing(wordCount > 0 && (wordCount & 1) === 0, 'a record has an even number of words');
    assertRing(wordCount <= this.recordWordsMax, 'a record has at most recordWordsMax words');
    this.#reservedWords = 0;
    if (this.isClosed()) return CLOSED;
    const committed = this.#committed;
    const offset = committed & (this.capacityWords - 1);
    const tailWords = this.capacityWords - offset;
    const recordWords = wordCount + HEADER_WORDS;
    const skipWords = recordWords <= tailWords ? 0 : tailWords;
    if (!this.#hasRoom(skipWords + recordWords)) return NO_ROOM;
    if (this.#needWords !== 0) this.#stopWanting();
    if (skipWords !== 0) {
      // Always fits: offsets are even, so at least two words are left. Counts once committed.
      this.words[offset] = SKIP;
      this.words[offset + 1] = committed;
    }
    this.#reservedPosition = (committed + skipWords) | 0;
    this.#reservedWords = wordCount;
    return (skipWords === 0 ? offset : 0) + HEADER_WORDS;
  }

  /** Ends the reserved record at its actual length, even, at most what was reserved. */
  commit(wordCount: number): void {
    assertRing(wordCount > 0 && (wordCount & 1) === 0, 'a record has an even number of words');
    assertRing(wordCount <= this.#reservedWords, 'a record is at most as long as its reservation');
    const position = this.#reservedPosition;
    const offset = position & (this.capacityWords - 1);
    this.words[offset] = wordCount;
    this.words[offset + 1] = position;
    this.#committed = (position + HEADER_WORDS + wordCount) | 0;
    this.#reservedWords = 0;
  }

  /** End of the last committed record: a wrapping 32-bit count of words, for `publishTo`. */
  position(): number {
    return this.#committed;
  }

  /** Makes everything committed visible. False when the ring is closed: then nothing happens. */
  publish(): boolean {
    assertRing(this.#publishesItself, 'a ring with a RingPublisher is published by it alone');
    if (this.isClosed()) return false;
    if (this.#committed === this.#published) return true;
    this.#published = this.#committed;
    Atomics.store(this.#control, Control.published, this.#committed);
    this.#doorbell.wake();
    return true;
  }

  /** The position up to which the consumer has released. Wrapping, like `position`. */
  consumed(): number {
    this.#consumed = Atomics.load(this.#control, Control.consumed);
    return this.#consumed;
  }

  /** How many records the consumer has released since the start: a wrapping 32-bit count. */
  consumedRecords(): number {
    return Atomics.load(this.#control, Control.consumedRecords);
  }

  /** Asks the consumer to ring the producer doorbell at its next release. See the header. */
  wantRoom(wordCount: number): void {
    assertRing(wordCount > 0 && wordCount <= this.recordWordsMax, 'what is wanted can be had');
    const tailWords = this.capacityWords - (this.#committed & (this.capacityWords - 1));
    const recordWords = wordCount + HEADER_WORDS;
    this.#needWords = recordWords <= tailWords ? recordWords : tailWords + recordWords;
    Atomics.store(this.#control, Control.roomWanted, 1);
  }

  /** For the Sleeper: the wanted room has come, or the ring was closed since we last knew. */
  hasWork(): boolean {
    if (this.#closedSeen) return false;
    if (this.#sideClosed()) return true;
    return this.#needWords !== 0 && this.#hasRoom(this.#needWords);
  }

  isClosed(): boolean {
    if (this.#closedSeen) return true;
    if (!this.#sideClosed()) return false;
    this.#closedSeen = true;
    return true;
  }

  /** The orderly end. What was published is still read. */
  close(): void {
    closeRing(this.#handle, 'producer');
  }

  #hasRoom(needWords: number): boolean {
    const limit = this.capacityWords - needWords;
    if (((this.#committed - this.#consumed) | 0) <= limit) return true;
    this.#consumed = Atomics.load(this.#control, Control.consumed);
    return ((this.#committed - this.#consumed) | 0) <= limit;
  }

  #stopWanting(): void {
    this.#needWords = 0;
    Atomics.store(this.#control, Control.roomWanted, 0);
  }

  #sideClosed(): boolean {
    return (
      Atomics.load(this.#control, Control.producerGeneration) !== this.generation ||
      Atomics.load(this.#control, Control.consumerGeneration) !== this.generation
    );
  }
}
