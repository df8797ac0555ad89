/**
 * Bytes that are written one field after another, and read back with every length checked before
 * anything is made of it. Little-endian. For control messages and structured values.
 *
 * Invariants:
 *   BB1 a reader never reads past its end: it fails once and stays failed
 *   BB2 a reader allocates at most as much as has arrived
 */
import { assert } from '@clockwise/kernel/assert';
import { decodeUtf8, utf8ByteLength, writeUtf8 } from './utf8.ts';

/** Eight bytes to move a float through: there is no DataView here, so that one order holds everywhere. */
interface FloatScratch {
  readonly float: Float64Array;
  readonly bytes: Uint8Array;
}

function makeScratch(): FloatScratch {
  const float = new Float64Array(1);
  return { float, bytes: new Uint8Array(float.buffer) };
}

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;
  readonly #scratch: FloatScratch = makeScratch();

  constructor(byteLengthExpected: number = 256) {
    this.#bytes = new Uint8Array(byteLengthExpected);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far; borrowed until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** `value` in `byteCount` bytes, 1 to 4. */
  unsigned(value: number, byteCount: number): void {
    this.#reserve(byteCount);
    for (let index = 0; index < byteCount; index += 1) {
      this.#bytes[this.#length++] = value >>> (index * 8);
    }
  }

  float64(value: number): void {
    this.#scratch.float[0] = value;
    this.raw(this.#scratch.bytes);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** REQUIRES: the text has no lone surrogates and `byteLength` is its length in UTF-8. */
  utf8(text: string, byteLength: number): void {
    assert(byteLength >= 0 && byteLength === utf8ByteLength(text), 'text is well-formed');
    this.#reserve(byteLength);
    this.#length = writeUtf8(text, this.#bytes, this.#length);
  }

  #reserve(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.view());
    this.#bytes = bytes;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #scratch: FloatScratch = makeScratch();
  #position: number;
  #failed = false;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, 'the range lies in the bytes');
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** True once a field did not fit or was not well-formed; what was read since means nothing. */
  get failed(): boolean {
    return this.#failed;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  unsigned(byteCount: number): number {
    if (!this.#take(byteCount)) return 0;
    let value = 0;
    for (let index = 0; index < byteCount; index += 1) {
      value |= this.#bytes[this.#position - byteCount + index]! << (index * 8);
    }
    return value >>> 0;
  }

  float64(): number {
    if (!this.#take(8)) return 0;
    for (let index = 0; index < 8; index += 1) {
      this.#scratch.bytes[index] = this.#bytes[this.#position - 8 + index]!;
    }
    return this.#scratch.float[0]!;
  }

  /** A copy: the frame's memory is only borrowed. */
  raw(byteLength: number): Uint8Array {
    if (!this.#take(byteLength)) return new Uint8Array(0);
    return this.#bytes.slice(this.#position - byteLength, this.#position);
  }

  utf8(byteLength: number): string {
    if (!this.#take(byteLength)) return '';
    const text = decodeUtf8(this.#bytes, this.#position - byteLength, this.#position);
    if (text === undefined) this.#failed = true;
    return text ?? '';
  }

  fail(): void {
    this.#failed = true;
  }

  #take(byteCount: number): boolean {
    if (this.#failed || byteCount > this.#end - this.#position) {
      this.#failed = true;
      return false;
    }
    this.#position += byteCount;
    return true;
  }
}
