/**
 * Large buffers that a thread's jobs use one after the other. Left to the garbage collector they pile
 * up: it sees small views, not what stands behind them, and an allocator of several threads gives
 * little of what it frees back.
 *
 * Invariants:
 *   SB1 a buffer is lent to one borrower at a time, who gives it back when nothing reads it any more
 *   SB2 no more bytes are kept than was said; what was given back longest ago goes first
 */
import { assert } from '@clockwise/kernel/assert';

/**
 * A merge of sixteen runs has a read and an index of each, and its output's; a flush has words for each
 * record. Where less is kept than they take in turn, each lets go what the other takes anew, and memory grows.
 */
const JOB_BYTES_MAX = 20 * 1024 * 1024;
/** Of a merge's inputs, which go when its output is there. */
const PART_BYTES_MAX = 2 * 1024 * 1024;
const WORDS_MIN = 256;
/** What is lent for long is not larger than this many times what was asked for. */
const FITTING_FACTOR_MAX = 1.25;

export class SpareBuffers {
  readonly #bytesMax: number;
  /** In the order in which they were given back. */
  readonly #spares: Int32Array[] = [];
  #byteCount = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * One that is large enough, with whatever it held; a new one where there is none. Sizes are powers of
   * two, and nobody gets a larger one than he needs: else who asks for much finds it lent for little. [SB1]
   */
  take(wordCount: number): Int32Array {
    const sizeWords = 2 ** Math.ceil(Math.log2(Math.max(wordCount, WORDS_MIN)));
    return this.#take(sizeWords, sizeWords);
  }

  /** The same for whoever keeps it for long: exactly so many words, of a buffer that is hardly larger. */
  takeFitting(wordCount: number): Int32Array {
    const taken = this.#take(wordCount, wordCount * FITTING_FACTOR_MAX);
    return taken.length === wordCount ? taken : taken.subarray(0, wordCount);
  }

  /** Whole buffers, whatever view of them was lent. */
  give(view: Int32Array): void {
    const { buffer } = view;
    if (buffer.byteLength === 0 || buffer.byteLength > this.#bytesMax) return;
    assert(
      !this.#spares.some((spare) => spare.buffer === buffer),
      'SB1 a buffer is given back once',
    );
    this.#spares.push(view.byteLength === buffer.byteLength ? view : new Int32Array(buffer));
    this.#byteCount += buffer.byteLength;
    // [SB2]
    while (this.#byteCount > this.#bytesMax) this.#byteCount -= this.#spares.shift()!.byteLength;
  }

  #take(wordCount: number, wordsMax: number): Int32Array {
    let found = -1;
    for (let index = 0; index < this.#spares.length; index += 1) {
      const { length } = this.#spares[index]!;
      if (length < wordCount || length > wordsMax) continue;
      if (found === -1 || length < this.#spares[found]!.length) found = index;
    }
    if (found === -1) return new Int32Array(wordCount);
    const [taken] = this.#spares.splice(found, 1);
    this.#byteCount -= taken!.byteLength;
    return taken!;
  }
}

/** Of the jobs of the thread that this module runs in. */
export const SPARE_BUFFERS: SpareBuffers = new SpareBuffers(JOB_BYTES_MAX);
/** For the indexes and filters of the tables that they write: those of tables that are gone. */
export const PART_BUFFERS: SpareBuffers = new SpareBuffers(PART_BYTES_MAX);

/** Of one that is read again, for as long as its table is there. */
export function roomForPart(wordCount: number): Int32Array {
  return PART_BUFFERS.takeFitting(wordCount);
}
