/**
 * Answers from their frames to results. The frame is borrowed: whatever is kept is copied here.
 * REQUIRES, everywhere: the frame passed `validateResponseFrame`.
 *
 * data plane, but for the results that users asked for
 *
 * Invariants:
 *   RD1 bytes that their codec cannot read are handed out as bytes, never as something else
 */
import { RESPONSE, RESPONSE_FLAG } from '@clockwise/protocol/frame';
import {
  ENTRY_WORDS,
  HEADER,
  SIBLING,
  SIBLING_HEADER_WORDS,
  VALUE_CODEC,
  bodyEntryCount,
  bodyExplanation,
  bodyItemCount,
  bodyOffset,
  bodySiblingsOffset,
  isTombstone,
  nextRecord,
  nextSibling,
  recordEntriesOffset,
  recordEntryCount,
  recordKeyBytes,
  recordKeyOffset,
  recordSiblingCount,
  recordSiblingsOffset,
  valueCodec,
  valueOffset,
} from '@clockwise/protocol/response-body';
import { decodeValue, type Value } from '@clockwise/protocol/value-codec';
import { readBytes } from '@clockwise/protocol/word-bytes';
import { type Explanation, parseExplanation } from './explanation.ts';
import {
  GetResult,
  ScanRecord,
  WriteResult,
  type AnswerHeader,
  type Key,
  type Resolve,
  type ScanPage,
  type ScanPosition,
  type VersionWords,
} from './results.ts';
import type { SessionClock } from './session-clock.ts';
import type { TextCoder } from './text-coder.ts';

const NONE: readonly Value[] = [];

export class ResponseDecoder {
  readonly #coder: TextCoder;
  readonly #clock: SessionClock;
  #words: Int32Array = new Int32Array(0);
  #bytes: Uint8Array = new Uint8Array(0);

  /** `clock` learns the times of all siblings that are read. */
  constructor(coder: TextCoder, clock: SessionClock) {
    this.#coder = coder;
    this.#clock = clock;
  }

  /** The memory that the next answers lie in. */
  turnTo(words: Int32Array): void {
    if (words === this.#words) return;
    this.#words = words;
    this.#bytes = this.#coder.bytesOf(words);
  }

  get(operation: number, resolve: Resolve | undefined): GetResult {
    const words = this.#words;
    const entries = bodyOffset(operation);
    const entryCount = bodyEntryCount(words, operation);
    const siblings = bodySiblingsOffset(words, operation);
    const siblingCount = bodyItemCount(words, operation);
    const values = this.#values(siblings, siblingCount);
    return new GetResult(
      valueOf(values, resolve),
      values,
      this.#header(operation),
      this.#versions(entries, entryCount, siblings, siblingCount),
    );
  }

  write(operation: number): WriteResult {
    const words = this.#words;
    const wordCount = bodyEntryCount(words, operation) * ENTRY_WORDS;
    const context = new Array<number>(wordCount);
    const entries = bodyOffset(operation);
    for (let index = 0; index < wordCount; index += 1) context[index] = words[entries + index]!;
    return new WriteResult(this.#header(operation), context);
  }

  scan(operation: number, resolve: Resolve | undefined): ScanPage {
    const words = this.#words;
    const records: ScanRecord[] = [];
    const positions: ScanPosition[] = [];
    let last: ScanPosition | undefined;
    let record = bodyOffset(operation);
    for (let left = bodyItemCount(words, operation); left > 0; left -= 1) {
      last = this.#position(record);
      const scanned = this.#record(record, resolve);
      if (scanned !== undefined) {
        records.push(scanned);
        positions.push(last);
      }
      record = nextRecord(words, record);
    }
    return {
      records,
      positions,
      last,
      more: hasFlag(words, operation, RESPONSE_FLAG.more),
      complete: hasFlag(words, operation, RESPONSE_FLAG.complete),
    };
  }

  #header(operation: number): AnswerHeader {
    const words = this.#words;
    return {
      answered: words[operation + RESPONSE.answered]!,
      flags: (words[operation + RESPONSE.status]! >>> 16) & 0xff,
      hybridLow: words[operation + RESPONSE.hybridLow]!,
      hybridHigh: words[operation + RESPONSE.hybridHigh]!,
      explanation: this.explanation(operation),
    };
  }

  /** Of an answer of any status; undefined where it has none. */
  explanation(operation: number): Explanation | undefined {
    const bytes = bodyExplanation(this.#words, operation);
    return bytes === undefined ? undefined : parseExplanation(bytes);
  }

  #position(record: number): ScanPosition {
    const words = this.#words;
    const key = readBytes(words, recordKeyOffset(record), recordKeyBytes(words, record));
    const tokenHigh = words[record + HEADER.tokenHigh]!;
    return { tokenHigh, tokenLow: words[record + HEADER.tokenLow]!, key };
  }

  /** Undefined for an object that is deleted. */
  #record(record: number, resolve: Resolve | undefined): ScanRecord | undefined {
    const words = this.#words;
    const siblings = recordSiblingsOffset(words, record);
    const siblingCount = recordSiblingCount(words, record);
    const values = this.#values(siblings, siblingCount);
    if (values.length === 0) return undefined;
    const entries = recordEntriesOffset(words, record);
    const entryCount = recordEntryCount(words, record);
    const versions = this.#versions(entries, entryCount, siblings, siblingCount);
    return new ScanRecord(this.#key(record), valueOf(values, resolve), values, versions);
  }

  #key(record: number): Key {
    const offset = recordKeyOffset(record);
    const byteCount = recordKeyBytes(this.#words, record);
    const text = this.#coder.read(this.#words, this.#bytes, offset, byteCount);
    return text ?? readBytes(this.#words, offset, byteCount);
  }

  #values(siblings: number, siblingCount: number): readonly Value[] {
    const words = this.#words;
    if (siblingCount === 0) return NONE;
    if (siblingCount === 1) return isTombstone(words, siblings) ? NONE : [this.#value(siblings)];
    const values: Value[] = [];
    let sibling = siblings;
    for (let left = siblingCount; left > 0; left -= 1) {
      if (!isTombstone(words, sibling)) values.push(this.#value(sibling));
      sibling = nextSibling(words, sibling);
    }
    return values;
  }

  #value(sibling: number): Value {
    const words = this.#words;
    const codec = valueCodec(words, sibling);
    const byteCount = words[sibling + SIBLING.valueBytes]!;
    const offset = valueOffset(sibling);
    if (codec === VALUE_CODEC.text) {
      const text = this.#coder.read(words, this.#bytes, offset, byteCount);
      if (text !== undefined) return text;
    }
    const bytes = readBytes(words, offset, byteCount);
    if (codec !== VALUE_CODEC.structured) return bytes;
    const decoded = decodeValue(codec, bytes);
    return decoded.ok ? decoded.value : bytes;
  }

  #versions(
    entries: number,
    entryCount: number,
    siblings: number,
    siblingCount: number,
  ): VersionWords {
    const source = this.#words;
    const entryWords = entryCount * ENTRY_WORDS;
    const words = new Array<number>(entryWords + siblingCount * SIBLING_HEADER_WORDS);
    for (let index = 0; index < entryWords; index += 1) words[index] = source[entries + index]!;
    let position = entryWords;
    let sibling = siblings;
    for (let left = siblingCount; left > 0; left -= 1) {
      this.#clock.observe(
        source[sibling + SIBLING.hybridLow]!,
        source[sibling + SIBLING.hybridHigh]!,
      );
      for (let index = 0; index < SIBLING_HEADER_WORDS; index += 1) {
        words[position + index] = source[sibling + index]!;
      }
      position += SIBLING_HEADER_WORDS;
      sibling = nextSibling(source, sibling);
    }
    return { entryCount, words };
  }
}

function valueOf(values: readonly Value[], resolve: Resolve | undefined): Value | undefined {
  if (values.length <= 1) return values[0];
  return resolve === undefined ? undefined : resolve(values);
}

function hasFlag(words: Int32Array, operation: number, flag: number): boolean {
  return ((words[operation + RESPONSE.status]! >>> 16) & flag) !== 0;
}
