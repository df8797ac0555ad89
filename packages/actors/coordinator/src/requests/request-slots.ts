/**
 * The requests that a coordinator has in flight, as slots in typed arrays. data plane.
 *
 * A slot is named by its place and its generation; an answer that names an older generation belongs
 * to a request that has ended and is dropped. Places are `SLOT_STEP` apart in one memory, so that what
 * belongs to a slot lies together. Each field has a view of its own, indexed by places, too: what every
 * request goes through uses `words` and FIELD (one array, looked up once), the rest may use the views.
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
import { FIELD, INSTANT, isPlace, numberOf, SLOT_BITS, SLOT_STEP } from './slot-layout.ts';

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

export class RequestSlots {
  /** How many slots there are, and the place behind the last one. */
  readonly capacity: number;
  readonly end: number;
  /** All fields of all slots: FIELD, INSTANT. */
  readonly words: Int32Array;
  readonly instants: Float64Array;
  readonly state: Int32Array;
  readonly generation: Int32Array;
  /** Who asked. */
  readonly connection: Int32Array;
  readonly connectionGeneration: Int32Array;
  readonly requestId: Int32Array;
  readonly opcode: Int32Array;
  readonly flags: Int32Array;
  readonly bucketId: Int32Array;
  readonly replicationClass: Int32Array;
  readonly lww: Int32Array;
  readonly partition: Int32Array;
  readonly shard: Int32Array;
  /** The consistency level that was asked for, the bucket's where none was named (LEVEL). */
  readonly level: Int32Array;
  /** R or W in replicas. */
  readonly required: Int32Array;
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
  readonly phase: Int32Array;
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
  readonly repairNeeded: Int32Array;
  /** ... and the positions that were sent it and have not answered. */
  readonly mending: Int32Array;
  /** Of a write: 1 where it is known to have happened before, so that nothing is made. */
  readonly duplicate: Int32Array;
  readonly responded: Int32Array;
  /** Slots for which somebody waits: hand-off, and what is over for its client, is not counted. */
  awaitedCount = 0;
  /** The weakest durability that a counted acknowledgement had. */
  readonly durability: Int32Array;
  /** The last error a replica gave. */
  readonly status: Int32Array;
  readonly startedAt: Float64Array;
  readonly due: Float64Array;
  readonly hedgeAt: Float64Array;
  /** The highest hybrid time of the record that is answered. */
  readonly hybridLow: Int32Array;
  readonly hybridHigh: Int32Array;
  /** Of a delivery: the version of the hidden record that is settled with it. */
  readonly versionLow: Int32Array;
  readonly versionHigh: Int32Array;
  /** What copies that cross to other data centres have here: see FanOuts. */
  readonly relayed: Int32Array;
  readonly redirected: Int32Array;
  readonly direct: Int32Array;
  readonly askerSlot: Int32Array;
  readonly askerGeneration: Int32Array;
  /** Copy of the request, for a hedge: inline or allocated. */
  readonly #inline: Int32Array;
  readonly #large: (Int32Array | undefined)[];
  /** Words of all requests, records and pages that are kept outside of the slots' own memory. */
  largeWords = 0;
  /** The record merged so far (get), or the new context (put). */
  readonly #held: (Int32Array | undefined)[];
  readonly heldWords: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;

  constructor(capacity: number) {
    assert((capacity & (capacity - 1)) === 0, 'the number of slots is a power of two');
    assert(capacity <= 1 << SLOT_BITS, 'a slot fits the bits that name it');
    this.capacity = capacity;
    this.end = capacity * SLOT_STEP;
    const memory = new ArrayBuffer(this.end * Int32Array.BYTES_PER_ELEMENT);
    const length = this.end - SLOT_STEP + 1;
    const view = (field: number): Int32Array =>
      new Int32Array(memory, field * Int32Array.BYTES_PER_ELEMENT, length);
    this.words = new Int32Array(memory);
    this.state = view(FIELD.state);
    this.generation = view(FIELD.generation);
    this.connection = view(FIELD.connection);
    this.connectionGeneration = view(FIELD.connectionGeneration);
    this.requestId = view(FIELD.requestId);
    this.opcode = view(FIELD.opcode);
    this.flags = view(FIELD.flags);
    this.bucketId = view(FIELD.bucketId);
    this.replicationClass = view(FIELD.replicationClass);
    this.level = view(FIELD.level);
    this.partition = view(FIELD.partition);
    this.shard = view(FIELD.shard);
    this.required = view(FIELD.required);
    this.answered = view(FIELD.answered);
    this.responded = view(FIELD.responded);
    this.phase = view(FIELD.phase);
    this.openPrimaries = view(FIELD.openPrimaries);
    this.openStandIns = view(FIELD.openStandIns);
    this.wanting = view(FIELD.wanting);
    this.reopened = view(FIELD.reopened);
    this.duplicate = view(FIELD.duplicate);
    this.durability = view(FIELD.durability);
    this.sloppy = view(FIELD.sloppy);
    this.standIns = view(FIELD.standIns);
    this.hybridLow = view(FIELD.hybridLow);
    this.hybridHigh = view(FIELD.hybridHigh);
    this.heldWords = view(FIELD.heldWords);
    this.asked = view(FIELD.asked);
    this.failed = view(FIELD.failed);
    this.current = view(FIELD.current);
    this.status = view(FIELD.status);
    this.empty = view(FIELD.empty);
    this.askedLate = view(FIELD.askedLate);
    this.orphaned = view(FIELD.orphaned);
    this.repairNeeded = view(FIELD.repairNeeded);
    this.mending = view(FIELD.mending);
    this.lww = view(FIELD.lww);
    this.standInsTried = view(FIELD.standInsTried);
    this.versionLow = view(FIELD.versionLow);
    this.versionHigh = view(FIELD.versionHigh);
    this.relayed = view(FIELD.relayed);
    this.redirected = view(FIELD.redirected);
    this.direct = view(FIELD.direct);
    this.askerSlot = view(FIELD.askerSlot);
    this.askerGeneration = view(FIELD.askerGeneration);
    const instants = new ArrayBuffer(this.end * Float64Array.BYTES_PER_ELEMENT);
    const instantView = (instant: number): Float64Array =>
      new Float64Array(instants, instant * Float64Array.BYTES_PER_ELEMENT, length);
    this.instants = new Float64Array(instants);
    this.due = instantView(INSTANT.due);
    this.startedAt = instantView(INSTANT.startedAt);
    this.hedgeAt = instantView(INSTANT.hedgeAt);
    this.#via = new Int16Array(capacity * POSITIONS_MAX).fill(-1);
    this.#inline = new Int32Array(capacity * INLINE_WORDS);
    this.#large = new Array<Int32Array | undefined>(capacity).fill(undefined);
    this.#held = new Array<Int32Array | undefined>(capacity).fill(undefined);
    this.#free = new Int32Array(capacity);
    for (let count = 0; count < capacity; count += 1) {
      this.#free[count] = (capacity - 1 - count) * SLOT_STEP;
    }
    this.#freeCount = capacity;
  }

  get inUse(): number {
    return this.capacity - this.#freeCount;
  }

  /** A slot in `state`, or -1 where all are in use. */
  take(state: number, due: Instant): number {
    const slot = this.takePlain(state);
    if (slot >= 0) this.due[slot] = due;
    return slot;
  }

  /** The same where the caller says until when: `due` is what it was before. */
  takePlain(state: number): number {
    if (this.#freeCount === 0) return -1;
    this.#freeCount -= 1;
    const slot = this.#free[this.#freeCount]!;
    const { words } = this;
    words[slot + FIELD.state] = state;
    words[slot + FIELD.isSole] = 0;
    words[slot + FIELD.answered] = 0;
    words[slot + FIELD.responded] = 0;
    words[slot + FIELD.duplicate] = 0;
    words[slot + FIELD.durability] = 0;
    words[slot + FIELD.sloppy] = 0;
    words[slot + FIELD.hybridLow] = 0;
    words[slot + FIELD.hybridHigh] = 0;
    words[slot + FIELD.requestWords] = 0;
    words[slot + FIELD.heldWords] = 0;
    words[slot + FIELD.asked] = 0;
    words[slot + FIELD.failed] = 0;
    words[slot + FIELD.current] = 0;
    words[slot + FIELD.status] = 0;
    this.instants[slot + INSTANT.hedgeAt] = Infinity;
    return slot;
  }

  /** What only a put has: nobody has been asked to acknowledge it. */
  beginPut(slot: number, phase: number): void {
    const { words } = this;
    words[slot + FIELD.phase] = phase;
    words[slot + FIELD.openPrimaries] = 0;
    words[slot + FIELD.openStandIns] = 0;
    words[slot + FIELD.wanting] = 0;
    words[slot + FIELD.reopened] = 0;
  }

  release(slot: number): void {
    const { words } = this;
    assert(words[slot + FIELD.state] !== SLOT_STATE.free, '[RS1] only a slot in use is freed');
    this.endAwaiting(slot);
    words[slot + FIELD.state] = SLOT_STATE.free;
    words[slot + FIELD.generation] = (words[slot + FIELD.generation]! + 1) | 0;
    if (words[slot + FIELD.standIns] !== 0) this.forgetStandIns(slot);
    if (this.largeWords > 0) this.#dropLarge(slot);
    const held = this.heldOf(slot);
    if (held !== undefined && held.length > INLINE_WORDS) this.hold(slot, undefined);
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  /** [RS3] Stand-ins are chosen anew. */
  forgetStandIns(slot: number): void {
    if (this.standIns[slot] === 0) return;
    this.standIns[slot] = 0;
    this.standInsTried[slot] = 0;
    for (let position = 0; position < POSITIONS_MAX; position += 1) {
      this.#via[numberOf(slot) * POSITIONS_MAX + position] = -1;
    }
  }

  /** The node that stands in at a position, or -1. */
  viaOf(slot: number, position: number): number {
    return this.#via[numberOf(slot) * POSITIONS_MAX + position]!;
  }

  /** A node stands in at a position; `walkIndex` says where in the partition's walk it is met. */
  setVia(slot: number, position: number, node: number, walkIndex: number): void {
    this.#via[numberOf(slot) * POSITIONS_MAX + position] = node;
    this.standIns[slot] = this.standIns[slot]! | (1 << position);
    this.standInsTried[slot] = this.standInsTried[slot]! | (1 << walkIndex);
  }

  /** Somebody waits for an answer from here on, until it is given or the slot is freed. */
  beginAwaiting(slot: number): void {
    this.words[slot + FIELD.awaited] = 1;
    this.awaitedCount += 1;
  }

  endAwaiting(slot: number): void {
    const { words } = this;
    this.awaitedCount -= words[slot + FIELD.awaited]!;
    words[slot + FIELD.awaited] = 0;
  }

  isCurrent(slot: number, generation: number): boolean {
    return (
      isPlace(slot, this.end) &&
      this.words[slot + FIELD.generation] === generation &&
      this.words[slot + FIELD.state] !== SLOT_STATE.free
    );
  }

  heldOf(slot: number): Int32Array | undefined {
    return this.#held[numberOf(slot)];
  }

  /** REQUIRES: `heldWords` is made to fit. */
  hold(slot: number, held: Int32Array | undefined): void {
    const before = this.#held[numberOf(slot)];
    if (before !== undefined && before.length > INLINE_WORDS) this.largeWords -= before.length;
    if (held !== undefined && held.length > INLINE_WORDS) this.largeWords += held.length;
    this.#held[numberOf(slot)] = held;
  }

  /** Memory for what the slot holds, at least `wordCount` words; what was held before is lost. */
  takeHeld(slot: number, wordCount: number): Int32Array {
    const held = this.heldOf(slot);
    if (held !== undefined && held.length >= wordCount) return held;
    const fresh = new Int32Array(wordCount <= INLINE_WORDS ? INLINE_WORDS : wordCount);
    this.hold(slot, fresh);
    return fresh;
  }

  /** The record that the slot held, which it holds no longer. REQUIRES: it held one. */
  takeRecord(slot: number): Int32Array {
    const record = this.heldOf(slot);
    assert(record !== undefined && this.heldWords[slot]! > 0, 'a record was held');
    this.hold(slot, undefined);
    this.heldWords[slot] = 0;
    return record;
  }

  /** Keeps a copy of the request's operation. */
  keepRequest(slot: number, words: Int32Array, offset: number, wordCount: number): void {
    this.words[slot + FIELD.requestWords] = wordCount;
    this.#dropLarge(slot);
    if (wordCount > INLINE_WORDS) {
      this.#large[numberOf(slot)] = words.slice(offset, offset + wordCount);
      this.largeWords += wordCount;
      return;
    }
    const start = numberOf(slot) * INLINE_WORDS;
    for (let index = 0; index < wordCount; index += 1) {
      this.#inline[start + index] = words[offset + index]!;
    }
  }

  #dropLarge(slot: number): void {
    const large = this.#large[numberOf(slot)];
    if (large === undefined) return;
    this.largeWords -= large.length;
    this.#large[numberOf(slot)] = undefined;
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
    assert(this.words[slot + FIELD.requestWords]! > 0, 'a request was kept');
    return this.#large[numberOf(slot)] ?? this.#inline;
  }

  keptOffset(slot: number): number {
    return this.#large[numberOf(slot)] === undefined ? numberOf(slot) * INLINE_WORDS : 0;
  }

  hasKept(slot: number): boolean {
    return this.words[slot + FIELD.requestWords]! > 0;
  }
}
