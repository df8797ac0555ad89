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

/**
 * Up to here bytes are put together to words in a loop; above, the copy of the platform and a pass for
 * the mask are faster, although they need a view.
 */
const LOOP_BYTES_MAX = 128;

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

  /** REQUIRES: there is room; the byte count is a positive multiple of 8. Takes the mask off. */
  put(bytes: Uint8Array, start: number, byteCount: number, mask: number, source: number): void {
    assert(byteCount > 0 && (byteCount & 7) === 0, 'a frame is whole 8-byte units');
    const words = this.#words;
    const first = this.#end >> 2;
    const wordCount = byteCount >> 2;
    if (byteCount <= LOOP_BYTES_MAX) {
      let at = start;
      for (let index = first; index < first + wordCount; index += 1) {
        const lower = bytes[at]! | (bytes[at + 1]! << 8);
        words[index] = (lower | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) ^ mask;
        at += 4;
      }
    } else {
      this.#bytes.set(bytes.subarray(start, start + byteCount), this.#end);
      if (mask !== 0) {
        for (let index = first; index < first + wordCount; index += 1) words[index]! ^= mask;
      }
    }
    this.#frames.push(words, first, wordCount, source);
    this.#end += byteCount;
  }

  /** The step has returned. */
  clear(): void {
    this.#end = 0;
  }
}
