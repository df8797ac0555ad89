/**
 * Where things lie in the body of a RESPONSE, for readers that may not import the record layout
 * themselves (the client): context entries, siblings, and the records of a scan's page. A body of a
 * get is `context entries | siblings`; of a write that wants its context `context entries`; of a scan
 * whole records. The explanation, where there is one, follows.
 *
 * data plane
 *
 * Invariants:
 *   RB1 the parts of a body follow one another and end where the operation ends; the explanation is
 *       the last of them
 */
import {
  ENTRY_WORDS,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  contextCount,
  contextOffset,
  keyBytes,
  keyOffset,
  recordWordCount,
  siblingCount,
  siblingWordCount,
  siblingsOffset,
} from '@clockwise/record/layout';
import {
  EXPLANATION,
  EXPLANATION_HEADER_WORDS,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
} from './frame.ts';
import { readBytes } from './word-bytes.ts';

export {
  ENTRY,
  ENTRY_WORDS,
  HEADER,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  VALUE_CODEC,
  paddedWords,
} from '@clockwise/record/layout';

/** Of a get or a write: where its context entries begin ... */
export function bodyOffset(operation: number): number {
  return operation + RESPONSE_HEADER_WORDS;
}

/** ... and how many there are. */
export function bodyEntryCount(words: Int32Array, operation: number): number {
  return words[operation + RESPONSE.counts]! & 0xffff;
}

/** Of a get, its siblings; of a scan, its records. */
export function bodyItemCount(words: Int32Array, operation: number): number {
  return words[operation + RESPONSE.counts]! >>> 16;
}

export function bodySiblingsOffset(words: Int32Array, operation: number): number {
  return operation + RESPONSE_HEADER_WORDS + bodyEntryCount(words, operation) * ENTRY_WORDS;
}

export function nextSibling(words: Int32Array, sibling: number): number {
  return sibling + siblingWordCount(words, sibling);
}

/** Where the value's bytes begin, in words. */
export function valueOffset(sibling: number): number {
  return sibling + SIBLING_HEADER_WORDS;
}

export function isTombstone(words: Int32Array, sibling: number): boolean {
  return (words[sibling + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone) !== 0;
}

export function valueCodec(words: Int32Array, sibling: number): number {
  return words[sibling + SIBLING.flagsAndCodec]! >>> 8;
}

/** The account that an explained answer ends in, as JSON in UTF-8; undefined where there is none. */
export function bodyExplanation(words: Int32Array, operation: number): Uint8Array | undefined {
  const statusWord = words[operation + RESPONSE.status]!;
  if (((statusWord >>> 16) & RESPONSE_FLAG.explained) === 0) return undefined;
  let offset = bodySiblingsOffset(words, operation);
  const siblings = statusWord >>> 24 === REQUEST_OPCODE.get ? bodyItemCount(words, operation) : 0;
  for (let left = siblings; left > 0; left -= 1) offset = nextSibling(words, offset);
  const byteCount = words[offset + EXPLANATION.byteCount]!;
  return readBytes(words, offset + EXPLANATION_HEADER_WORDS, byteCount);
}

export function nextRecord(words: Int32Array, record: number): number {
  return record + recordWordCount(words, record);
}

export function recordKeyBytes(words: Int32Array, record: number): number {
  return keyBytes(words, record);
}

export function recordKeyOffset(record: number): number {
  return keyOffset(record);
}

export function recordEntryCount(words: Int32Array, record: number): number {
  return contextCount(words, record);
}

export function recordEntriesOffset(words: Int32Array, record: number): number {
  return contextOffset(words, record);
}

export function recordSiblingCount(words: Int32Array, record: number): number {
  return siblingCount(words, record);
}

export function recordSiblingsOffset(words: Int32Array, record: number): number {
  return siblingsOffset(words, record);
}
