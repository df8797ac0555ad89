/**
 * The requests that a coordinator has in flight, as slots in typed arrays. data plane.
 *
 * A slot is named by its number and its generation; an answer that names an older generation belongs
 * to a request that has ended and is dropped.
 *
 * Invariants:
 *   RS1 a slot is free or in use, never both; its generation changes when it is freed
 *   RS2 a replica's answer counts once: `answered` and `failed` are sets of list positions
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';

export const SLOT_STATE = { free: 0, get: 1, put: 2, scan: 3, proxied: 4 } as const;

/** Words of a request (or of a held context) that a slot keeps without allocating. */
const INLINE_WORDS = 64;

/** Bits of a slot's number where it shares a word with its generation (proxied requests). */
export const SLOT_BITS = 14;

export class RequestSlots {
  readonly capacity: number;
  readonly state: Uint8Array;
  readonly generation: Int32Array;
  /** Who asked. */
  readonly connection: Int32Array;
  readonly connectionGeneration: Int32Array;
  readonly requestId: Int32Array;
  readonly opcode: Uint8Array;
  readonly flags: Uint8Array;
  readonly bucketId: Int32Array;
  readonly replicationClass: Uint8Array;
  readonly lww: Uint8Array;
  readonly partition: Int32Array;
  readonly shard: Int32Array;
  /** R or W in replicas. */
  readonly required: Uint8Array;
  /** Bit sets over positions of the partition's replica list. */
  readonly asked: Int32Array;
  readonly answered: Int32Array;
  readonly failed: Int32Array;
  /** Of a get: who holds exactly what `held` holds. Of a proxied request: whose link was lost. */
  readonly current: Int32Array;
  readonly responded: Uint8Array;
  /** The weakest durability that a counted acknowledgement had. */
  readonly durability: Uint8Array;
  /** The last error a replica gave. */
  readonly status: Int32Array;
  readonly due: Float64Array;
  readonly hedgeAt: Float64Array;
  /** Copy of the request, for a hedge: inline or allocated. */
  readonly #inline: Int32Array;
  readonly #large: (Int32Array | undefined)[];
  readonly #requestWords: Int32Array;
  /** The record merged so far (get), or the new context (put). */
  readonly held: (Int32Array | undefined)[];
  readonly heldWords: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;

  constructor(capacity: number) {
    assert((capacity & (capacity - 1)) === 0, 'the number of slots is a power of two');
    assert(capacity <= 1 << SLOT_BITS, 'a slot fits the bits that name it');
    this.capacity = capacity;
    this.state = new Uint8Array(capacity);
    this.generation = new Int32Array(capacity);
    this.connection = new Int32Array(capacity);
    this.connectionGeneration = new Int32Array(capacity);
    this.requestId = new Int32Array(capacity);
    this.opcode = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.bucketId = new Int32Array(capacity);
    this.replicationClass = new Uint8Array(capacity);
    this.lww = new Uint8Array(capacity);
    this.partition = new Int32Array(capacity);
    this.shard = new Int32Array(capacity);
    this.required = new Uint8Array(capacity);
    this.asked = new Int32Array(capacity);
    this.answered = new Int32Array(capacity);
    this.failed = new Int32Array(capacity);
    this.current = new Int32Array(capacity);
    this.responded = new Uint8Array(capacity);
    this.durability = new Uint8Array(capacity);
    this.status = new Int32Array(capacity);
    this.due = new Float64Array(capacity);
    this.hedgeAt = new Float64Array(capacity);
    this.#inline = new Int32Array(capacity * INLINE_WORDS);
    this.#large = new Array<Int32Array | undefined>(capacity).fill(undefined);
    this.#requestWords = new Int32Array(capacity);
    this.held = new Array<Int32Array | undefined>(capacity).fill(undefined);
    this.heldWords = new Int32Array(capacity);
    this.#free = new Int32Array(capacity);
    for (let slot = 0; slot < capacity; slot += 1) this.#free[slot] = capacity - 1 - slot;
    this.#freeCount = capacity;
  }

  get inUse(): number {
    return this.capacity - this.#freeCount;
  }

  /** A slot in `state`, or -1 where all are in use. */
  take(state: number, due: Instant): number {
    if (this.#freeCount === 0) return -1;
    this.#freeCount -= 1;
    const slot = this.#free[this.#freeCount]!;
    this.state[slot] = state;
    this.asked[slot] = 0;
    this.answered[slot] = 0;
    this.failed[slot] = 0;
    this.current[slot] = 0;
    this.responded[slot] = 0;
    this.durability[slot] = 0;
    this.status[slot] = 0;
    this.due[slot] = due;
    this.hedgeAt[slot] = Infinity;
    this.heldWords[slot] = 0;
    this.#requestWords[slot] = 0;
    return slot;
  }

  release(slot: number): void {
    assert(this.state[slot] !== SLOT_STATE.free, '[RS1] only a slot in use is freed');
    this.state[slot] = SLOT_STATE.free;
    this.generation[slot] = (this.generation[slot]! + 1) | 0;
    this.#large[slot] = undefined;
    const held = this.held[slot];
    if (held !== undefined && held.length > INLINE_WORDS) this.held[slot] = undefined;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  isCurrent(slot: number, generation: number): boolean {
    return (
      slot >= 0 &&
      slot < this.capacity &&
      this.generation[slot] === generation &&
      this.state[slot] !== SLOT_STATE.free
    );
  }

  /** Memory for what the slot holds, at least `wordCount` words; what was held before is lost. */
  takeHeld(slot: number, wordCount: number): Int32Array {
    const held = this.held[slot];
    if (held !== undefined && held.length >= wordCount) return held;
    const fresh = new Int32Array(wordCount <= INLINE_WORDS ? INLINE_WORDS : wordCount);
    this.held[slot] = fresh;
    return fresh;
  }

  /** Keeps a copy of the request's operation. */
  keepRequest(slot: number, words: Int32Array, offset: number, wordCount: number): void {
    this.#requestWords[slot] = wordCount;
    if (wordCount > INLINE_WORDS) {
      this.#large[slot] = words.slice(offset, offset + wordCount);
      return;
    }
    const start = slot * INLINE_WORDS;
    for (let index = 0; index < wordCount; index += 1) {
      this.#inline[start + index] = words[offset + index]!;
    }
  }

  /** The kept operation's memory; it begins at `keptOffset`. REQUIRES: a request was kept. */
  keptWords(slot: number): Int32Array {
    assert(this.#requestWords[slot]! > 0, 'a request was kept');
    return this.#large[slot] ?? this.#inline;
  }

  keptOffset(slot: number): number {
    return this.#large[slot] === undefined ? slot * INLINE_WORDS : 0;
  }

  hasKept(slot: number): boolean {
    return this.#requestWords[slot]! > 0;
  }
}
