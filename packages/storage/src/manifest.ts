/**
 * What the store consists of, as one value, and its form on disk (docs/formats/manifest.md). Each
 * edition is a whole new file; manifest-files.ts says which one counts.
 *
 *     header (32 words) | sealed segments (6 each) | tables (32 each) | range drops (8 each)
 *         | partitions given up (2 each)
 *
 * Invariants:
 *   MF1 decode(encode(value)) is the value; a file with any byte changed does not decode
 *   MF2 an edition of another version or store is foreign, never damaged
 *   MF3 tables are listed oldest first (`tableOrder`); an edition that lists them otherwise is damaged
 */
import { assert } from '@clockwise/kernel/assert';
import type { Checksum } from './checksum.ts';
import { readSequence, writeSequence } from './log-format.ts';
import type { SealedSegment } from './log-reader.ts';
import { compareTokenHalves, type TokenRange } from './token-range.ts';
import { checksumWords } from './whole-transfer.ts';

export const MANIFEST_VERSION = 3;
/** 'CWMF' */
const MANIFEST_MAGIC = 0x464d5743;
const HEADER_WORDS = 32;
const SEALED_WORDS = 6;
const TABLE_WORDS = 32;
const RANGE_DROP_WORDS = 8;
const GIVEN_UP_WORDS = 2;

/** Positions are append-only: they are on disks. */
const HEADER = {
  magic: 0,
  version: 1,
  wordCount: 2,
  edition: 3,
  storeIdLow: 4,
  storeIdHigh: 5,
  shardIndex: 6,
  shardCount: 7,
  opening: 8,
  nextFileNumber: 9,
  floorSequenceLow: 10,
  floorSequenceHigh: 11,
  leavesFileNumber: 12,
  sealedCount: 13,
  tableCount: 14,
  rangeDropCount: 15,
  givenUpCount: 16,
  droppedRecordCountLow: 17,
  /** CRC-32 of the whole file, this word as zero. */
  checksum: 31,
} as const;

/** A table as the manifest knows it; all of it but the level, which may change, is in its footer too. */
export interface TableMetadata {
  readonly fileNumber: number;
  readonly level: number;
  readonly byteCount: number;
  readonly recordCount: number;
  readonly tombstoneCount: number;
  /** Of the first and the last record, in the order of (bucket, token, key). */
  readonly firstBucketId: number;
  readonly firstTokenHigh: number;
  readonly firstTokenLow: number;
  readonly lastBucketId: number;
  readonly lastTokenHigh: number;
  readonly lastTokenLow: number;
  /** Of the log records that went in; ranges of runs of level 0 do not overlap. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Of the records, whatever a codec made of them. */
  readonly rawBytes: number;
  /** Records with a sibling that expires. */
  readonly expiringCount: number;
  readonly deltaCount: number;
  /** Of all siblings that expire; 0: none does. */
  readonly earliestExpirySeconds: number;
  readonly latestExpirySeconds: number;
  readonly largestRecordWords: number;
}

/** Records of the range up to the sequence do not count, in whatever table they stand. */
export interface RangeDrop extends TokenRange {
  readonly sequence: number;
}

/** A partition whose objects were dropped, and that has not been filled again since. */
export interface GivenUpPartition {
  readonly partition: number;
  /** Of the ring in which the node did not own it. */
  readonly epoch: number;
}

export interface Manifest {
  readonly edition: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly shardIndex: number;
  readonly shardCount: number;
  /** How often the store was opened for writing; names the log's segments. */
  readonly opening: number;
  /** Files with this number and above do not exist, or are leftovers. Numbers are never reused. */
  readonly nextFileNumber: number;
  /** All records up to this sequence are in tables. */
  readonly floorSequence: number;
  /** The file of hash-tree leaves as of the floor; 0: none. */
  readonly leavesFileNumber: number;
  readonly sealed: readonly SealedSegment[];
  /** Oldest first. [MF3] */
  readonly tables: readonly TableMetadata[];
  readonly rangeDrops: readonly RangeDrop[];
  /** Each partition once. */
  readonly givenUp: readonly GivenUpPartition[];
  /** Records that merges left away since the store began: a figure. */
  readonly droppedRecordCount: number;
}

/**
 * The tables oldest first: the deepest level first; within a level by (bucket, token), but level 0 run
 * by run, a run being the tables with one last sequence.
 */
export function tableOrder(tables: readonly TableMetadata[]): readonly TableMetadata[] {
  return tables.toSorted(compareTables);
}

function compareTables(left: TableMetadata, right: TableMetadata): number {
  if (left.level !== right.level) return right.level - left.level;
  if (left.level === 0 && left.lastSequence !== right.lastSequence) {
    return left.lastSequence - right.lastSequence;
  }
  if (left.firstBucketId !== right.firstBucketId) {
    return (left.firstBucketId >>> 0) - (right.firstBucketId >>> 0);
  }
  const { firstTokenHigh: leftHigh, firstTokenLow: leftLow } = left;
  const byToken = compareTokenHalves(leftHigh, leftLow, right.firstTokenHigh, right.firstTokenLow);
  return byToken === 0 ? left.fileNumber - right.fileNumber : byToken;
}

function areInOrder(tables: readonly TableMetadata[]): boolean {
  return tables.every(
    (table, index) => index === 0 || compareTables(tables[index - 1]!, table) < 0,
  );
}

export function encodeManifest(manifest: Manifest, checksum: Checksum): Int32Array {
  const { sealed, tables, rangeDrops, givenUp } = manifest;
  assert(areInOrder(tables), 'MF3 the tables of an edition are listed oldest first');
  const wordCount = wordCountOf({
    sealedCount: sealed.length,
    tableCount: tables.length,
    rangeDropCount: rangeDrops.length,
    givenUpCount: givenUp.length,
  });
  const words = new Int32Array(wordCount);
  words[HEADER.magic] = MANIFEST_MAGIC;
  words[HEADER.version] = MANIFEST_VERSION;
  words[HEADER.wordCount] = wordCount;
  words[HEADER.edition] = manifest.edition;
  words[HEADER.storeIdLow] = manifest.storeIdLow;
  words[HEADER.storeIdHigh] = manifest.storeIdHigh;
  words[HEADER.shardIndex] = manifest.shardIndex;
  words[HEADER.shardCount] = manifest.shardCount;
  words[HEADER.opening] = manifest.opening;
  words[HEADER.nextFileNumber] = manifest.nextFileNumber;
  writeSequence(words, HEADER.floorSequenceLow, manifest.floorSequence);
  words[HEADER.leavesFileNumber] = manifest.leavesFileNumber;
  words[HEADER.sealedCount] = sealed.length;
  words[HEADER.tableCount] = tables.length;
  words[HEADER.rangeDropCount] = rangeDrops.length;
  words[HEADER.givenUpCount] = givenUp.length;
  writeSequence(words, HEADER.droppedRecordCountLow, manifest.droppedRecordCount);
  let at = HEADER_WORDS;
  for (const segment of sealed) {
    words[at] = segment.opening;
    words[at + 1] = segment.index;
    writeSequence(words, at + 2, segment.endBytes);
    writeSequence(words, at + 4, segment.lastSequence);
    at += SEALED_WORDS;
  }
  for (const table of tables) {
    encodeTable(words, at, table);
    at += TABLE_WORDS;
  }
  for (const drop of rangeDrops) {
    encodeRangeDrop(words, at, drop);
    at += RANGE_DROP_WORDS;
  }
  for (const { partition, epoch } of givenUp) {
    words[at] = partition;
    words[at + 1] = epoch;
    at += GIVEN_UP_WORDS;
  }
  words[HEADER.checksum] = checksumWords(checksum, words, 0, wordCount);
  return words;
}

interface PartCounts {
  readonly sealedCount: number;
  readonly tableCount: number;
  readonly rangeDropCount: number;
  readonly givenUpCount: number;
}

function wordCountOf(counts: PartCounts): number {
  const { sealedCount, tableCount, rangeDropCount, givenUpCount } = counts;
  const tableWords = sealedCount * SEALED_WORDS + tableCount * TABLE_WORDS;
  const dropWords = rangeDropCount * RANGE_DROP_WORDS + givenUpCount * GIVEN_UP_WORDS;
  return HEADER_WORDS + tableWords + dropWords;
}

export type ManifestReading =
  | { readonly kind: 'valid'; readonly manifest: Manifest }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string };

export function decodeManifest(words: Int32Array, checksum: Checksum): ManifestReading {
  const wordCount = words[HEADER.wordCount];
  if (words.length < HEADER_WORDS || words[HEADER.magic] !== MANIFEST_MAGIC) {
    return { kind: 'damaged', reason: 'no manifest header' };
  }
  if (wordCount !== words.length) return { kind: 'damaged', reason: 'another length than it says' };
  const copy = words.slice();
  copy[HEADER.checksum] = 0;
  if (checksumWords(checksum, copy, 0, copy.length) !== words[HEADER.checksum]) {
    return { kind: 'damaged', reason: 'checksum' };
  }
  if (words[HEADER.version] !== MANIFEST_VERSION) {
    const version = `manifest version ${words[HEADER.version]}`;
    return { kind: 'foreign', reason: `${version}; this build reads version ${MANIFEST_VERSION}` };
  }
  const counts: PartCounts = {
    sealedCount: words[HEADER.sealedCount]!,
    tableCount: words[HEADER.tableCount]!,
    rangeDropCount: words[HEADER.rangeDropCount]!,
    givenUpCount: words[HEADER.givenUpCount]!,
  };
  if (wordCountOf(counts) !== words.length) {
    return { kind: 'damaged', reason: 'counts and length disagree' };
  }
  const manifest = decodeBody(words, counts);
  // [MF3]
  if (!areInOrder(manifest.tables)) return { kind: 'damaged', reason: 'order of the tables' };
  return { kind: 'valid', manifest };
}

function decodeBody(
  words: Int32Array,
  { sealedCount, tableCount, rangeDropCount, givenUpCount }: PartCounts,
): Manifest {
  const tablesAt = HEADER_WORDS + sealedCount * SEALED_WORDS;
  const dropsAt = tablesAt + tableCount * TABLE_WORDS;
  const givenUpAt = dropsAt + rangeDropCount * RANGE_DROP_WORDS;
  return {
    edition: words[HEADER.edition]!,
    storeIdLow: words[HEADER.storeIdLow]!,
    storeIdHigh: words[HEADER.storeIdHigh]!,
    shardIndex: words[HEADER.shardIndex]!,
    shardCount: words[HEADER.shardCount]!,
    opening: words[HEADER.opening]!,
    nextFileNumber: words[HEADER.nextFileNumber]!,
    floorSequence: readSequence(words, HEADER.floorSequenceLow),
    leavesFileNumber: words[HEADER.leavesFileNumber]!,
    sealed: Array.from({ length: sealedCount }, (_, index) => {
      const at = HEADER_WORDS + index * SEALED_WORDS;
      return {
        opening: words[at]!,
        index: words[at + 1]!,
        endBytes: readSequence(words, at + 2),
        lastSequence: readSequence(words, at + 4),
      };
    }),
    tables: Array.from({ length: tableCount }, (_, index) =>
      decodeTable(words, tablesAt + index * TABLE_WORDS),
    ),
    rangeDrops: Array.from({ length: rangeDropCount }, (_, index) =>
      decodeRangeDrop(words, dropsAt + index * RANGE_DROP_WORDS),
    ),
    givenUp: Array.from({ length: givenUpCount }, (_, index) => {
      const at = givenUpAt + index * GIVEN_UP_WORDS;
      return { partition: words[at]!, epoch: words[at + 1]! };
    }),
    droppedRecordCount: readSequence(words, HEADER.droppedRecordCountLow),
  };
}

function encodeTable(words: Int32Array, at: number, table: TableMetadata): void {
  words[at] = table.fileNumber;
  words[at + 1] = table.level;
  writeSequence(words, at + 2, table.byteCount);
  writeSequence(words, at + 4, table.recordCount);
  writeSequence(words, at + 6, table.tombstoneCount);
  words[at + 8] = table.firstBucketId;
  words[at + 9] = table.firstTokenHigh;
  words[at + 10] = table.firstTokenLow;
  words[at + 11] = table.lastBucketId;
  words[at + 12] = table.lastTokenHigh;
  words[at + 13] = table.lastTokenLow;
  writeSequence(words, at + 14, table.firstSequence);
  writeSequence(words, at + 16, table.lastSequence);
  writeSequence(words, at + 18, table.rawBytes);
  writeSequence(words, at + 20, table.expiringCount);
  writeSequence(words, at + 22, table.deltaCount);
  words[at + 24] = table.earliestExpirySeconds;
  words[at + 25] = table.latestExpirySeconds;
  words[at + 26] = table.largestRecordWords;
}

function decodeTable(words: Int32Array, at: number): TableMetadata {
  return {
    fileNumber: words[at]!,
    level: words[at + 1]!,
    byteCount: readSequence(words, at + 2),
    recordCount: readSequence(words, at + 4),
    tombstoneCount: readSequence(words, at + 6),
    firstBucketId: words[at + 8]!,
    firstTokenHigh: words[at + 9]!,
    firstTokenLow: words[at + 10]!,
    lastBucketId: words[at + 11]!,
    lastTokenHigh: words[at + 12]!,
    lastTokenLow: words[at + 13]!,
    firstSequence: readSequence(words, at + 14),
    lastSequence: readSequence(words, at + 16),
    rawBytes: readSequence(words, at + 18),
    expiringCount: readSequence(words, at + 20),
    deltaCount: readSequence(words, at + 22),
    earliestExpirySeconds: words[at + 24]! >>> 0,
    latestExpirySeconds: words[at + 25]! >>> 0,
    largestRecordWords: words[at + 26]!,
  };
}

function encodeRangeDrop(words: Int32Array, at: number, drop: RangeDrop): void {
  words[at] = drop.bucketId;
  words[at + 1] = drop.fromHigh;
  words[at + 2] = drop.fromLow;
  words[at + 3] = drop.toHigh;
  words[at + 4] = drop.toLow;
  writeSequence(words, at + 5, drop.sequence);
}

function decodeRangeDrop(words: Int32Array, at: number): RangeDrop {
  return {
    bucketId: words[at]!,
    fromHigh: words[at + 1]!,
    fromLow: words[at + 2]!,
    toHigh: words[at + 3]!,
    toLow: words[at + 4]!,
    sequence: readSequence(words, at + 5),
  };
}
