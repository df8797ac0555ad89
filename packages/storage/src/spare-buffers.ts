/**
 * Large buffers that a thread's jobs use one after the other. Left to the garbage collector they pile
 * up: it sees small views, not what stands behind them, and an allocator of several threads gives
 * little of what it frees back.
 *
 * Invariants:
 *   SB1 a buffer is lent to one borrower at a time, who gives it back when nothing reads it any more
 *   SB2 no more than `BYTES_MAX` are kept
 */
import { assert } from '@clockwise/kernel/assert';

/** A merge of sixteen runs has a read and an index of each, and its output's. */
const BYTES_MAX = 12 * 1024 * 1024;

export class SpareBuffers {
  readonly #spares: Int32Array[] = [];
  #byteCount = 0;

  /** The smallest that is large enough, with whatever it held; a new one where there is none. [SB1] */
  take(wordCount: number): Int32Array {
    let found = -1;
    for (let index = 0; index < this.#spares.length; index += 1) {
      const { length } = this.#spares[index]!;
      if (length < wordCount) continue;
      if (found === -1 || length < this.#spares[found]!.length) found = index;
    }
    if (found === -1) return new Int32Array(wordCount);
    const [taken] = this.#spares.splice(found, 1);
    this.#byteCount -= taken!.byteLength;
    return taken!;
  }

  give(buffer: Int32Array): void {
    // [SB2]
    if (buffer.length === 0 || this.#byteCount + buffer.byteLength > BYTES_MAX) return;
    assert(!this.#spares.includes(buffer), 'SB1 a buffer is given back once');
    this.#spares.push(buffer);
    this.#byteCount += buffer.byteLength;
  }
}

/** Of the thread that this module runs in. */
export const SPARE_BUFFERS: SpareBuffers = new SpareBuffers();
