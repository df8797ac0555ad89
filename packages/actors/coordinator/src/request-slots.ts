/**
 * The requests that a coordinator has in flight, as slots in typed arrays. data plane.
 *
 * A slot is named by its number and its generation; an answer that names an older generation belongs
 * to a request that has ended and is dropped.
 *
 * Invariants:
 *   RS1 a slot is free or in use, never both; its generation changes when it is freed
 *   RS2 a replica's answer counts once: `answered` and `failed` are sets of list positions
 *   RS3 no position of a slot that is taken has a stand-in yet
 */
import { assert } from '@clockwise/kernel/assert';
import type { Instant } from '@clockwise/kernel/core';
import { REQUEST, REQUEST_HEADER_WORDS } from '@clockwise/protocol/frame';
import { paddedWords } from '@clockwise/record/layout';

export const SLOT_STATE = {
  free: 0,
  get: 1,
  put: 2,
  scan: 3,
  proxied: 4,
  handOff: 5,
  fanOut: 6,
} as const;

/** How far a put has come. */
export const PUT_PHASE = {
  /** A retried one asks whether it has happened before: nothing is made yet. */
  asking: 1,
  /** The own shard has been sent the write. */
  writing: 2,
  /** The merged record has been sent to all positions that take it. */
  forwarded: 3,
} as const;

/** Positions that a replica list has at the most (ring-limits.ts). */
export const POSITIONS_MAX = 16;

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
  /** The consistency level that was asked for, the bucket's where none was named (LEVEL). */
  readonly level: Uint8Array;
  /** R or W in replicas. */
  readonly required: Uint8Array;
  /** Bit sets over positions of the partition's replica list. */
  readonly asked: Int32Array;
  readonly answered: Int32Array;
  readonly failed: Int32Array;
  /** Of a get: who holds exactly what `held` holds. Of a proxied request: whose link was lost. */
  readonly current: Int32Array;
  /** Positions for which a stand-in answered ... */
  readonly sloppy: Int32Array;
  /** ... and those whose stand-in held nothing: of a get, which clears it itself. */
  readonly empty: Int32Array;
  /** By slot and position: the node that stands in there, or -1 (`viaOf`, `setVia`). */
  readonly #via: Int16Array;
  /** Positions that have a stand-in, and the walk's nodes (by index) that were chosen for that. */
  readonly standIns: Int32Array;
  readonly standInsTried: Int32Array;
  /** PUT_PHASE of a put. */
  readonly phase: Uint8Array;
  /** Of a put: positions whose primary, and positions whose stand-in, has the record to acknowledge. */
  readonly openPrimaries: Int32Array;
  readonly openStandIns: Int32Array;
  /** Positions that wait for the record to be read again, and those that ever did. */
  readonly wanting: Int32Array;
  readonly reopened: Int32Array;
  /** Of a get, which clears this and the next three itself: positions that were asked after its start. */
  readonly askedLate: Int32Array;
  /** Of a get: positions whose primary said that its shard is down. */
  readonly orphaned: Int32Array;
  /** Of a monotonic get: how many replicas must hold what is answered, 0 until that is known ... */
  readonly repairNeeded: Uint8Array;
  /** ... and the positions that were sent it and have not answered. */
  readonly mending: Int32Array;
  /** Of a write: 1 where it is known to have happened before, so that nothing is made. */
  readonly duplicate: Uint8Array;
  readonly responded: Uint8Array;
  /** 1: somebody waits for an answer; hand-off, and what is over for its client, is not counted. */
  readonly #awaited: Uint8Array;
  /** Slots for which somebody waits. */
  awaitedCount = 0;
  /** The weakest durability that a counted acknowledgement had. */
  readonly durability: Uint8Array;
  /** The last error a replica gave. */
  readonly status: Int32Array;
  readonly startedAt: Float64Array;
  readonly due: Float64Array;
  readonly hedgeAt: Float64Array;
  /** Of a write: milliseconds since its first try, and the hybrid time that its session had seen then. */
  readonly ageMs: Int32Array;
  readonly seenLow: Int32Array;
  readonly seenHigh: Int32Array;
  /** The highest hybrid time of the record that is answered. */
  readonly hybridLow: Int32Array;
  readonly hybridHigh: Int32Array;
  /** Of a delivery: the version of the hidden record that is settled with it. */
  readonly versionLow: Int32Array;
  readonly versionHigh: Int32Array;
  /** Copy of the request, for a hedge: inline or allocated. */
  readonly #inline: Int32Array;
  readonly #large: (Int32Array | undefined)[];
  /** Words of all requests that are kept outside of the slots' own memory. */
  largeWords = 0;
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
    this.level = new Uint8Array(capacity);
    this.required = new Uint8Array(capacity);
    this.asked = new Int32Array(capacity);
    this.answered = new Int32Array(capacity);
    this.failed = new Int32Array(capacity);
    this.current = new Int32Array(capacity);
    this.sloppy = new Int32Array(capacity);
    this.empty = new Int32Array(capacity);
    this.#via = new Int16Array(capacity * POSITIONS_MAX).fill(-1);
    this.standIns = new Int32Array(capacity);
    this.standInsTried = new Int32Array(capacity);
    this.phase = new Uint8Array(capacity);
    this.openPrimaries = new Int32Array(capacity);
    this.openStandIns = new Int32Array(capacity);
    this.wanting = new Int32Array(capacity);
    this.reopened = new Int32Array(capacity);
    this.askedLate = new Int32Array(capacity);
    this.orphaned = new Int32Array(capacity);
    this.repairNeeded = new Uint8Array(capacity);
    this.mending = new Int32Array(capacity);
    this.duplicate = new Uint8Array(capacity);
    this.responded = new Uint8Array(capacity);
    this.#awaited = new Uint8Array(capacity);
    this.durability = new Uint8Array(capacity);
    this.status = new Int32Array(capacity);
    this.startedAt = new Float64Array(capacity);
    this.due = new Float64Array(capacity);
    this.hedgeAt = new Float64Array(capacity);
    this.ageMs = new Int32Array(capacity);
    this.seenLow = new Int32Array(capacity);
    this.seenHigh = new Int32Array(capacity);
    this.hybridLow = new Int32Array(capacity);
    this.hybridHigh = new Int32Array(capacity);
    this.versionLow = new Int32Array(capacity);
    this.versionHigh = new Int32Array(capacity);
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
    this.sloppy[slot] = 0;
    this.duplicate[slot] = 0;
    this.responded[slot] = 0;
    this.durability[slot] = 0;
    this.status[slot] = 0;
    this.due[slot] = due;
    this.hedgeAt[slot] = Infinity;
    this.hybridLow[slot] = 0;
    this.hybridHigh[slot] = 0;
    this.heldWords[slot] = 0;
    this.#requestWords[slot] = 0;
    return slot;
  }

  /** What only a put has: nobody has been asked to acknowledge it. */
  beginPut(slot: number, phase: number): void {
    this.phase[slot] = phase;
    this.openPrimaries[slot] = 0;
    this.openStandIns[slot] = 0;
    this.wanting[slot] = 0;
    this.reopened[slot] = 0;
  }

  release(slot: number): void {
    assert(this.state[slot] !== SLOT_STATE.free, '[RS1] only a slot in use is freed');
    this.endAwaiting(slot);
    this.state[slot] = SLOT_STATE.free;
    this.generation[slot] = (this.generation[slot]! + 1) | 0;
    this.#dropLarge(slot);
    this.forgetStandIns(slot);
    const held = this.held[slot];
    if (held !== undefined && held.length > INLINE_WORDS) this.held[slot] = undefined;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  /** [RS3] Stand-ins are chosen anew. */
  forgetStandIns(slot: number): void {
    if (this.standIns[slot] === 0) return;
    this.standIns[slot] = 0;
    this.standInsTried[slot] = 0;
    for (let position = 0; position < POSITIONS_MAX; position += 1) {
      this.#via[slot * POSITIONS_MAX + position] = -1;
    }
  }

  /** The node that stands in at a position, or -1. */
  viaOf(slot: number, position: number): number {
    return this.#via[slot * POSITIONS_MAX + position]!;
  }

  /** A node stands in at a position; `walkIndex` says where in the partition's walk it is met. */
  setVia(slot: number, position: number, node: number, walkIndex: number): void {
    this.#via[slot * POSITIONS_MAX + position] = node;
    this.standIns[slot] = this.standIns[slot]! | (1 << position);
    this.standInsTried[slot] = this.standInsTried[slot]! | (1 << walkIndex);
  }

  /** Somebody waits for an answer from here on, until it is given or the slot is freed. */
  beginAwaiting(slot: number): void {
    this.#awaited[slot] = 1;
    this.awaitedCount += 1;
  }

  endAwaiting(slot: number): void {
    this.awaitedCount -= this.#awaited[slot]!;
    this.#awaited[slot] = 0;
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

  /** The record that the slot held, which it holds no longer. REQUIRES: it held one. */
  takeRecord(slot: number): Int32Array {
    const record = this.held[slot];
    assert(record !== undefined && this.heldWords[slot]! > 0, 'a record was held');
    this.held[slot] = undefined;
    this.heldWords[slot] = 0;
    return record;
  }

  /** Keeps a copy of the request's operation. */
  keepRequest(slot: number, words: Int32Array, offset: number, wordCount: number): void {
    this.#requestWords[slot] = wordCount;
    this.#dropLarge(slot);
    if (wordCount > INLINE_WORDS) {
      this.#large[slot] = words.slice(offset, offset + wordCount);
      this.largeWords += wordCount;
      return;
    }
    const start = slot * INLINE_WORDS;
    for (let index = 0; index < wordCount; index += 1) {
      this.#inline[start + index] = words[offset + index]!;
    }
  }

  #dropLarge(slot: number): void {
    const large = this.#large[slot];
    if (large === undefined) return;
    this.largeWords -= large.length;
    this.#large[slot] = undefined;
  }

  /** Whether a request of so many words may be kept, where all that are may have so many bytes. */
  mayKeep(wordCount: number, bytesMax: number): boolean {
    return wordCount <= INLINE_WORDS || (this.largeWords + wordCount) * 4 <= bytesMax;
  }

  /** Keeps header and key of the request's operation, without context and value. */
  keepKey(slot: number, words: Int32Array, offset: number): void {
    const keyByteCount = words[offset + REQUEST.keyAndContext]! & 0xffff;
    this.keepRequest(slot, words, offset, REQUEST_HEADER_WORDS + paddedWords(keyByteCount));
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
