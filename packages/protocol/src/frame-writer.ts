/**
 * Gathers operations into frames: an OperationSink over any memory. The world says where frames may
 * be written (`FrameBacking`): a ring's reserved space, a socket's buffer, an array in the simulator.
 *
 * data plane
 *
 * Invariants:
 *   FW1 a frame holds operations of one tag, and its header counts them and its words
 *   FW2 nothing of an operation that did not `end` is in a frame
 *   FW4 the operations of a frame have one priority: one of another begins a new frame
 *   FW3 a control message has a frame of its own, as its readers demand
 *   FW5 what was written may wait no longer than its least patient operation, a frame that is
 *       full not at all
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import type { OperationSink } from '@clockwise/kernel/core';
import { FRAME, FRAME_HEADER_WORDS, OPERATION, PROTOCOL_VERSION, TAG } from './frame.ts';

export interface FrameBacking {
  /** Room for a frame of at least `wordCountMin` words. False: the channel is full. */
  acquire(wordCountMin: number): boolean;
  /** Set by acquire: the memory, where the frame starts in it, and how many words it may have. */
  words: Int32Array;
  offset: number;
  wordCountMax: number;
  /** The frame at `offset` is whole and has `wordCount` words. */
  complete(wordCount: number): void;
}

export class FrameWriter implements OperationSink {
  words: Int32Array;
  epoch = 0;
  priority = 0;
  remainingMs = 0;
  due = 0;
  patienceMs = 0;
  /** Milliseconds that all that was written may wait. The world makes it Infinity when that has left. */
  waitMs: number = Infinity;
  readonly #backing: FrameBacking;
  /** Frames are begun with room for this many words, where the backing has it. */
  readonly #wordCountTarget: number;
  /** Tag | priority << 16 of the frame under construction; 0: there is none. */
  #kind = 0;
  #start = 0;
  #position = 0;
  #limit = 0;
  #operationCount = 0;
  #reserved = 0;

  constructor(backing: FrameBacking, wordCountTarget: number) {
    this.#backing = backing;
    this.#wordCountTarget = wordCountTarget;
    this.words = backing.words;
  }

  begin(tag: number, wordCount: number): number {
    assert(this.#reserved === 0, 'the operation before has ended');
    const kind = tag | (this.priority << 16);
    const isFull = this.#position + wordCount > this.#limit;
    const isEnded = this.#kind !== kind || isFull || tag === TAG.control;
    if (isEnded || buggify('frames: begin a new frame although there is room')) {
      this.flush();
      if (!this.#open(kind, wordCount)) {
        this.priority = 0;
        this.patienceMs = 0;
        return -1;
      }
    }
    this.#reserved = wordCount;
    return this.#position;
  }

  end(wordCount: number): void {
    assert(wordCount <= this.#reserved && (wordCount & 1) === 0, 'the operation fits its room');
    this.words[this.#position + OPERATION.wordCount] = wordCount;
    this.#position += wordCount;
    this.#operationCount += 1;
    this.#reserved = 0;
    this.priority = 0;
    const isFull = this.#position - this.#start >= this.#wordCountTarget;
    if (isFull) this.waitMs = 0;
    else if (this.patienceMs < this.waitMs) this.waitMs = this.patienceMs;
    this.patienceMs = 0;
  }

  /** Completes the frame under construction, if there is one. The world calls it before that leaves. */
  flush(): void {
    if (this.#kind === 0) return;
    if (this.#operationCount > 0) {
      const { words } = this;
      const start = this.#start;
      words[start + FRAME.wordCount] = this.#position - start;
      words[start + FRAME.tag] = this.#kind | (PROTOCOL_VERSION << 8);
      words[start + FRAME.operationCount] = this.#operationCount;
      words[start + FRAME.epoch] = this.epoch;
      words[start + FRAME.remainingMs] = this.remainingMs;
      words[start + FRAME.due] = this.due;
      this.#backing.complete(this.#position - start);
    }
    this.remainingMs = 0;
    this.due = 0;
    this.#kind = 0;
    this.#limit = 0;
    this.#position = 0;
    this.#operationCount = 0;
  }

  #open(kind: number, wordCount: number): boolean {
    const wanted = FRAME_HEADER_WORDS + wordCount;
    const target = this.#wordCountTarget;
    const backing = this.#backing;
    if (!backing.acquire(wanted > target ? wanted : target)) {
      if (wanted >= target || !backing.acquire(wanted)) return false;
    }
    this.words = backing.words;
    this.#start = backing.offset;
    this.#position = backing.offset + FRAME_HEADER_WORDS;
    this.#limit = backing.offset + backing.wordCountMax;
    this.#kind = kind;
    return true;
  }
}
