/**
 * The one layout of a stored object, in memtable arena, commit log, SSTable and peer frames alike.
 * Everything is Int32 words, little-endian, 8-byte aligned; 64-bit values are two words, low first.
 * docs/formats/record.md is the same page for people.
 *
 * data plane
 *
 *     prefix (8 words, local to a replica, never on the wire)
 *     record:  header (8) | key | context entries (4 each) | siblings (12 + value each) | recents (8 each)
 *
 * Positions and numbers are append-only: they are on disks.
 */

/** Words of the local prefix that precedes a record in arena and log. */
export const PREFIX_WORDS = 8;
export const PREFIX = {
  /** Sequence of the append in this shard's log, from 1. */
  sequenceLow: 0,
  sequenceHigh: 1,
  /** The hash-tree leaf contribution that this record takes out ... */
  leafReplacedLow: 2,
  leafReplacedHigh: 3,
  /** ... and the one that it puts in. */
  leafInstalledLow: 4,
  leafInstalledHigh: 5,
  /** Word offset, in the same chunk, of the prefix of the record before it in its partition; 0: none. */
  previousInPartition: 6,
  /** PREFIX_FLAG bits. */
  flags: 7,
} as const;

export const PREFIX_FLAG = {
  /** A clean copy of what an SSTable holds: never logged, never flushed. */
  cached: 1,
} as const;

export const HEADER_WORDS = 8;
export const HEADER = {
  /** Words of the whole record, header included; even. */
  wordCount: 0,
  /** kind | flags << 8 | replication class << 16 | layout version << 24 */
  kind: 1,
  bucketId: 2,
  tokenHigh: 3,
  tokenLow: 4,
  /** bytes of the key | context entries << 16 */
  keyAndContext: 5,
  /** siblings | recent operations << 16 */
  siblingsAndRecents: 6,
  /** Zero; of a hidden record (hidden.ts) the word that says to whom it is owed. */
  reserved: 7,
} as const;

export const LAYOUT_VERSION = 1;

export const KIND = {
  full: 1,
  delta: 2,
  /** A full record whose siblings are all tombstones. */
  tombstone: 3,
  acceptor: 4,
  rangeDrop: 5,
} as const;

/** A context entry: every dot of this incarnation up to this counter is known here. */
export const ENTRY_WORDS = 4;
export const ENTRY = {
  incarnationLow: 0,
  incarnationHigh: 1,
  counterLow: 2,
  counterHigh: 3,
} as const;

export const SIBLING_HEADER_WORDS = 12;
export const SIBLING = {
  /** SIBLING_FLAG bits | value codec id << 8 */
  flagsAndCodec: 0,
  valueBytes: 1,
  incarnationLow: 2,
  incarnationHigh: 3,
  counterLow: 4,
  counterHigh: 5,
  /** The operation id: the client's session and its sequence. */
  sessionLow: 6,
  sessionHigh: 7,
  sequence: 8,
  /** Absolute, in seconds since 1970, unsigned; 0: never. */
  expirySeconds: 9,
  /** Hybrid time: milliseconds since 1970 << 16 | logical. */
  hybridLow: 10,
  hybridHigh: 11,
} as const;

export const SIBLING_FLAG = { tombstone: 1 } as const;

/** An operation that this object has already absorbed: (id, when, dot). */
export const RECENT_WORDS = 8;
export const RECENT = {
  sessionLow: 0,
  sessionHigh: 1,
  sequence: 2,
  /** Seconds since 1970 of its hybrid time, unsigned. */
  seconds: 3,
  incarnationLow: 4,
  incarnationHigh: 5,
  counterLow: 6,
  counterHigh: 7,
} as const;

/** How a value's bytes are to be read; append-only. */
export const VALUE_CODEC = { bytes: 0, text: 1, structured: 2 } as const;

/** Words that `byteLength` bytes take: rounded up to 8 bytes. */
export function paddedWords(byteLength: number): number {
  return ((byteLength + 7) >>> 3) << 1;
}

export function recordWordCount(words: Int32Array, record: number): number {
  return words[record + HEADER.wordCount]!;
}
export function keyBytes(words: Int32Array, record: number): number {
  return words[record + HEADER.keyAndContext]! & 0xffff;
}
export function contextCount(words: Int32Array, record: number): number {
  return words[record + HEADER.keyAndContext]! >>> 16;
}
export function siblingCount(words: Int32Array, record: number): number {
  return words[record + HEADER.siblingsAndRecents]! & 0xffff;
}
export function recentCount(words: Int32Array, record: number): number {
  return words[record + HEADER.siblingsAndRecents]! >>> 16;
}
export function keyOffset(record: number): number {
  return record + HEADER_WORDS;
}
export function contextOffset(words: Int32Array, record: number): number {
  return record + HEADER_WORDS + paddedWords(keyBytes(words, record));
}
export function siblingsOffset(words: Int32Array, record: number): number {
  return contextOffset(words, record) + contextCount(words, record) * ENTRY_WORDS;
}
/** Where the recents begin: the record's end less their words. */
export function recentsOffset(words: Int32Array, record: number): number {
  return record + recordWordCount(words, record) - recentCount(words, record) * RECENT_WORDS;
}
export function siblingWordCount(words: Int32Array, sibling: number): number {
  return SIBLING_HEADER_WORDS + paddedWords(words[sibling + SIBLING.valueBytes]!);
}
/** The header's `kind` word of a full record; `deleted`: all its siblings are tombstones. */
export function kindWord(deleted: boolean, replicationClass: number): number {
  const kind = deleted ? KIND.tombstone : KIND.full;
  return kind | (replicationClass << 16) | (LAYOUT_VERSION << 24);
}
