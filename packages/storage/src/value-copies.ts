/**
 * Copies of values for callers to keep. A copy is a view of a slab that several share: a buffer of its
 * own for each costs more than the copy itself, up to some kilobytes. Who keeps one value keeps its
 * slab; so values that would take a large share of one get a buffer of their own.
 *
 * data plane (but for one view of what is copied and one of the copy)
 *
 * Invariants:
 *   VC1 no byte of a slab is given out twice
 */

const SLAB_BYTES = 32 * 1024;
const OWN_BYTES_MIN = SLAB_BYTES / 8;

export class ValueCopies {
  #slab: ArrayBuffer = new ArrayBuffer(SLAB_BYTES);
  #used = 0;

  /** The `byteCount` bytes from word `at` on. */
  of(words: Int32Array, at: number, byteCount: number): Uint8Array {
    const copy = this.#take(byteCount);
    copy.set(new Uint8Array(words.buffer, words.byteOffset + at * 4, byteCount));
    return copy;
  }

  /** [VC1] */
  #take(byteCount: number): Uint8Array {
    if (byteCount >= OWN_BYTES_MIN) return new Uint8Array(byteCount);
    if (this.#used + byteCount > SLAB_BYTES) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, byteCount);
    this.#used += (byteCount + 7) & ~7;
    return copy;
  }
}
