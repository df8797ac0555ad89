/**
 * The commit log on disk: segments of groups (docs/formats/commit-log.md is the same for people).
 *
 *     segment:  header (16 words) | group | group | ... | zeros, or what the file held in an earlier life
 *     group:    header (14 words) | payload: [prefix | record] runs, as they stand in the arena or packed
 *               (record-pack.ts)
 *
 * Every header carries the segment's id (opening, index) under its checksum, so that bytes of a
 * recycled file are never taken for new ones. Positions and numbers are append-only: they are on disks.
 *
 * Invariants:
 *   SG1 whatever segment was written can be read, whatever the limits are by then
 */
import { checksumWords } from './whole-transfer.ts';
import type { Checksum } from './checksum.ts';

export const LOG_VERSION = 2;

export const SEGMENT_HEADER_WORDS = 16;
export const SEGMENT_HEADER_BYTES: number = SEGMENT_HEADER_WORDS * 4;
/** 'CWLG' */
export const SEGMENT_MAGIC = 0x474c5743;
export const SEGMENT = {
  magic: 0,
  version: 1,
  storeIdLow: 2,
  storeIdHigh: 3,
  opening: 4,
  index: 5,
  /** The sequence of the segment's first record, were there one. */
  firstSequenceLow: 6,
  firstSequenceHigh: 7,
  /** CRC-32 of the words before it. */
  checksum: 15,
} as const;

export const GROUP_HEADER_WORDS = 14;
export const GROUP_HEADER_BYTES: number = GROUP_HEADER_WORDS * 4;

/**
 * No segment is longer (SG1): a longer file is refused unread. The same for every store, whatever it is
 * configured to, so that what was written under other limits opens.
 */
export const SEGMENT_BYTES_MAX: number = 2 ** 32;

/**
 * How long a segment may become under some limits: a group that does not fit ends the segment before it,
 * and is at most as long as groups may be, or as its one record, which lies in a chunk.
 */
export function longestSegmentBytes(limits: {
  readonly logSegmentBytes: number;
  readonly logGroupBytesMax: number;
  readonly memtableChunkBytes: number;
}): number {
  const groupBytes = Math.max(limits.logGroupBytesMax, limits.memtableChunkBytes);
  return SEGMENT_HEADER_BYTES + limits.logSegmentBytes + GROUP_HEADER_BYTES + groupBytes;
}
/** 'CWGR' */
export const GROUP_MAGIC = 0x52475743;
export const GROUP = {
  magic: 0,
  payloadBytes: 1,
  firstSequenceLow: 2,
  firstSequenceHigh: 3,
  /** One less than the first: a group without records, that says how far the log is durable. */
  lastSequenceLow: 4,
  lastSequenceHigh: 5,
  opening: 6,
  index: 7,
  /** Of this header in the segment, in units of 8 bytes. */
  position: 8,
  /** Every record up to this sequence was durable when this group was written. */
  syncedSequenceLow: 9,
  syncedSequenceHigh: 10,
  /** CRC-32 of the payload. */
  payloadChecksum: 11,
  /** Bytes of the records that the payload gives: as many as it has, or they are packed. */
  recordBytes: 12,
  /** CRC-32 of the words before it. */
  checksum: 13,
} as const;

/** Which store, and which of its segments. */
export interface SegmentId {
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly opening: number;
  readonly index: number;
}

/** Reads a 64-bit number below 2^53 that stands low word first. */
export function readSequence(words: Int32Array, at: number): number {
  return (words[at]! >>> 0) + (words[at + 1]! >>> 0) * 0x1_0000_0000;
}

export function writeSequence(words: Int32Array, at: number, sequence: number): void {
  words[at] = sequence | 0;
  words[at + 1] = Math.floor(sequence / 0x1_0000_0000);
}

export function segmentHeader(
  id: SegmentId,
  firstSequence: number,
  checksum: Checksum,
): Int32Array {
  const words = new Int32Array(SEGMENT_HEADER_WORDS);
  words[SEGMENT.magic] = SEGMENT_MAGIC;
  words[SEGMENT.version] = LOG_VERSION;
  words[SEGMENT.storeIdLow] = id.storeIdLow;
  words[SEGMENT.storeIdHigh] = id.storeIdHigh;
  words[SEGMENT.opening] = id.opening;
  words[SEGMENT.index] = id.index;
  writeSequence(words, SEGMENT.firstSequenceLow, firstSequence);
  words[SEGMENT.checksum] = checksumWords(checksum, words, 0, SEGMENT.checksum);
  return words;
}

/** What a segment's first words say. `foreign`: a sound header, of another store or version. */
export type SegmentHeaderReading =
  | { readonly kind: 'valid'; readonly firstSequence: number }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'foreign'; readonly reason: string };

export function readSegmentHeader(
  words: Int32Array,
  id: SegmentId,
  checksum: Checksum,
): SegmentHeaderReading {
  if (words.length < SEGMENT_HEADER_WORDS || words[SEGMENT.magic] !== SEGMENT_MAGIC) {
    return { kind: 'invalid' };
  }
  if (words[SEGMENT.checksum] !== checksumWords(checksum, words, 0, SEGMENT.checksum)) {
    return { kind: 'invalid' };
  }
  if (words[SEGMENT.version] !== LOG_VERSION) {
    const version = `log version ${words[SEGMENT.version]}`;
    return { kind: 'foreign', reason: `${version}; this build reads version ${LOG_VERSION}` };
  }
  if (
    words[SEGMENT.storeIdLow] !== id.storeIdLow ||
    words[SEGMENT.storeIdHigh] !== id.storeIdHigh
  ) {
    return { kind: 'foreign', reason: 'the segment belongs to another store' };
  }
  // A recycled file whose new header never reached the disk still says who it was.
  if (words[SEGMENT.opening] !== id.opening || words[SEGMENT.index] !== id.index) {
    return { kind: 'invalid' };
  }
  return { kind: 'valid', firstSequence: readSequence(words, SEGMENT.firstSequenceLow) };
}

/** Whether a sound group header of this very segment and place stands at word `at`. */
export function isGroupHeader(
  words: Int32Array,
  at: number,
  id: SegmentId,
  checksum: Checksum,
): boolean {
  return (
    words[at + GROUP.magic] === GROUP_MAGIC &&
    words[at + GROUP.opening] === id.opening &&
    words[at + GROUP.index] === id.index &&
    words[at + GROUP.position] === at / 2 &&
    words[at + GROUP.checksum] === checksumWords(checksum, words, at, at + GROUP.checksum)
  );
}
