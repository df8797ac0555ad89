/**
 * Buffers for outgoing bytes, seen as bytes and as words. Those of the usual size are used again;
 * a longer one is made for its frame and dropped.
 *
 * data plane
 */
import { Buffer } from 'node:buffer';

export interface OutputBuffer {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

export const OUTPUT_BUFFER_BYTES: number = 64 * 1024;
/** Free buffers that are kept: 16 MiB. */
const FREE_MAX = 256;

export class BufferPool {
  readonly #free: OutputBuffer[] = [];

  /** REQUIRES: `byteCountMin` is a multiple of 8. */
  take(byteCountMin: number): OutputBuffer {
    if (byteCountMin > OUTPUT_BUFFER_BYTES) return makeBuffer(byteCountMin);
    return this.#free.pop() ?? makeBuffer(OUTPUT_BUFFER_BYTES);
  }

  /** REQUIRES: nobody reads or writes it any more, the kernel included. */
  give(buffer: OutputBuffer): void {
    if (buffer.bytes.length !== OUTPUT_BUFFER_BYTES) return;
    if (this.#free.length < FREE_MAX) this.#free.push(buffer);
  }
}

function makeBuffer(byteCount: number): OutputBuffer {
  const memory = new ArrayBuffer(byteCount);
  return { bytes: Buffer.from(memory), words: new Int32Array(memory) };
}
