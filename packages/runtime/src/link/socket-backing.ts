/**
 * SocketBacking: where the frames to one connection are written: a pooled buffer, with room for each
 * frame's WebSocket header in front of it, so that all frames of a tick leave by one write.
 *
 *     | unused | header | frame | header | frame | ...
 *              ^ begin                            ^ end
 *
 * A frame is written at an 8-byte boundary and, if it is not the first, moved down to its header's
 * end when it is whole; the first one needs no move.
 *
 * data plane
 *
 * Invariants:
 *   SB1 what is between begin and end is whole messages
 *   SB2 a buffer goes back to the pool only when the kernel has taken all its bytes
 *   SB3 above the high mark nothing is taken
 *   SB4 no frame is longer than the other side takes: it would close the connection, and all others'
 *       operations with it
 */
import type { Socket } from 'node:net';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import type { FrameBacking } from '@clockwise/protocol/frame-writer';
import type { BufferPool, OutputBuffer } from './buffer-pool.ts';
import { HEADER_BYTES_MAX, headerByteCount, writeHeader } from './websocket-header.ts';

/** The first frame's place: the next 8-byte boundary behind the longest header. */
const FIRST_FRAME_BYTE = 16;
const NOTHING = new Int32Array(0);

export class SocketBacking implements FrameBacking {
  words: Int32Array = NOTHING;
  offset = 0;
  wordCountMax = 0;
  readonly writer: FrameWriter;
  /** Set by the connection: above the high mark, or closing. */
  blocked = false;
  readonly #pool: BufferPool;
  readonly #masked: boolean;
  readonly #frameWordsMax: number;
  #buffer: OutputBuffer | undefined;
  #begin = -1;
  #end = 0;
  /** Buffers of this tick that are full, with their bounds. */
  readonly #full: OutputBuffer[] = [];
  readonly #fullBegins: number[] = [];
  readonly #fullEnds: number[] = [];
  /** Buffers that the kernel has not taken whole. */
  readonly #inFlight: OutputBuffer[] = [];

  constructor(pool: BufferPool, masked: boolean, frameWordsTarget: number, frameBytesMax: number) {
    this.#pool = pool;
    this.#masked = masked;
    this.#frameWordsMax = Math.floor(frameBytesMax / 4);
    this.writer = new FrameWriter(this, frameWordsTarget);
  }

  acquire(wordCountMin: number): boolean {
    // [SB3] [SB4]
    if (this.blocked || wordCountMin > this.#frameWordsMax) return false;
    let frameByte = this.#nextFrameByte();
    if (this.#buffer === undefined || frameByte + wordCountMin * 4 > this.#buffer.bytes.length) {
      if (this.#begin >= 0) this.#seal();
      frameByte = FIRST_FRAME_BYTE;
      const needed = (frameByte + wordCountMin * 4 + 7) & ~7;
      if (this.#buffer !== undefined && this.#buffer.bytes.length < needed) this.#drop();
      this.#buffer ??= this.#pool.take(needed);
    }
    this.words = this.#buffer.words;
    this.offset = frameByte >> 2;
    const room = (this.#buffer.bytes.length - frameByte) >> 2;
    this.wordCountMax = room < this.#frameWordsMax ? room : this.#frameWordsMax;
    return true;
  }

  complete(wordCount: number): void {
    const { bytes } = this.#buffer!;
    const frameByte = this.offset * 4;
    const byteCount = wordCount * 4;
    const headerBytes = headerByteCount(byteCount, this.#masked);
    let payload = frameByte;
    if (this.#begin < 0) {
      this.#begin = frameByte - headerBytes;
    } else {
      payload = this.#end + headerBytes;
      if (payload !== frameByte) bytes.copyWithin(payload, frameByte, frameByte + byteCount);
    }
    writeHeader(bytes, payload - headerBytes, byteCount, this.#masked);
    this.#end = payload + byteCount;
  }

  /** Completes the frame under construction and writes the tick's bytes: one write as a rule. */
  flush(socket: Socket): void {
    this.writer.flush();
    this.writer.waitMs = Infinity;
    if (this.#begin < 0) return;
    if (this.#full.length > 0) socket.cork();
    for (let index = 0; index < this.#full.length; index += 1) {
      const buffer = this.#full[index]!;
      socket.write(buffer.bytes.subarray(this.#fullBegins[index], this.#fullEnds[index]));
      this.#inFlight.push(buffer);
    }
    const last = this.#buffer!;
    socket.write(last.bytes.subarray(this.#begin, this.#end));
    this.#inFlight.push(last);
    if (this.#full.length > 0) socket.uncork();
    this.#full.length = 0;
    this.#buffer = undefined;
    this.#begin = -1;
    this.recycle(socket);
  }

  /** Milliseconds that what is to be written may wait for more. */
  get waitMs(): number {
    return this.#full.length === 0 ? this.writer.waitMs : 0;
  }

  /** Gives buffers back once the kernel has all. True: nothing is in flight. */
  recycle(socket: Socket): boolean {
    if (this.#inFlight.length === 0) return true;
    if (socket.writableLength !== 0) return false;
    for (let index = 0; index < this.#inFlight.length; index += 1) {
      this.#pool.give(this.#inFlight[index]!);
    }
    this.#inFlight.length = 0;
    return true;
  }

  /** The connection is gone; what the kernel may still read is left to the collector. */
  dispose(): void {
    this.blocked = true;
    this.#inFlight.length = 0;
    this.#full.length = 0;
    this.#buffer = undefined;
    this.#begin = -1;
  }

  #nextFrameByte(): number {
    return this.#begin < 0 ? FIRST_FRAME_BYTE : (this.#end + HEADER_BYTES_MAX + 7) & ~7;
  }

  #seal(): void {
    this.#full.push(this.#buffer!);
    this.#fullBegins[this.#full.length - 1] = this.#begin;
    this.#fullEnds[this.#full.length - 1] = this.#end;
    this.#buffer = undefined;
    this.#begin = -1;
  }

  #drop(): void {
    this.#pool.give(this.#buffer!);
    this.#buffer = undefined;
  }
}
