/**
 * Whether words are a well-formed record: asked once at every gateway (frames of peers, files), so
 * that everything inside may trust lengths, orders and padding.
 *
 * data plane
 *
 * Invariants:
 *   RV1 nothing outside [offset, offset + wordCountAvailable) is read
 *   RV2 a record that passes has exactly one encoding: padding and spare bits are zero, entries,
 *       siblings and recents are sorted without equals, the kind follows from the siblings
 *   RV3 every sibling's dot is covered by the context
 *
 * Boundary: hidden records (hidden.ts) are refused: they never leave their node. Limits here are ceilings of form. What a client may write is refused in versioning; what
 * replicas have joined must pass, or the limit would block repair.
 */
import type { Limits } from '@clockwise/kernel/limits';
import { HIDDEN_BUCKET_MIN } from './hidden.ts';
import { compareDots, compareRecents, compareUnsigned64 } from './compare.ts';
import {
  contextCount,
  contextOffset,
  ENTRY,
  ENTRY_WORDS,
  HEADER,
  HEADER_WORDS,
  keyBytes,
  keyOffset,
  KIND,
  LAYOUT_VERSION,
  paddedWords,
  RECENT,
  RECENT_WORDS,
  recentCount,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  siblingCount,
} from './layout.ts';

/** Why a record was refused; 0: it was not. */
export const RECORD_FAULT = {
  none: 0,
  truncated: 1,
  wordCount: 2,
  kind: 3,
  header: 4,
  key: 5,
  context: 6,
  sibling: 7,
  siblingOrder: 8,
  siblingNotCovered: 9,
  recents: 10,
  padding: 11,
  limit: 12,
} as const;

export interface RecordLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly contextEntriesMax: number;
  readonly siblingsMax: number;
  readonly recentOperationsMax: number;
}

/** No setting allows a larger value, so that a lowered setting does not refuse stored records. */
export const VALUE_BYTES_CEILING: number = 1024 * 1024;
/** Joins of replicas that each took as much as they may stay far below these multiples. */
const JOINED_FACTOR = 16;

export function recordLimits(limits: Limits): RecordLimits {
  return {
    keyBytesMax: Math.max(limits.keyBytesMax, 1024),
    valueBytesMax: Math.max(limits.valueBytesMax, VALUE_BYTES_CEILING),
    contextEntriesMax: Math.min(limits.contextEntriesMax * JOINED_FACTOR, 0xffff),
    siblingsMax: Math.min(limits.siblingsMax * JOINED_FACTOR, 0xffff),
    recentOperationsMax: Math.min(
      limits.recentOperationsMax + limits.siblingsMax * JOINED_FACTOR,
      0xffff,
    ),
  };
}

/** 0 where the record is well formed, else a RECORD_FAULT. */
export function validateRecord(
  words: Int32Array,
  offset: number,
  wordCountAvailable: number,
  limits: RecordLimits,
): number {
  if (wordCountAvailable < HEADER_WORDS) return RECORD_FAULT.truncated;
  const wordCount = words[offset + HEADER.wordCount]!;
  if (wordCount < HEADER_WORDS || (wordCount & 1) !== 0) return RECORD_FAULT.wordCount;
  if (wordCount > wordCountAvailable) return RECORD_FAULT.truncated;
  const inHeader = validateHeader(words, offset, limits);
  if (inHeader !== 0) return inHeader;

  const end = offset + wordCount;
  const siblings = contextOffset(words, offset) + contextCount(words, offset) * ENTRY_WORDS;
  const recents = end - recentCount(words, offset) * RECENT_WORDS;
  if (siblings > recents) return RECORD_FAULT.wordCount;
  if (!paddingIsZero(words, keyOffset(offset), keyBytes(words, offset))) {
    return RECORD_FAULT.padding;
  }
  const entries = contextCount(words, offset);
  const inContext = validateContext(words, contextOffset(words, offset), entries);
  if (inContext !== 0) return inContext;
  const inSiblings = validateSiblings(words, offset, siblings, recents, limits);
  if (inSiblings !== 0) return inSiblings;
  return validateRecents(words, recents, recentCount(words, offset));
}

function validateHeader(words: Int32Array, offset: number, limits: RecordLimits): number {
  const kindWord = words[offset + HEADER.kind]!;
  const kind = kindWord & 0xff;
  if (kind !== KIND.full && kind !== KIND.tombstone) return RECORD_FAULT.kind;
  if (kindWord >>> 24 !== LAYOUT_VERSION) return RECORD_FAULT.kind;
  if (((kindWord >>> 8) & 0xff) !== 0) return RECORD_FAULT.header;
  if (words[offset + HEADER.bucketId]! >>> 0 >= HIDDEN_BUCKET_MIN) return RECORD_FAULT.header;
  if (words[offset + HEADER.reserved] !== 0) return RECORD_FAULT.header;
  const keyByteCount = keyBytes(words, offset);
  if (keyByteCount === 0 || keyByteCount > limits.keyBytesMax) return RECORD_FAULT.key;
  const entries = contextCount(words, offset);
  if (entries === 0 || entries > limits.contextEntriesMax) return RECORD_FAULT.limit;
  const siblings = siblingCount(words, offset);
  if (siblings === 0 || siblings > limits.siblingsMax) return RECORD_FAULT.limit;
  if (recentCount(words, offset) > limits.recentOperationsMax) return RECORD_FAULT.limit;
  return 0;
}

/**
 * Entries strictly ascending by incarnation, no counter zero: for records and for the contexts that
 * clients send. REQUIRES: the entries' words lie inside the frame.
 */
export function validateContext(words: Int32Array, offset: number, entryCount: number): number {
  for (let index = 0; index < entryCount; index += 1) {
    const entry = offset + index * ENTRY_WORDS;
    if ((words[entry + ENTRY.counterLow]! | words[entry + ENTRY.counterHigh]!) === 0) {
      return RECORD_FAULT.context;
    }
    if (index > 0 && compareIncarnations(words, entry - ENTRY_WORDS, entry) >= 0) {
      return RECORD_FAULT.context;
    }
  }
  return 0;
}

function compareIncarnations(words: Int32Array, left: number, right: number): number {
  return compareUnsigned64(
    words[left + ENTRY.incarnationHigh]!,
    words[left + ENTRY.incarnationLow]!,
    words[right + ENTRY.incarnationHigh]!,
    words[right + ENTRY.incarnationLow]!,
  );
}

/** The bytes of the last two words that are not the content's. */
export function paddingIsZero(words: Int32Array, offset: number, byteCount: number): boolean {
  const wordCount = paddedWords(byteCount);
  const spare = (wordCount << 2) - byteCount;
  if (spare === 0) return true;
  const last = words[offset + wordCount - 1]!;
  if (spare < 4) return last >>> (32 - spare * 8) === 0;
  if (last !== 0) return false;
  if (spare === 4) return true;
  return words[offset + wordCount - 2]! >>> (64 - spare * 8) === 0;
}

function validateSiblings(
  words: Int32Array,
  offset: number,
  start: number,
  end: number,
  limits: RecordLimits,
): number {
  const count = siblingCount(words, offset);
  const context = contextOffset(words, offset);
  let position = start;
  let previous = -1;
  let entry = 0;
  let tombstones = 0;
  for (let index = 0; index < count; index += 1) {
    if (end - position < SIBLING_HEADER_WORDS) return RECORD_FAULT.wordCount;
    const fault = validateSibling(words, position, end, limits);
    if (fault !== 0) return fault;
    if (previous >= 0 && compareDots(words, previous, words, position) >= 0) {
      return RECORD_FAULT.siblingOrder;
    }
    entry = coveringEntry(words, context, entry, contextCount(words, offset), position);
    if (entry < 0) return RECORD_FAULT.siblingNotCovered;
    tombstones += words[position + SIBLING.flagsAndCodec]! & SIBLING_FLAG.tombstone;
    previous = position;
    position += SIBLING_HEADER_WORDS + paddedWords(words[position + SIBLING.valueBytes]!);
  }
  if (position !== end) return RECORD_FAULT.wordCount;
  const kind = words[offset + HEADER.kind]! & 0xff;
  return (tombstones === count) === (kind === KIND.tombstone) ? 0 : RECORD_FAULT.kind;
}

function validateSibling(
  words: Int32Array,
  position: number,
  end: number,
  limits: RecordLimits,
): number {
  const valueBytes = words[position + SIBLING.valueBytes]!;
  if (valueBytes < 0 || valueBytes > limits.valueBytesMax) return RECORD_FAULT.limit;
  if (end - position - SIBLING_HEADER_WORDS < paddedWords(valueBytes)) {
    return RECORD_FAULT.wordCount;
  }
  const flagsAndCodec = words[position + SIBLING.flagsAndCodec]!;
  if ((flagsAndCodec & 0xff & ~SIBLING_FLAG.tombstone) !== 0 || flagsAndCodec >>> 16 !== 0) {
    return RECORD_FAULT.sibling;
  }
  if (
    (flagsAndCodec & SIBLING_FLAG.tombstone) !== 0 &&
    (valueBytes | (flagsAndCodec >>> 8)) !== 0
  ) {
    return RECORD_FAULT.sibling;
  }
  if ((words[position + SIBLING.counterLow]! | words[position + SIBLING.counterHigh]!) === 0) {
    return RECORD_FAULT.sibling;
  }
  return paddingIsZero(words, position + SIBLING_HEADER_WORDS, valueBytes)
    ? 0
    : RECORD_FAULT.padding;
}

/** Both lists are sorted by incarnation: the search goes on from the entry of the sibling before. */
function coveringEntry(
  words: Int32Array,
  context: number,
  first: number,
  entryCount: number,
  sibling: number,
): number {
  for (let index = first; index < entryCount; index += 1) {
    const entry = context + index * ENTRY_WORDS;
    if (
      words[entry + ENTRY.incarnationLow] !== words[sibling + SIBLING.incarnationLow]! ||
      words[entry + ENTRY.incarnationHigh] !== words[sibling + SIBLING.incarnationHigh]!
    ) {
      continue;
    }
    const order = compareUnsigned64(
      words[sibling + SIBLING.counterHigh]!,
      words[sibling + SIBLING.counterLow]!,
      words[entry + ENTRY.counterHigh]!,
      words[entry + ENTRY.counterLow]!,
    );
    return order <= 0 ? index : -1;
  }
  return -1;
}

/** Strictly ascending in the order of recents; ids of no session are not remembered. */
function validateRecents(words: Int32Array, start: number, count: number): number {
  for (let index = 0; index < count; index += 1) {
    const recent = start + index * RECENT_WORDS;
    if ((words[recent + RECENT.sessionLow]! | words[recent + RECENT.sessionHigh]!) === 0) {
      return RECORD_FAULT.recents;
    }
    if (index > 0 && compareRecents(words, recent - RECENT_WORDS, words, recent) >= 0) {
      return RECORD_FAULT.recents;
    }
  }
  return 0;
}
