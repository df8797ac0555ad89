/**
 * Inbox: messages of sockets on their way to the next step: copied to aligned memory as they arrive,
 * given to the core as frames, gone when the step has returned.
 *
 * data plane
 *
 * Invariants:
 *   IB1 a frame's memory does not change until the step it was given to has returned
 *   IB2 at most `wordCountMax` words and `framesMax` frames wait
 */
import { assert } from '@clockwise/kernel/assert';
import type { FrameList } from '@clockwise/kernel/core';

export class Inbox {
  readonly #frames: FrameList;
  readonly #framesMax: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #end = 0;

  constructor(frames: FrameList, wordCountMax: number, framesMax: number) {
    this.#frames = frames;
    this.#framesMax = framesMax;
    this.#words = new Int32Array(wordCountMax);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  hasRoom(byteCount: number): boolean {
    return this.#frames.count < this.#framesMax && this.#end + byteCount <= this.#bytes.length;
  }

  get frameCount(): number {
    return this.#frames.count;
  }

  /** Words that wait. */
  get wordCount(): number {
    return this.#end >> 2;
  }

  /** REQUIRES: there is room; the byte count is a positive multiple of 8. */
  put(message: Uint8Array, source: number): void {
    const { length } = message;
    assert(length > 0 && (length & 7) === 0, 'a frame is whole 8-byte units');
    this.#bytes.set(message, this.#end);
    this.#frames.push(this.#words, this.#end >> 2, length >> 2, source);
    this.#end += length;
  }

  /** The step has returned. */
  clear(): void {
    this.#end = 0;
  }
}
