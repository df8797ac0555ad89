/**
 * Blocks of tables in memory, verified, by (file number, block): words as their owner put them, decoded or as
 * they stand in the file. One thread owns it. Blocks are appended to segments; segments are given up by S3-FIFO (s3-fifo.ts): of one that goes, the blocks
 * that were asked for again are appended anew, the rest is dropped.
 *
 *     segment:  [file number, block, word count, 0 | words of the block] ...
 *
 * File numbers are used once, so a file that is gone leaves blocks that nobody asks for, and these go
 * by themselves. Scans look in here and never insert. data plane
 *
 * Invariants:
 *   BC1 `find` gives the words that were inserted under this file number and block, or nothing
 *   BC2 segments, index and ghosts, with the parts of tables, take no more than the given bytes
 *   BC3 one insert moves the blocks of a few segments at the most
 *   BC4 nothing is allocated after the first round through the segments
 *   BC5 once something had to be given up, only what is asked for twice is worth a copy
 */
import { assert } from '@clockwise/kernel/assert';
import { copyWords } from '@clockwise/record/copy';
import {
  COUNTER_MAX,
  Ghosts,
  mixHash,
  QUEUE,
  SeenOnce,
  SegmentQueue,
  smallSegmentsMax,
  survivingCounter,
} from './s3-fifo.ts';

const SEGMENT_BYTES_MAX = 1024 * 1024;
/** A small cache has smaller segments, so that its queues have some, but of this size, for large blocks. */
const SEGMENT_BYTES_MIN = 8 * 1024;
const SEGMENTS_WANTED = 32;
const SEGMENTS_WANTED_MIN = 8;
/** Two being filled, one to move blocks to, one to give up. */
const SEGMENTS_MIN = 4;
/** The index has places for blocks of this size; of smaller ones the cache holds fewer bytes. */
const BLOCK_BYTES_EXPECTED = 2048;
const BLOCKS_MIN = 64;
/** [BC3] Segments of which one insert moves blocks; the next is given up with all it holds. */
const SPARED_SEGMENTS_MAX = 4;

const ENTRY_WORDS = 4;
const ENTRY_FILE = 0;
const ENTRY_BLOCK = 1;
const ENTRY_WORD_COUNT = 2;

const SLOT_WORDS = 4;
const SLOT_FILE = 0;
const SLOT_BLOCK = 1;
/** (segment + 1) << 2 | counter; 0: the slot is empty. */
const SLOT_PLACE = 2;
const SLOT_OFFSET = 3;
const COUNTER_MASK = 3;

const NOTHING = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);

export class BlockCache {
  /** Of the block that `find` found: its words. Borrowed until the next `insert`. */
  words: Int32Array = NOTHING;
  /** The memory of `words`. */
  bytes: Uint8Array = NO_BYTES;
  from = 0;
  to = 0;
  hitCount = 0;
  missCount = 0;
  readonly #byteCountMax: number;
  readonly #segmentWords: number;
  readonly #blocksMax: number;
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #ghosts: Ghosts;
  readonly #seen: SeenOnce;
  /** By number; `NOTHING` where it is not allocated. */
  readonly #segments: Int32Array[] = [];
  readonly #segmentBytes: Uint8Array[] = [];
  readonly #used: Int32Array;
  readonly #free: SegmentQueue;
  readonly #small: SegmentQueue;
  readonly #main: SegmentQueue;
  #smallActive = -1;
  #mainActive = -1;
  #segmentsMax = 0;
  #allocatedCount = 0;
  #blockCount = 0;
  /** Something was given up. */
  #isFull = false;

  /** Zero bytes: there is no cache, nothing is kept. */
  constructor(byteCount: number) {
    this.#byteCountMax = byteCount;
    this.#segmentWords = segmentBytesFor(byteCount) / 4;
    this.#blocksMax = Math.max(BLOCKS_MIN, Math.floor(byteCount / BLOCK_BYTES_EXPECTED));
    const slotCount = 2 ** Math.ceil(Math.log2(this.#blocksMax * 2));
    this.#slots = new Int32Array(slotCount * SLOT_WORDS);
    this.#mask = slotCount - 1;
    this.#ghosts = new Ghosts(this.#blocksMax);
    this.#seen = new SeenOnce(this.#blocksMax);
    const segmentCount = this.#segmentWords === 0 ? 0 : this.#segmentsFor(0);
    this.#segments = Array.from({ length: segmentCount }, () => NOTHING);
    this.#segmentBytes = Array.from({ length: segmentCount }, () => NO_BYTES);
    this.#used = new Int32Array(segmentCount);
    this.#free = new SegmentQueue(segmentCount);
    this.#small = new SegmentQueue(segmentCount);
    this.#main = new SegmentQueue(segmentCount);
    this.#segmentsMax = segmentCount;
  }

  /** What it takes now. */
  get byteCount(): number {
    const fixedBytes = this.#slots.byteLength + this.#ghosts.byteCount + this.#seen.byteCount;
    return fixedBytes + this.#allocatedCount * this.#segmentWords * 4;
  }

  get blockCount(): number {
    return this.#blockCount;
  }

  /** [BC1] True: `words`, `from` and `to` are what was inserted. */
  find(fileNumber: number, block: number): boolean {
    const slot = this.#slotOf(fileNumber, block);
    if (slot < 0) {
      this.missCount += 1;
      return false;
    }
    const place = this.#slots[slot + SLOT_PLACE]!;
    if ((place & COUNTER_MASK) < COUNTER_MAX) this.#slots[slot + SLOT_PLACE] = place + 1;
    this.hitCount += 1;
    this.#show(slot);
    return true;
  }

  /** As `find`, for a scan: that it looks is no reason to keep the block. */
  peek(fileNumber: number, block: number): boolean {
    const slot = this.#slotOf(fileNumber, block);
    if (slot < 0) return false;
    this.#show(slot);
    return true;
  }

  #show(slot: number): void {
    const segment = (this.#slots[slot + SLOT_PLACE]! >>> 2) - 1;
    const words = this.#segments[segment]!;
    const entry = this.#slots[slot + SLOT_OFFSET]!;
    this.words = words;
    this.bytes = this.#segmentBytes[segment]!;
    this.from = entry + ENTRY_WORDS;
    this.to = this.from + words[entry + ENTRY_WORD_COUNT]!;
  }

  /**
   * Whether the block, which was not found, is to be inserted: always as long as nothing had to be given
   * up; later only if it was looked for not long ago, too. So what is read once costs no copy. [BC5]
   */
  admits(fileNumber: number, block: number): boolean {
    if (!this.#isFull) return true;
    return this.#seen.isSecond(hashOf(fileNumber, block));
  }

  /** Keeps a copy of words [from, to), the block's. */
  insert(fileNumber: number, block: number, words: Int32Array, from: number, to: number): void {
    const wordCount = to - from;
    const wanted = ENTRY_WORDS + wordCount + (wordCount & 1);
    if (this.#segmentsMax === 0 || wanted > this.#segmentWords) return;
    if (this.#slotOf(fileNumber, block) >= 0) return;
    let sparedCount = 0;
    while (this.#blockCount >= this.#blocksMax) {
      this.#giveUp(sparedCount < SPARED_SEGMENTS_MAX);
      sparedCount += 1;
    }
    const isKnown = this.#ghosts.take(hashOf(fileNumber, block));
    const queue = isKnown ? QUEUE.main : QUEUE.small;
    if (!this.#hasRoom(queue, wanted)) {
      while (this.#freeCount() <= 1) {
        this.#giveUp(sparedCount < SPARED_SEGMENTS_MAX);
        sparedCount += 1;
      }
      if (!this.#hasRoom(queue, wanted)) this.#beginSegment(queue);
    }
    this.#append(queue, 0, fileNumber, block, words, from, wordCount);
  }

  /** [BC2] What the open tables hold in memory comes out of this cache's bytes. */
  setPartsBytes(byteCount: number): void {
    const segmentsMax = Math.min(this.#segmentsFor(byteCount), this.#segments.length);
    this.#segmentsMax = segmentsMax;
    while (this.#allocatedCount > segmentsMax) {
      if (this.#free.count === 0) this.#giveUp(false);
      const segment = this.#free.shift();
      this.#segments[segment] = NOTHING;
      this.#segmentBytes[segment] = NO_BYTES;
      this.#allocatedCount -= 1;
    }
    // One to move blocks to stays free.
    while (this.#allocatedCount > 0 && this.#freeCount() === 0) this.#giveUp(false);
  }

  #segmentsFor(partsBytes: number): number {
    const fixedBytes = this.#slots.byteLength + this.#ghosts.byteCount + this.#seen.byteCount;
    const left = this.#byteCountMax - fixedBytes - partsBytes;
    const count = Math.floor(left / (this.#segmentWords * 4));
    return count < SEGMENTS_MIN ? 0 : count;
  }

  /** Segments that can be begun. */
  #freeCount(): number {
    return this.#free.count + Math.max(0, this.#segmentsMax - this.#allocatedCount);
  }

  #hasRoom(queue: number, wordCount: number): boolean {
    const active = queue === QUEUE.small ? this.#smallActive : this.#mainActive;
    return active !== -1 && this.#used[active]! + wordCount <= this.#segmentWords;
  }

  /** REQUIRES: one is free. */
  #beginSegment(queue: number): void {
    let segment: number;
    if (this.#free.count > 0) {
      segment = this.#free.shift();
    } else {
      segment = this.#segments.indexOf(NOTHING);
      assert(segment >= 0, 'a segment is begun where one is free');
      const words = new Int32Array(this.#segmentWords);
      this.#segments[segment] = words;
      this.#segmentBytes[segment] = new Uint8Array(words.buffer);
      this.#allocatedCount += 1;
    }
    this.#used[segment] = 0;
    this.#endSegment(queue);
    if (queue === QUEUE.small) this.#smallActive = segment;
    else this.#mainActive = segment;
  }

  #endSegment(queue: number): void {
    if (queue === QUEUE.small) {
      if (this.#smallActive !== -1) this.#small.push(this.#smallActive);
      this.#smallActive = -1;
    } else {
      if (this.#mainActive !== -1) this.#main.push(this.#mainActive);
      this.#mainActive = -1;
    }
  }

  #append(
    queue: number,
    counter: number,
    fileNumber: number,
    block: number,
    words: Int32Array,
    from: number,
    wordCount: number,
  ): void {
    const segment = queue === QUEUE.small ? this.#smallActive : this.#mainActive;
    const target = this.#segments[segment]!;
    const entry = this.#used[segment]!;
    target[entry + ENTRY_FILE] = fileNumber;
    target[entry + ENTRY_BLOCK] = block;
    target[entry + ENTRY_WORD_COUNT] = wordCount;
    copyWords(words, from, target, entry + ENTRY_WORDS, wordCount);
    this.#used[segment] = entry + ENTRY_WORDS + wordCount + (wordCount & 1);
    this.#addSlot(fileNumber, block, ((segment + 1) << 2) | counter, entry);
    this.#blockCount += 1;
  }

  /** The queue that has more than its share gives up its oldest segment, which is free then. */
  #giveUp(isSparing: boolean): void {
    this.#isFull = true;
    const queue = this.#queueToShrink();
    const segment = queue === QUEUE.small ? this.#small.shift() : this.#main.shift();
    const words = this.#segments[segment]!;
    const end = this.#used[segment]!;
    for (let entry = 0; entry < end;) {
      const wordCount = words[entry + ENTRY_WORD_COUNT]!;
      const size = ENTRY_WORDS + wordCount + (wordCount & 1);
      const fileNumber = words[entry + ENTRY_FILE]!;
      const block = words[entry + ENTRY_BLOCK]!;
      const slot = this.#slotOf(fileNumber, block);
      const asked = this.#slots[slot + SLOT_PLACE]! & COUNTER_MASK;
      const counter = isSparing ? survivingCounter(queue, asked) : -1;
      this.#removeSlot(slot);
      this.#blockCount -= 1;
      if (counter < 0) {
        if (queue === QUEUE.small) this.#ghosts.add(hashOf(fileNumber, block));
      } else {
        // What moves fits in what is left of the active segment and the one that is kept free.
        if (!this.#hasRoom(QUEUE.main, size)) this.#beginSegment(QUEUE.main);
        this.#append(QUEUE.main, counter, fileNumber, block, words, entry + ENTRY_WORDS, wordCount);
      }
      entry += size;
    }
    this.#free.push(segment);
  }

  #queueToShrink(): number {
    const smallMax = smallSegmentsMax(this.#segmentsMax);
    if (this.#small.count >= smallMax) return QUEUE.small;
    if (this.#main.count > 0) return QUEUE.main;
    if (this.#small.count > 0) return QUEUE.small;
    // Only where blocks are so small that the active segments hold as many as there may be.
    const queue = this.#smallActive !== -1 ? QUEUE.small : QUEUE.main;
    this.#endSegment(queue);
    return queue;
  }

  #slotOf(fileNumber: number, block: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = hashOf(fileNumber, block) & mask; ; at = (at + 1) & mask) {
      const slot = at * SLOT_WORDS;
      if (slots[slot + SLOT_PLACE] === 0) return -1;
      if (slots[slot + SLOT_BLOCK] === block && (slots[slot + SLOT_FILE]! ^ fileNumber) === 0) {
        return slot;
      }
    }
  }

  #addSlot(fileNumber: number, block: number, place: number, entry: number): void {
    const slots = this.#slots;
    let at = hashOf(fileNumber, block) & this.#mask;
    while (slots[at * SLOT_WORDS + SLOT_PLACE] !== 0) at = (at + 1) & this.#mask;
    const slot = at * SLOT_WORDS;
    slots[slot + SLOT_FILE] = fileNumber;
    slots[slot + SLOT_BLOCK] = block;
    slots[slot + SLOT_PLACE] = place;
    slots[slot + SLOT_OFFSET] = entry;
  }

  /** Slots behind the gap move up, so that every search still ends at the first empty place. */
  #removeSlot(slot: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = slot / SLOT_WORDS;
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const from = next * SLOT_WORDS;
      if (slots[from + SLOT_PLACE] === 0) break;
      const home = hashOf(slots[from + SLOT_FILE]!, slots[from + SLOT_BLOCK]!) & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots.copyWithin(gap * SLOT_WORDS, from, from + SLOT_WORDS);
      gap = next;
    }
    slots[gap * SLOT_WORDS + SLOT_PLACE] = 0;
  }
}

function segmentBytesFor(byteCount: number): number {
  const least = Math.min(byteCount / SEGMENTS_WANTED_MIN, SEGMENT_BYTES_MIN);
  const wanted = Math.min(byteCount / SEGMENTS_WANTED, SEGMENT_BYTES_MAX);
  return Math.floor(Math.max(least, wanted) / 8) * 8;
}

function hashOf(fileNumber: number, block: number): number {
  return mixHash(Math.imul(fileNumber, 0x9e3779b1) ^ mixHash(block));
}
