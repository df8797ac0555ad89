/**
 * Copies of values for callers to keep. A copy is a view of a slab that several share: a buffer of its
 * own for each costs more than the copy itself, up to some kilobytes. Who keeps one value keeps its
 * slab; so values that would take a large share of one get a buffer of their own.
 *
 * data plane (but for one view of the copy, and of what is copied where it is large)
 *
 * Invariants:
 *   VC1 no byte of a slab is given out twice
 */
import { copyWords } from '@clockwise/record/copy';

const SLAB_BYTES = 32 * 1024;
const OWN_BYTES_MIN = SLAB_BYTES / 8;

export class ValueCopies {
  #slab: Int32Array = new Int32Array(SLAB_BYTES / 4);
  /** Words. */
  #used = 0;

  /** The `byteCount` bytes from word `at` on. */
  of(words: Int32Array, at: number, byteCount: number): Uint8Array {
    if (byteCount >= OWN_BYTES_MIN) {
      const copy = new Uint8Array(byteCount);
      copy.set(new Uint8Array(words.buffer, words.byteOffset + at * 4, byteCount));
      return copy;
    }
    const wordCount = (byteCount + 3) >>> 2;
    if (this.#used + wordCount > this.#slab.length) {
      this.#slab = new Int32Array(SLAB_BYTES / 4);
      this.#used = 0;
    }
    // [VC1] By whole words, which a value is padded to: a view of its bytes would cost more.
    const from = this.#used;
    copyWords(words, at, this.#slab, from, wordCount);
    this.#used = from + ((wordCount + 1) & ~1);
    return new Uint8Array(this.#slab.buffer, from * 4, byteCount);
  }
}
