/**
 * Text to UTF-8 bytes in place and back, fast for short ASCII. Node's Buffer does long runs where it
 * exists; elsewhere the protocol's own loops do, so that nothing is needed of the platform.
 *
 * data plane
 *
 * Invariants:
 *   TC1 what is written reads back equal; text with lone surrogates has no bytes
 *   TC2 bytes that are not UTF-8 are no text: `read` gives undefined, never a replacement character
 */
import { utf8ByteLength, writeUtf8, decodeUtf8 } from '@clockwise/protocol/utf8';

/** What Node's Buffer offers beyond Uint8Array. */
interface NodeBytes extends Uint8Array {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, byteCount: number): number;
  utf8Write(text: string, offset: number, byteCount: number): number;
}

interface NodeBufferClass {
  from(buffer: ArrayBufferLike, byteOffset: number, byteLength: number): NodeBytes;
  byteLength(text: string): number;
}

/** Up to here a loop over the characters beats a call out of JavaScript. */
const LOOP_UNITS_MAX = 48;
const CHUNK_UNITS = 4096;

export class TextCoder {
  readonly #buffer: NodeBufferClass | undefined;

  /** `useBuffer` false: without Node's Buffer even where there is one. */
  constructor(useBuffer: boolean = true) {
    const { Buffer } = globalThis as unknown as { Buffer?: NodeBufferClass };
    const isComplete =
      Buffer !== undefined &&
      ['latin1Slice', 'latin1Write', 'utf8Write'].every(
        (name) => name in (Buffer as unknown as { prototype: object }).prototype,
      );
    this.#buffer = useBuffer && isComplete ? Buffer : undefined;
  }

  /** The bytes under `words`, in the form that this coder is fastest with. */
  bytesOf(words: Int32Array): Uint8Array {
    if (this.#buffer === undefined) {
      return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    }
    return this.#buffer.from(words.buffer, words.byteOffset, words.byteLength);
  }

  /** Bytes of the text in UTF-8, or -1 where it holds a lone surrogate. */
  byteLength(text: string): number {
    if (this.#buffer !== undefined) {
      const byteLength = this.#buffer.byteLength(text);
      if (byteLength === text.length) return byteLength;
    }
    return utf8ByteLength(text);
  }

  /** Writes well-formed text at `offset` of what `bytesOf` gave, and returns the bytes written. */
  write(text: string, bytes: Uint8Array, offset: number): number {
    const units = text.length;
    if (units <= LOOP_UNITS_MAX) {
      let index = 0;
      while (index < units) {
        const unit = text.charCodeAt(index);
        if (unit > 0x7f) return this.#writeAny(text, bytes, offset);
        bytes[offset + index] = unit;
        index += 1;
      }
      return units;
    }
    return this.#writeAny(text, bytes, offset);
  }

  #writeAny(text: string, bytes: Uint8Array, offset: number): number {
    if (this.#buffer === undefined) return writeUtf8(text, bytes, offset) - offset;
    return (bytes as NodeBytes).utf8Write(text, offset, bytes.length - offset);
  }

  /** The text of `byteCount` bytes from `wordOffset` on; undefined where they are not UTF-8. */
  read(
    words: Int32Array,
    bytes: Uint8Array,
    wordOffset: number,
    byteCount: number,
  ): string | undefined {
    const start = wordOffset * 4;
    if (!isAscii(words, wordOffset, byteCount)) return decodeUtf8(bytes, start, start + byteCount);
    if (this.#buffer !== undefined) {
      return (bytes as NodeBytes).latin1Slice(start, start + byteCount);
    }
    return asciiText(bytes, start, start + byteCount);
  }
}

/** REQUIRES: the padding to a whole word is zero, as the protocol has it. */
function isAscii(words: Int32Array, wordOffset: number, byteCount: number): boolean {
  const end = wordOffset + ((byteCount + 3) >>> 2);
  let bits = 0;
  for (let index = wordOffset; index < end; index += 1) bits |= words[index]!;
  return (bits & 0x80808080) === 0;
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let from = start; from < end; from += CHUNK_UNITS) {
    const chunk = bytes.subarray(from, Math.min(end, from + CHUNK_UNITS));
    text += String.fromCharCode.apply(undefined, chunk as unknown as number[]);
  }
  return text;
}
