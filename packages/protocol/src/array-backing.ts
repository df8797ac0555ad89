/**
 * Frames in arrays of their own: what a FrameWriter writes to where there is neither ring nor socket
 * (tests, prepared loads, the handshake's few frames).
 *
 * Invariants:
 *   AB1 each completed frame is an array of exactly its words
 */
import type { FrameBacking } from './frame-writer.ts';

export class ArrayBacking implements FrameBacking {
  words: Int32Array = new Int32Array(0);
  readonly offset: number = 0;
  wordCountMax: number = 0;
  readonly #frames: Int32Array[] = [];

  acquire(wordCountMin: number): boolean {
    this.words = new Int32Array(wordCountMin);
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    this.#frames.push(this.words.slice(0, wordCount));
  }

  /** The frames completed since the last call. */
  take(): Int32Array[] {
    return this.#frames.splice(0);
  }
}
