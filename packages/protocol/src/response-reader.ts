/**
 * Responses as a client reads them. REQUIRES, everywhere: the frame passed `validateResponseFrame`.
 *
 * data plane: fields are read by offset; only what the caller keeps is made (values, contexts, keys).
 *
 * Invariants:
 *   RR1 what is handed out is a copy: frames are borrowed memory
 */
import {
  ENTRY_WORDS,
  HEADER,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  contextCount,
  contextOffset,
  keyBytes,
  keyOffset,
  siblingCount,
  siblingWordCount,
  siblingsOffset,
} from '@clockwise/record/layout';
import { RESPONSE, RESPONSE_HEADER_WORDS } from './frame.ts';
import { readBytes } from './word-bytes.ts';

export interface Sibling {
  readonly tombstone: boolean;
  /** VALUE_CODEC: how `bytes` are to be read. */
  readonly codec: number;
  readonly bytes: Uint8Array;
  /** Seconds since 1970; 0: never. */
  readonly expirySeconds: number;
}

export interface ScannedRecord {
  readonly key: Uint8Array;
  readonly tokenHigh: number;
  readonly tokenLow: number;
  /** Entries, to be handed back as a write's context. */
  readonly context: Int32Array;
  readonly siblings: readonly Sibling[];
}

export function responseWordCount(words: Int32Array, response: number): number {
  return words[response + RESPONSE.wordCount]!;
}
export function responseRequestId(words: Int32Array, response: number): number {
  return words[response + RESPONSE.requestId]!;
}
/** STATUS_OK, STATUS_NOT_FOUND or the code of an error. */
export function responseStatus(words: Int32Array, response: number): number {
  return words[response + RESPONSE.status]! & 0xffff;
}
/** RESPONSE_FLAG bits. */
export function responseFlags(words: Int32Array, response: number): number {
  return (words[response + RESPONSE.status]! >>> 16) & 0xff;
}
export function responseOpcode(words: Int32Array, response: number): number {
  return words[response + RESPONSE.status]! >>> 24;
}
export function responseReplicas(words: Int32Array, response: number): number {
  return words[response + RESPONSE.answered]! & 0xff;
}
export function responsePrimaries(words: Int32Array, response: number): number {
  return (words[response + RESPONSE.answered]! >>> 8) & 0xff;
}
/** DURABILITY. */
export function responseDurability(words: Int32Array, response: number): number {
  return (words[response + RESPONSE.answered]! >>> 16) & 0xff;
}
export function responseRetryAfterMs(words: Int32Array, response: number): number {
  return words[response + RESPONSE.retryAfterMs]!;
}
/** The highest hybrid time of what was read or written, low and high word; both 0: none. */
export function responseHybridLow(words: Int32Array, response: number): number {
  return words[response + RESPONSE.hybridLow]!;
}
export function responseHybridHigh(words: Int32Array, response: number): number {
  return words[response + RESPONSE.hybridHigh]!;
}
/** Siblings of a get, records of a scan. */
export function responseItemCount(words: Int32Array, response: number): number {
  return words[response + RESPONSE.counts]! >>> 16;
}

/** The context's entries, opaque to the caller, to be handed back with a write. */
export function readContext(words: Int32Array, response: number): Int32Array {
  const start = response + RESPONSE_HEADER_WORDS;
  return words.slice(start, start + responseContextWords(words, response));
}

/** The siblings of a get's answer, tombstones included. */
export function readSiblings(words: Int32Array, response: number): Sibling[] {
  const start = response + RESPONSE_HEADER_WORDS + responseContextWords(words, response);
  return siblingsAt(words, start, responseItemCount(words, response));
}

/** The records of a scan's page, in the order of (token, key). */
export function readScan(words: Int32Array, response: number): ScannedRecord[] {
  const records: ScannedRecord[] = [];
  const recordCount = responseItemCount(words, response);
  let record = response + RESPONSE_HEADER_WORDS;
  for (let index = 0; index < recordCount; index += 1) {
    const context = contextOffset(words, record);
    records.push({
      key: readBytes(words, keyOffset(record), keyBytes(words, record)),
      tokenHigh: words[record + HEADER.tokenHigh]!,
      tokenLow: words[record + HEADER.tokenLow]!,
      context: words.slice(context, context + contextCount(words, record) * ENTRY_WORDS),
      siblings: siblingsAt(words, siblingsOffset(words, record), siblingCount(words, record)),
    });
    record += words[record + HEADER.wordCount]!;
  }
  return records;
}

/** Words of the context of a put's, delete's or get's answer, which stands behind the header. */
export function responseContextWords(words: Int32Array, response: number): number {
  return (words[response + RESPONSE.counts]! & 0xffff) * ENTRY_WORDS;
}

function siblingsAt(words: Int32Array, offset: number, count: number): Sibling[] {
  const siblings: Sibling[] = [];
  let sibling = offset;
  for (let index = 0; index < count; index += 1) {
    const flagsAndCodec = words[sibling + SIBLING.flagsAndCodec]!;
    const byteLength = words[sibling + SIBLING.valueBytes]!;
    siblings.push({
      tombstone: (flagsAndCodec & SIBLING_FLAG.tombstone) !== 0,
      codec: (flagsAndCodec >>> 8) & 0xff,
      bytes: readBytes(words, sibling + SIBLING_HEADER_WORDS, byteLength),
      expirySeconds: words[sibling + SIBLING.expirySeconds]! >>> 0,
    });
    sibling += siblingWordCount(words, sibling);
  }
  return siblings;
}
