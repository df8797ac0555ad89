/**
 * A table on disk (docs/formats/sstable.md): records without prefix, sorted by (bucket, token, key).
 *
 *     block | block | ... | index (4 words a block) | filter | footer (64 words)
 *     block:  header (4 words) | whole records
 *
 * Offsets are in units of 8 bytes, unsigned. Positions and numbers are append-only: they are on disks.
 */
import { BLOOM_LINE_WORDS } from './bloom.ts';
import type { Checksum } from './checksum.ts';
import { readSequence, writeSequence } from './log-format.ts';
import type { TableMetadata } from './manifest.ts';
import { bytesOf, checksumWords } from './whole-transfer.ts';

export const TABLE_VERSION = 4;
/** 'CWST' */
const TABLE_MAGIC = 0x54535743;

export const BLOCK_HEADER_WORDS = 4;
export const BLOCK = {
  /** Bytes behind the header as they stand in the file, a multiple of 8, padded with zeros; and ... */
  storedBytes: 0,
  /** ... of the records that the codec gives back. */
  rawBytes: 1,
  /** codec id | records << 8 */
  codecAndCount: 2,
  /** CRC-32 of file number and offset, of the words before this one, and of what follows it. */
  checksum: 3,
} as const;

/** Blocks stand one behind the other: one ends where the next begins, the last where the index begins. */
export const INDEX_ENTRY_WORDS = 4;
/** The index is one column of all blocks after the other: a search looks at token highs alone. */
export const INDEX_COLUMN = {
  bucketId: 0,
  tokenHigh: 1,
  tokenLow: 2,
  /** Offset | continued << 31: a table has less than 16 GiB. */
  offsetAndFlag: 3,
} as const;
/** The block's first record has the bucket and token of the last record of the block before it. */
export const INDEX_FLAG = { continued: -0x8000_0000 } as const;
/** Of `offsetAndFlag`. */
export const INDEX_OFFSET_MASK = 0x7fff_ffff;

/** Fills `columns` with those of entries that stand one after the other, as many words of them. */
export function fillIndexColumns(entries: Int32Array, columns: Int32Array): void {
  const wordCount = columns.length;
  const blockCount = wordCount / INDEX_ENTRY_WORDS;
  for (let at = 0; at < wordCount; at += 1) {
    const column = at % INDEX_ENTRY_WORDS;
    columns[column * blockCount + (at - column) / INDEX_ENTRY_WORDS] = entries[at]!;
  }
}

export const FOOTER_WORDS = 64;
export const FOOTER_BYTES: number = FOOTER_WORDS * 4;
const FOOTER = {
  magic: 0,
  version: 1,
  fileNumber: 2,
  storeIdLow: 3,
  storeIdHigh: 4,
  level: 5,
  byteCountLow: 6,
  recordCountLow: 8,
  tombstoneCountLow: 10,
  firstBucketId: 12,
  firstTokenHigh: 13,
  firstTokenLow: 14,
  lastBucketId: 15,
  lastTokenHigh: 16,
  lastTokenLow: 17,
  firstSequenceLow: 18,
  lastSequenceLow: 20,
  blockCount: 22,
  indexOffsetUnits: 23,
  indexChecksum: 24,
  filterOffsetUnits: 25,
  filterWords: 26,
  filterProbes: 27,
  filterChecksum: 28,
  rawBytesLow: 29,
  expiringCountLow: 31,
  deltaCountLow: 33,
  earliestExpirySeconds: 35,
  latestExpirySeconds: 36,
  filterLineCount: 37,
  largestRecordWords: 38,
  codec: 39,
  checksum: 63,
} as const;

export interface TableFooter {
  /** Its level is the one the table was written for; where it stands now, the manifest says. */
  readonly table: TableMetadata;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly blockCount: number;
  readonly indexBytesFrom: number;
  readonly indexChecksum: number;
  readonly filterBytesFrom: number;
  readonly filterWords: number;
  readonly filterProbes: number;
  readonly filterChecksum: number;
  /** The codec that the writer was asked for; each block says its own. */
  readonly codec: number;
}

/** Where something stands: what checksums are bound to. */
export interface FilePlace {
  readonly fileNumber: number;
  readonly offsetUnits: number;
}

function placeChecksum(checksum: Checksum, { fileNumber, offsetUnits }: FilePlace): number {
  return checksum(bytesOf(Int32Array.of(fileNumber, offsetUnits)), 0);
}

/** The checksum of the index or the filter, bound to where it stands in which file. */
export function partChecksum(checksum: Checksum, place: FilePlace, words: Int32Array): number {
  return checksumWords(checksum, words, 0, words.length, placeChecksum(checksum, place));
}

/**
 * The checksum of blocks, bound to where they stand in which file: of place and header together in one
 * call, for each call of a native function costs as much as half a block.
 */
export class BlockChecksum {
  readonly #checksum: Checksum;
  readonly #head: Int32Array = new Int32Array(2 + BLOCK.checksum);
  readonly #headBytes: Uint8Array = bytesOf(this.#head);

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /** Of the block whose header stands at word `at`. */
  of(fileNumber: number, offsetUnits: number, words: Int32Array, at: number): number {
    const head = this.#head;
    head[0] = fileNumber;
    head[1] = offsetUnits;
    for (let word = 0; word < BLOCK.checksum; word += 1) head[2 + word] = words[at + word]!;
    const seed = this.#checksum(this.#headBytes, 0);
    const from = at + BLOCK_HEADER_WORDS;
    const to = from + words[at + BLOCK.storedBytes]! / 4;
    return checksumWords(this.#checksum, words, from, to, seed);
  }
}

export function encodeFooter(footer: TableFooter, checksum: Checksum): Int32Array {
  const words = new Int32Array(FOOTER_WORDS);
  const { table } = footer;
  words[FOOTER.magic] = TABLE_MAGIC;
  words[FOOTER.version] = TABLE_VERSION;
  words[FOOTER.fileNumber] = table.fileNumber;
  words[FOOTER.storeIdLow] = footer.storeIdLow;
  words[FOOTER.storeIdHigh] = footer.storeIdHigh;
  words[FOOTER.level] = table.level;
  writeSequence(words, FOOTER.byteCountLow, table.byteCount);
  writeSequence(words, FOOTER.recordCountLow, table.recordCount);
  writeSequence(words, FOOTER.tombstoneCountLow, table.tombstoneCount);
  words[FOOTER.firstBucketId] = table.firstBucketId;
  words[FOOTER.firstTokenHigh] = table.firstTokenHigh;
  words[FOOTER.firstTokenLow] = table.firstTokenLow;
  words[FOOTER.lastBucketId] = table.lastBucketId;
  words[FOOTER.lastTokenHigh] = table.lastTokenHigh;
  words[FOOTER.lastTokenLow] = table.lastTokenLow;
  writeSequence(words, FOOTER.firstSequenceLow, table.firstSequence);
  writeSequence(words, FOOTER.lastSequenceLow, table.lastSequence);
  words[FOOTER.blockCount] = footer.blockCount;
  words[FOOTER.indexOffsetUnits] = footer.indexBytesFrom / 8;
  words[FOOTER.indexChecksum] = footer.indexChecksum;
  words[FOOTER.filterOffsetUnits] = footer.filterBytesFrom / 8;
  words[FOOTER.filterWords] = footer.filterWords;
  words[FOOTER.filterProbes] = footer.filterProbes;
  words[FOOTER.filterChecksum] = footer.filterChecksum;
  encodeProperties(words, table);
  words[FOOTER.filterLineCount] = footer.filterWords / BLOOM_LINE_WORDS;
  words[FOOTER.codec] = footer.codec;
  words[FOOTER.checksum] = checksumWords(checksum, words, 0, FOOTER.checksum);
  return words;
}

function encodeProperties(words: Int32Array, table: TableMetadata): void {
  writeSequence(words, FOOTER.rawBytesLow, table.rawBytes);
  writeSequence(words, FOOTER.expiringCountLow, table.expiringCount);
  writeSequence(words, FOOTER.deltaCountLow, table.deltaCount);
  words[FOOTER.earliestExpirySeconds] = table.earliestExpirySeconds;
  words[FOOTER.latestExpirySeconds] = table.latestExpirySeconds;
  words[FOOTER.largestRecordWords] = table.largestRecordWords;
}

export type FooterReading =
  | { readonly kind: 'valid'; readonly footer: TableFooter }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string };

export function decodeFooter(words: Int32Array, checksum: Checksum): FooterReading {
  if (words.length < FOOTER_WORDS || words[FOOTER.magic] !== TABLE_MAGIC) {
    return { kind: 'damaged', reason: 'no table footer' };
  }
  if (words[FOOTER.checksum] !== checksumWords(checksum, words, 0, FOOTER.checksum)) {
    return { kind: 'damaged', reason: 'footer checksum' };
  }
  if (words[FOOTER.version] !== TABLE_VERSION) {
    const reason = `table version ${words[FOOTER.version]}; this build reads version ${TABLE_VERSION}`;
    return { kind: 'foreign', reason };
  }
  if (words[FOOTER.filterLineCount]! * BLOOM_LINE_WORDS !== words[FOOTER.filterWords]) {
    return { kind: 'damaged', reason: 'the filter is no whole lines' };
  }
  return {
    kind: 'valid',
    footer: {
      table: decodeMetadata(words),
      storeIdLow: words[FOOTER.storeIdLow]!,
      storeIdHigh: words[FOOTER.storeIdHigh]!,
      blockCount: words[FOOTER.blockCount]!,
      indexBytesFrom: (words[FOOTER.indexOffsetUnits]! >>> 0) * 8,
      indexChecksum: words[FOOTER.indexChecksum]!,
      filterBytesFrom: (words[FOOTER.filterOffsetUnits]! >>> 0) * 8,
      filterWords: words[FOOTER.filterWords]!,
      filterProbes: words[FOOTER.filterProbes]!,
      filterChecksum: words[FOOTER.filterChecksum]!,
      codec: words[FOOTER.codec]!,
    },
  };
}

function decodeMetadata(words: Int32Array): TableMetadata {
  return {
    fileNumber: words[FOOTER.fileNumber]!,
    level: words[FOOTER.level]!,
    byteCount: readSequence(words, FOOTER.byteCountLow),
    recordCount: readSequence(words, FOOTER.recordCountLow),
    tombstoneCount: readSequence(words, FOOTER.tombstoneCountLow),
    firstBucketId: words[FOOTER.firstBucketId]!,
    firstTokenHigh: words[FOOTER.firstTokenHigh]!,
    firstTokenLow: words[FOOTER.firstTokenLow]!,
    lastBucketId: words[FOOTER.lastBucketId]!,
    lastTokenHigh: words[FOOTER.lastTokenHigh]!,
    lastTokenLow: words[FOOTER.lastTokenLow]!,
    firstSequence: readSequence(words, FOOTER.firstSequenceLow),
    lastSequence: readSequence(words, FOOTER.lastSequenceLow),
    rawBytes: readSequence(words, FOOTER.rawBytesLow),
    expiringCount: readSequence(words, FOOTER.expiringCountLow),
    deltaCount: readSequence(words, FOOTER.deltaCountLow),
    earliestExpirySeconds: words[FOOTER.earliestExpirySeconds]! >>> 0,
    latestExpirySeconds: words[FOOTER.latestExpirySeconds]! >>> 0,
    largestRecordWords: words[FOOTER.largestRecordWords]!,
  };
}
