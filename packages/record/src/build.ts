/**
 * Records as plain objects: for tests, oracles and the command line. Everything on the way of a
 * request works on the words in place; nothing there may import this file.
 *
 * Invariants:
 *   RB1 decode(encode(object)) is the object with its lists in canonical order
 *   RB2 encode(decode(words)) is the words
 *
 * Boundary: the machine is little-endian, as all that Node runs on.
 */
import { assert } from '@clockwise/kernel/assert';
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
  recentsOffset,
  SIBLING,
  SIBLING_FLAG,
  SIBLING_HEADER_WORDS,
  siblingCount,
  siblingsOffset,
  siblingWordCount,
} from './layout.ts';

export interface Dot {
  readonly incarnation: bigint;
  readonly counter: bigint;
}

export interface OperationId {
  readonly session: bigint;
  readonly sequence: number;
}

export interface SiblingObject {
  readonly dot: Dot;
  readonly operation: OperationId;
  readonly tombstone: boolean;
  readonly codec: number;
  readonly expirySeconds: number;
  readonly hybrid: bigint;
  readonly value: Uint8Array;
}

export interface RecentObject {
  readonly operation: OperationId;
  readonly seconds: number;
  readonly dot: Dot;
}

export interface RecordObject {
  readonly bucketId: number;
  readonly token: bigint;
  readonly key: Uint8Array;
  readonly replicationClass: number;
  /** Entries: every dot of the incarnation up to the counter is known. */
  readonly context: readonly Dot[];
  readonly siblings: readonly SiblingObject[];
  readonly recents: readonly RecentObject[];
}

function low(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
function high(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}
function joined(words: Int32Array, lowOffset: number, highOffset: number): bigint {
  return (BigInt(words[highOffset]! >>> 0) << 32n) | BigInt(words[lowOffset]! >>> 0);
}

function order(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
function dotOrder(left: Dot, right: Dot): number {
  return order(left.incarnation, right.incarnation) || order(left.counter, right.counter);
}
function recentOrder(left: RecentObject, right: RecentObject): number {
  return (
    left.seconds - right.seconds ||
    order(left.dot.counter, right.dot.counter) ||
    order(left.dot.incarnation, right.dot.incarnation) ||
    order(left.operation.session, right.operation.session) ||
    left.operation.sequence - right.operation.sequence
  );
}

export function encodeRecord(record: RecordObject): Int32Array {
  const valueWords = record.siblings.reduce(
    (sum, sibling) => sum + SIBLING_HEADER_WORDS + paddedWords(sibling.value.length),
    0,
  );
  const wordCount =
    HEADER_WORDS +
    paddedWords(record.key.length) +
    record.context.length * ENTRY_WORDS +
    valueWords +
    record.recents.length * RECENT_WORDS;
  const words = new Int32Array(wordCount);
  const deleted = record.siblings.every((sibling) => sibling.tombstone);
  const kind = deleted ? KIND.tombstone : KIND.full;
  words[HEADER.wordCount] = wordCount;
  words[HEADER.kind] = kind | (record.replicationClass << 16) | (LAYOUT_VERSION << 24);
  words[HEADER.bucketId] = record.bucketId;
  words[HEADER.tokenHigh] = high(record.token);
  words[HEADER.tokenLow] = low(record.token);
  words[HEADER.keyAndContext] = record.key.length | (record.context.length << 16);
  words[HEADER.siblingsAndRecents] = record.siblings.length | (record.recents.length << 16);
  writeBytes(words, keyOffset(0), record.key);

  let position = contextOffset(words, 0);
  for (const entry of [...record.context].toSorted(dotOrder)) {
    writeEntry(words, position, entry);
    position += ENTRY_WORDS;
  }
  for (const sibling of [...record.siblings].toSorted((a, b) => dotOrder(a.dot, b.dot))) {
    writeSibling(words, position, sibling);
    position += siblingWordCount(words, position);
  }
  for (const recent of [...record.recents].toSorted(recentOrder)) {
    writeRecent(words, position, recent);
    position += RECENT_WORDS;
  }
  assert(position === wordCount, 'the record has the words that were counted');
  return words;
}

/** Four words: an entry of a context, as records and requests carry it. */
export function writeEntry(words: Int32Array, position: number, entry: Dot): void {
  words[position + ENTRY.incarnationLow] = low(entry.incarnation);
  words[position + ENTRY.incarnationHigh] = high(entry.incarnation);
  words[position + ENTRY.counterLow] = low(entry.counter);
  words[position + ENTRY.counterHigh] = high(entry.counter);
}

function writeSibling(words: Int32Array, position: number, sibling: SiblingObject): void {
  const flags = sibling.tombstone ? SIBLING_FLAG.tombstone : 0;
  words[position + SIBLING.flagsAndCodec] = flags | (sibling.codec << 8);
  words[position + SIBLING.valueBytes] = sibling.value.length;
  words[position + SIBLING.incarnationLow] = low(sibling.dot.incarnation);
  words[position + SIBLING.incarnationHigh] = high(sibling.dot.incarnation);
  words[position + SIBLING.counterLow] = low(sibling.dot.counter);
  words[position + SIBLING.counterHigh] = high(sibling.dot.counter);
  words[position + SIBLING.sessionLow] = low(sibling.operation.session);
  words[position + SIBLING.sessionHigh] = high(sibling.operation.session);
  words[position + SIBLING.sequence] = sibling.operation.sequence;
  words[position + SIBLING.expirySeconds] = sibling.expirySeconds;
  words[position + SIBLING.hybridLow] = low(sibling.hybrid);
  words[position + SIBLING.hybridHigh] = high(sibling.hybrid);
  writeBytes(words, position + SIBLING_HEADER_WORDS, sibling.value);
}

function writeRecent(words: Int32Array, position: number, recent: RecentObject): void {
  words[position + RECENT.sessionLow] = low(recent.operation.session);
  words[position + RECENT.sessionHigh] = high(recent.operation.session);
  words[position + RECENT.sequence] = recent.operation.sequence;
  words[position + RECENT.seconds] = recent.seconds;
  words[position + RECENT.incarnationLow] = low(recent.dot.incarnation);
  words[position + RECENT.incarnationHigh] = high(recent.dot.incarnation);
  words[position + RECENT.counterLow] = low(recent.dot.counter);
  words[position + RECENT.counterHigh] = high(recent.dot.counter);
}

/** Puts bytes into words; the last words' spare bytes become zero. */
export function writeBytes(words: Int32Array, position: number, bytes: Uint8Array): void {
  words.fill(0, position, position + paddedWords(bytes.length));
  new Uint8Array(words.buffer, words.byteOffset).set(bytes, position * 4);
}

/** A copy of the bytes. */
export function readBytes(words: Int32Array, position: number, byteCount: number): Uint8Array {
  const all = new Uint8Array(words.buffer, words.byteOffset);
  return new Uint8Array(all.subarray(position * 4, position * 4 + byteCount));
}

/** REQUIRES: the record passes validateRecord. */
export function decodeRecord(words: Int32Array, offset: number): RecordObject {
  const siblings: SiblingObject[] = [];
  let position = siblingsOffset(words, offset);
  for (let index = 0; index < siblingCount(words, offset); index += 1) {
    siblings.push(readSibling(words, position));
    position += siblingWordCount(words, position);
  }
  const recents: RecentObject[] = [];
  for (let index = 0; index < recentCount(words, offset); index += 1) {
    recents.push(readRecent(words, recentsOffset(words, offset) + index * RECENT_WORDS));
  }
  return {
    bucketId: words[offset + HEADER.bucketId]!,
    token: joined(words, offset + HEADER.tokenLow, offset + HEADER.tokenHigh),
    key: readBytes(words, keyOffset(offset), keyBytes(words, offset)),
    replicationClass: (words[offset + HEADER.kind]! >>> 16) & 0xff,
    context: decodeContext(words, contextOffset(words, offset), contextCount(words, offset)),
    siblings,
    recents,
  };
}

export function decodeContext(words: Int32Array, offset: number, entryCount: number): Dot[] {
  const entries: Dot[] = [];
  for (let index = 0; index < entryCount; index += 1) {
    const entry = offset + index * ENTRY_WORDS;
    entries.push({
      incarnation: joined(words, entry + ENTRY.incarnationLow, entry + ENTRY.incarnationHigh),
      counter: joined(words, entry + ENTRY.counterLow, entry + ENTRY.counterHigh),
    });
  }
  return entries;
}

function readSibling(words: Int32Array, position: number): SiblingObject {
  const flagsAndCodec = words[position + SIBLING.flagsAndCodec]!;
  return {
    dot: {
      incarnation: joined(
        words,
        position + SIBLING.incarnationLow,
        position + SIBLING.incarnationHigh,
      ),
      counter: joined(words, position + SIBLING.counterLow, position + SIBLING.counterHigh),
    },
    operation: {
      session: joined(words, position + SIBLING.sessionLow, position + SIBLING.sessionHigh),
      sequence: words[position + SIBLING.sequence]! >>> 0,
    },
    tombstone: (flagsAndCodec & SIBLING_FLAG.tombstone) !== 0,
    codec: (flagsAndCodec >>> 8) & 0xff,
    expirySeconds: words[position + SIBLING.expirySeconds]! >>> 0,
    hybrid: joined(words, position + SIBLING.hybridLow, position + SIBLING.hybridHigh),
    value: readBytes(words, position + SIBLING_HEADER_WORDS, words[position + SIBLING.valueBytes]!),
  };
}

function readRecent(words: Int32Array, position: number): RecentObject {
  return {
    operation: {
      session: joined(words, position + RECENT.sessionLow, position + RECENT.sessionHigh),
      sequence: words[position + RECENT.sequence]! >>> 0,
    },
    seconds: words[position + RECENT.seconds]! >>> 0,
    dot: {
      incarnation: joined(
        words,
        position + RECENT.incarnationLow,
        position + RECENT.incarnationHigh,
      ),
      counter: joined(words, position + RECENT.counterLow, position + RECENT.counterHigh),
    },
  };
}
