/**
 * Requests from their slots into frames: keys and values go straight from text to the frame's bytes.
 * Limits are those of the node that is being written to.
 *
 * data plane
 *
 * Invariants:
 *   RE1 a request that breaks a limit writes nothing and is refused by name
 *   RE2 all tries of a request write the same operation, but for request id, retry flag and age
 */
import type { OperationSink } from '@clockwise/kernel/core';
import { REQUEST, REQUEST_FLAG, REQUEST_HEADER_WORDS, TAG } from '@clockwise/protocol/frame';
import { ENTRY_WORDS, paddedWords } from '@clockwise/protocol/response-body';
import { writeBytes } from '@clockwise/protocol/word-bytes';
import type { RequestTable } from './request-table.ts';
import type { TextCoder } from './text-coder.ts';

export interface RequestLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly contextEntriesMax: number;
}

/** What became of a request that was to be written. */
export const ENCODED = {
  written: 0,
  /** The transport takes no more for now. */
  full: 1,
  keyTooLarge: 2,
  valueTooLarge: 3,
  contextTooLarge: 4,
} as const;

/** Up to here three bytes for each character are reserved; beyond, the bytes are counted first. */
const UNCOUNTED_UNITS_MAX = 128;
const NO_CONTEXT: readonly number[] = [];

export class RequestEncoder {
  readonly #table: RequestTable;
  readonly #coder: TextCoder;
  /** Bytes over the memories that transports offer: they use a few again and again. */
  readonly #bytesOfWords = new WeakMap<Int32Array, Uint8Array>();
  #words: Int32Array = new Int32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(table: RequestTable, coder: TextCoder) {
    this.#table = table;
    this.#coder = coder;
  }

  /** Returns one of ENCODED. */
  encode(slot: number, bucketId: number, limits: RequestLimits, sink: OperationSink): number {
    const table = this.#table;
    const key = table.key[slot]!;
    const value = table.value[slot];
    const context = table.context[slot];
    const keyBound = this.#bytesBound(key, limits.keyBytesMax);
    if (keyBound > limits.keyBytesMax) return ENCODED.keyTooLarge;
    const valueBound = value === undefined ? 0 : this.#bytesBound(value, limits.valueBytesMax);
    if (valueBound > limits.valueBytesMax) return ENCODED.valueTooLarge;
    const contextWords = context === undefined ? 0 : context.length;
    if (contextWords > limits.contextEntriesMax * ENTRY_WORDS) return ENCODED.contextTooLarge;
    const operation = sink.begin(
      TAG.request,
      REQUEST_HEADER_WORDS + paddedWords(keyBound) + contextWords + paddedWords(valueBound),
    );
    if (operation < 0) return ENCODED.full;
    this.#write(slot, bucketId, sink, operation);
    return ENCODED.written;
  }

  #write(slot: number, bucketId: number, sink: OperationSink, operation: number): void {
    const table = this.#table;
    const { words } = sink;
    if (words !== this.#words) this.#turnTo(words);
    const context = table.context[slot];
    const value = table.value[slot];
    let flags = table.flags[slot]!;
    if (context !== undefined) flags |= REQUEST_FLAG.contextGiven;
    if (table.isAmbiguous[slot] === 1) flags |= REQUEST_FLAG.retry;
    const entries = context ?? NO_CONTEXT;
    words[operation + REQUEST.opcode] =
      table.opcode[slot]! | (flags << 8) | (table.level[slot]! << 16) | (table.codec[slot]! << 24);
    words[operation + REQUEST.requestId] = table.id(slot);
    words[operation + REQUEST.bucketId] = bucketId;
    words[operation + REQUEST.sessionLow] = table.sessionLow[slot]!;
    words[operation + REQUEST.sessionHigh] = table.sessionHigh[slot]!;
    words[operation + REQUEST.sequence] = table.sequence[slot]!;
    words[operation + REQUEST.timeToLiveSeconds] = table.timeToLiveSeconds[slot]!;
    words[operation + REQUEST.seenLow] = table.seenLow[slot]!;
    words[operation + REQUEST.seenHigh] = table.seenHigh[slot]!;
    words[operation + REQUEST.ageMs] = table.ageMs[slot]!;
    words[operation + REQUEST.reserved] = 0;
    let position = operation + REQUEST_HEADER_WORDS;
    const keyBytes = this.#put(table.key[slot]!, position);
    position += paddedWords(keyBytes);
    words[operation + REQUEST.keyAndContext] = keyBytes | ((entries.length / ENTRY_WORDS) << 16);
    for (let index = 0; index < entries.length; index += 1) {
      words[position + index] = entries[index]!;
    }
    position += entries.length;
    const valueBytes = value === undefined ? 0 : this.#put(value, position);
    words[operation + REQUEST.valueBytes] = valueBytes;
    sink.end(position + paddedWords(valueBytes) - operation);
  }

  /** Bytes that this will take at the most. */
  #bytesBound(content: string | Uint8Array, bytesMax: number): number {
    if (typeof content !== 'string') return content.length;
    const bound = content.length * 3;
    if (content.length <= UNCOUNTED_UNITS_MAX && bound <= bytesMax) return bound;
    return this.#coder.byteLength(content);
  }

  /** Writes at the word offset, padded with zeros to 8 bytes. Returns the bytes. */
  #put(content: string | Uint8Array, position: number): number {
    const words = this.#words;
    if (typeof content !== 'string') {
      if (content.length <= UNCOUNTED_UNITS_MAX) {
        writeBytes(words, position, content);
        return content.length;
      }
      this.#zeroPadding(position, content.length);
      this.#bytes.set(content, position * 4);
      return content.length;
    }
    const byteCount = this.#coder.write(content, this.#bytes, position * 4);
    const byte = position * 4;
    const end = byte + paddedWords(byteCount) * 4;
    for (let index = byte + byteCount; index < end; index += 1) this.#bytes[index] = 0;
    return byteCount;
  }

  #zeroPadding(position: number, byteCount: number): void {
    const wordCount = paddedWords(byteCount);
    if (wordCount === 0) return;
    this.#words[position + wordCount - 1] = 0;
    this.#words[position + wordCount - 2] = 0;
  }

  #turnTo(words: Int32Array): void {
    let bytes = this.#bytesOfWords.get(words);
    if (bytes === undefined) {
      bytes = this.#coder.bytesOf(words);
      this.#bytesOfWords.set(words, bytes);
    }
    this.#words = words;
    this.#bytes = bytes;
  }
}
