/**
 * The one index over a shard's chunks: key -> newest version in memory. Open addressing over slots of
 * four words: hash, chunk | generation << 16, record offset, flags.
 *
 * data plane
 *
 * An entry whose generation is not its chunk's, or that was removed, is dead: it is passed over, reused
 * by an insert, and cleared when many are: in place, or by a table twice as large. Hashes are keyed (keyed-hash.ts), so that
 * probes stay short. The flags count how often a key was asked for, for whoever decides what to keep.
 *
 * Invariants:
 *   KI1 a key has at most one live entry
 *   KI2 no entry lies more than PROBES_MAX slots behind its home, so a lookup ends
 *   KI3 a chunk that an entry with a counter above zero names is marked as asked
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable } from '@clockwise/kernel/probe';
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import type { ChunkPool } from './chunk.ts';
import { keysEqual } from './keyed-hash.ts';
import { COUNTER_MAX } from './s3-fifo.ts';

/** Words of a cache line. */
const LINE_WORDS = 16;
const SLOT_WORDS = 4;
const SLOT_HASH = 0;
const SLOT_CHUNK = 1;
/** 0: the slot was never used. */
const SLOT_OFFSET = 2;
/** COUNTER_MASK, REMOVED. */
const SLOT_FLAGS = 3;
const COUNTER_MASK = 3;
const REMOVED = 4;

export const PROBES_MAX = 96;
const SLOTS_MAX = 1 << 26;

export class KeyIndex {
  readonly #pool: ChunkPool;
  #slots: Int32Array;
  #mask: number;
  /** Slots that are not empty, dead ones included. */
  #usedCount = 0;
  /** Of the last entry that `find` returned. */
  chunk = -1;
  offset = -1;
  #found = -1;
  /** For metrics: how often the table was built anew. */
  rebuildCount = 0;

  /** REQUIRES: `slotCount` is a power of two. */
  constructor(pool: ChunkPool, slotCount: number) {
    assert(slotCount >= 64 && (slotCount & (slotCount - 1)) === 0, 'slots are a power of two');
    this.#pool = pool;
    this.#slots = new Int32Array(slotCount * SLOT_WORDS);
    this.#mask = slotCount - 1;
  }

  get slotCount(): number {
    return this.#mask + 1;
  }

  /** True: `chunk` and `offset` name the key's newest record in memory. */
  find(
    bucketId: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): boolean {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let probe = 0; probe < PROBES_MAX; probe += 1) {
      const slot = ((hash + probe) & mask) * SLOT_WORDS;
      const offset = slots[slot + SLOT_OFFSET]!;
      if (offset === 0) return false;
      if (slots[slot + SLOT_HASH] !== hash) continue;
      if (this.#isKey(slot, bucketId, keyWords, keyOffset, keyByteCount)) {
        this.chunk = slots[slot + SLOT_CHUNK]! & 0xffff;
        this.offset = offset;
        this.#found = slot;
        return true;
      }
    }
    return false;
  }

  /** How often the key that `find` found was asked for. REQUIRES: nothing was put since. */
  get foundCounter(): number {
    return this.#slots[this.#found + SLOT_FLAGS]! & COUNTER_MASK;
  }

  /** The key that `find` found is asked for. A key that is asked for often is not written to. */
  countFound(): void {
    const counter = this.foundCounter;
    if (counter === COUNTER_MAX) return;
    this.#slots[this.#found + SLOT_FLAGS]! += 1;
    // [KI3]
    if (counter === 0) this.#pool.asked[this.chunk] = 1;
  }

  /** The key that `find` found is at another place now. REQUIRES: nothing was put since. */
  moveFound(chunk: number, record: number, counter: number): void {
    const slot = this.#found;
    this.#slots[slot + SLOT_CHUNK] = chunk | (this.#pool.generations[chunk]! << 16);
    this.#slots[slot + SLOT_OFFSET] = record;
    this.#slots[slot + SLOT_FLAGS] = counter;
    // [KI3]
    if (counter > 0) this.#pool.asked[chunk] = 1;
  }

  /** The key that `find` found is in memory no longer. REQUIRES: nothing was put since. */
  removeFound(): void {
    this.#slots[this.#found + SLOT_FLAGS]! |= REMOVED;
  }

  /** Loads the line of a key's first slot, for a lookup that follows soon. Tells nothing. */
  touchSlot(hash: number): number {
    return this.#slots[(hash & this.#mask) * SLOT_WORDS + SLOT_OFFSET]!;
  }

  /** Loads the lines of the prefix and the header of the record that the first slot names, if it names one. */
  touchRecord(hash: number): number {
    const slot = (hash & this.#mask) * SLOT_WORDS;
    const offset = this.#slots[slot + SLOT_OFFSET]!;
    if (offset === 0) return 0;
    const words = this.#pool.words[this.#slots[slot + SLOT_CHUNK]! & 0xffff]!;
    const next = offset + LINE_WORDS;
    return words[offset - PREFIX_WORDS]! ^ (next < words.length ? words[next]! : 0);
  }

  /** The same for the last lines, which its header tells. */
  touchTail(hash: number): number {
    const slot = (hash & this.#mask) * SLOT_WORDS;
    const offset = this.#slots[slot + SLOT_OFFSET]!;
    if (offset === 0) return 0;
    const words = this.#pool.words[this.#slots[slot + SLOT_CHUNK]! & 0xffff]!;
    const last = offset + words[offset + HEADER.wordCount]! - 1;
    return words[last]! ^ words[last - LINE_WORDS]!;
  }

  /** Names (chunk, record offset) as the newest version of that record's key; its counter stays. */
  put(hash: number, chunk: number, record: number): void {
    const isFull = this.#usedCount * 4 >= (this.#mask + 1) * 3;
    if (isFull || buggify('memory: build the index anew although it has room')) this.rebuild();
    while (!this.#tryPut(hash, chunk, record)) this.#resize(this.slotCount * 2);
  }

  /**
   * The same where the entry that `find` found last names the key's version before, (`previousChunk`,
   * `previous`): the key is not looked for again. False: it is another entry, and nothing is done.
   */
  replaceFound(chunk: number, record: number, previousChunk: number, previous: number): boolean {
    const slots = this.#slots;
    const slot = this.#found;
    const { generations } = this.#pool;
    if (slot < 0 || slots[slot + SLOT_OFFSET] !== previous) return false;
    if (slots[slot + SLOT_CHUNK] !== (previousChunk | (generations[previousChunk]! << 16))) {
      return false;
    }
    const flags = slots[slot + SLOT_FLAGS]!;
    if ((flags & REMOVED) !== 0) return false;
    slots[slot + SLOT_CHUNK] = chunk | (generations[chunk]! << 16);
    slots[slot + SLOT_OFFSET] = record;
    // [KI3]
    if (flags > 0) this.#pool.asked[chunk] = 1;
    return true;
  }

  /** Leaves dead entries behind; doubles the table where the living ones fill five eighths of it. */
  rebuild(): void {
    reachable('memory: the index is built anew');
    this.#compact();
    if (this.#usedCount * 8 >= this.slotCount * 5) this.#resize(this.slotCount * 2);
    else this.rebuildCount += 1;
  }

  /**
   * Clears dead entries, and moves each living one up to the first free slot from its home on. From a
   * slot that was never used round to it again: no entry's way leads over that one, and what was passed
   * is never freed again.
   */
  #compact(): void {
    const slots = this.#slots;
    const mask = this.#mask;
    const generations = this.#pool.generations;
    let first = 0;
    while (slots[first * SLOT_WORDS + SLOT_OFFSET] !== 0) first += 1;
    let count = 0;
    for (let step = 1; step <= mask; step += 1) {
      const place = (first + step) & mask;
      const from = place * SLOT_WORDS;
      if (slots[from + SLOT_OFFSET] === 0) continue;
      const named = slots[from + SLOT_CHUNK]!;
      const flags = slots[from + SLOT_FLAGS]!;
      if ((flags & REMOVED) !== 0 || generations[named & 0xffff] !== named >>> 16) {
        slots[from + SLOT_OFFSET] = 0;
        continue;
      }
      count += 1;
      let free = slots[from + SLOT_HASH]! & mask;
      while (free !== place && slots[free * SLOT_WORDS + SLOT_OFFSET] !== 0)
        free = (free + 1) & mask;
      if (free === place) continue;
      const to = free * SLOT_WORDS;
      slots[to + SLOT_HASH] = slots[from + SLOT_HASH]!;
      slots[to + SLOT_CHUNK] = named;
      slots[to + SLOT_OFFSET] = slots[from + SLOT_OFFSET]!;
      slots[to + SLOT_FLAGS] = flags;
      slots[from + SLOT_OFFSET] = 0;
    }
    this.#usedCount = count;
  }

  #tryPut(hash: number, chunk: number, record: number): boolean {
    const slots = this.#slots;
    const words = this.#pool.words[chunk]!;
    const bucketId = words[record + HEADER.bucketId]!;
    const keyByteCount = words[record + HEADER.keyAndContext]! & 0xffff;
    let reusable = -1;
    let counter = 0;
    for (let probe = 0; probe < PROBES_MAX; probe += 1) {
      const slot = ((hash + probe) & this.#mask) * SLOT_WORDS;
      if (slots[slot + SLOT_OFFSET] === 0) {
        if (reusable === -1) {
          reusable = slot;
          this.#usedCount += 1;
        }
        break;
      }
      if (!this.#isLive(slot)) {
        reachable('memory: a dead entry of the index is passed or used again');
        if (reusable === -1) reusable = slot;
      } else if (
        slots[slot + SLOT_HASH] === hash &&
        this.#isKey(slot, bucketId, words, record + HEADER_WORDS, keyByteCount)
      ) {
        reusable = slot;
        counter = slots[slot + SLOT_FLAGS]! & COUNTER_MASK;
        break;
      }
    }
    if (reusable === -1) return false;
    slots[reusable + SLOT_HASH] = hash;
    slots[reusable + SLOT_CHUNK] = chunk | (this.#pool.generations[chunk]! << 16);
    slots[reusable + SLOT_OFFSET] = record;
    slots[reusable + SLOT_FLAGS] = counter;
    // [KI3]
    if (counter > 0) this.#pool.asked[chunk] = 1;
    return true;
  }

  #isLive(slot: number): boolean {
    if (this.#slots[slot + SLOT_OFFSET] === 0) return false;
    if ((this.#slots[slot + SLOT_FLAGS]! & REMOVED) !== 0) return false;
    const named = this.#slots[slot + SLOT_CHUNK]!;
    return this.#pool.generations[named & 0xffff] === named >>> 16;
  }

  #isKey(
    slot: number,
    bucketId: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
  ): boolean {
    const named = this.#slots[slot + SLOT_CHUNK]!;
    if (this.#pool.generations[named & 0xffff] !== named >>> 16) return false;
    if ((this.#slots[slot + SLOT_FLAGS]! & REMOVED) !== 0) return false;
    const words = this.#pool.words[named & 0xffff]!;
    const record = this.#slots[slot + SLOT_OFFSET]!;
    return (
      words[record + HEADER.bucketId] === bucketId &&
      (words[record + HEADER.keyAndContext]! & 0xffff) === keyByteCount &&
      keysEqual(words, record + HEADER_WORDS, keyWords, keyOffset, keyByteCount)
    );
  }

  /** Moves the living entries to a new table; a size in which one finds no place is passed over. */
  #resize(slotCount: number): void {
    const old = this.#slots;
    for (let wanted = slotCount; ; wanted *= 2) {
      assert(wanted <= SLOTS_MAX, 'KI2 keyed hashes do not collide so often');
      if (this.#fill(old, wanted)) break;
    }
    this.rebuildCount += 1;
  }

  #fill(old: Int32Array, slotCount: number): boolean {
    const slots = new Int32Array(slotCount * SLOT_WORDS);
    const mask = slotCount - 1;
    const generations = this.#pool.generations;
    let count = 0;
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      const offset = old[from + SLOT_OFFSET]!;
      const named = old[from + SLOT_CHUNK]!;
      const flags = old[from + SLOT_FLAGS]!;
      if (offset === 0 || (flags & REMOVED) !== 0) continue;
      if (generations[named & 0xffff] !== named >>> 16) continue;
      const hash = old[from + SLOT_HASH]!;
      let probe = 0;
      while (
        probe < PROBES_MAX &&
        slots[((hash + probe) & mask) * SLOT_WORDS + SLOT_OFFSET] !== 0
      ) {
        probe += 1;
      }
      if (probe === PROBES_MAX) return false;
      const to = ((hash + probe) & mask) * SLOT_WORDS;
      slots[to + SLOT_HASH] = hash;
      slots[to + SLOT_CHUNK] = named;
      slots[to + SLOT_OFFSET] = offset;
      slots[to + SLOT_FLAGS] = flags;
      count += 1;
    }
    this.#slots = slots;
    this.#mask = mask;
    this.#usedCount = count;
    return true;
  }
}
