/**
 * Copies of words in slabs: a typed array with memory of its own costs several times as much as a view
 * of memory that is there, and a run makes hundreds of thousands of small ones.
 *
 * Invariants:
 *   WA1 words that were handed out belong to whoever got them: no place of a slab is given out twice
 *
 * Boundary: a copy keeps its whole slab alive. What lives for a moment and what lives as long as the
 * run come from arenas of their own.
 */
const SLAB_WORDS = 1 << 14;
/** Beyond these a copy has memory of its own, so that no slab ends half empty. */
const SHARED_WORDS_MAX = SLAB_WORDS >> 3;
/** From so many words on the runtime's own copy is the faster one. */
const BULK_WORDS_MIN = 128;

export class WordArena {
  #slab: Int32Array = new Int32Array(0);
  #buffer: ArrayBufferLike = this.#slab.buffer;
  #position = 0;
  /** Where `place` put what it was given last. */
  placed: Int32Array = this.#slab;

  /** The words [from, to), as `slice` gives them. */
  copy(words: Int32Array, from: number, to: number): Int32Array {
    const count = to - from;
    if (count > SHARED_WORDS_MAX) return words.slice(from, to);
    const at = this.#reserve(count);
    const slab = this.#slab;
    if (count >= BULK_WORDS_MIN) slab.set(words.subarray(from, to), at);
    else for (let index = 0; index < count; index += 1) slab[at + index] = words[from + index]!;
    return new Int32Array(this.#buffer, at * 4, count);
  }

  /**
   * As `copy`, without a view: the words stand in `placed` from the returned place on. A view costs as
   * much as thirty words.
   */
  place(words: Int32Array, from: number, to: number): number {
    const count = to - from;
    if (count > SHARED_WORDS_MAX) {
      this.placed = words.slice(from, to);
      return 0;
    }
    const at = this.#reserve(count);
    const slab = this.#slab;
    if (count >= BULK_WORDS_MIN) slab.set(words.subarray(from, to), at);
    else for (let index = 0; index < count; index += 1) slab[at + index] = words[from + index]!;
    this.placed = slab;
    return at;
  }

  /** Room for so many words in `placed`, from the returned place on. */
  reserve(count: number): number {
    if (count > SHARED_WORDS_MAX) {
      this.placed = new Int32Array(count);
      return 0;
    }
    const at = this.#reserve(count);
    this.placed = this.#slab;
    return at;
  }

  #reserve(count: number): number {
    if (this.#position + count > this.#slab.length) {
      this.#slab = new Int32Array(SLAB_WORDS);
      this.#buffer = this.#slab.buffer;
      this.#position = 0;
    }
    const at = this.#position;
    this.#position += count;
    return at;
  }
}

const SLAB_BYTES = 1 << 16;

/** Bytes of a slab, in the same way. */
export class ByteArena {
  #slab: ArrayBuffer = new ArrayBuffer(0);
  #position = 0;

  /** So many zeros. */
  take(count: number): Uint8Array {
    if (count > SLAB_BYTES >> 3) return new Uint8Array(count);
    if (this.#position + count > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#position = 0;
    }
    const at = this.#position;
    this.#position += count;
    return new Uint8Array(this.#slab, at, count);
  }
}
