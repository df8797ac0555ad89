/**
 * Reads one segment of the commit log: its groups in order up to where they end, and what there is to
 * say about the end.
 *
 * Invariants:
 *   LS1 a group is given out only whole: header, ids, place, order, payload and its records are sound
 *   LS2 no length is believed before it is checked against what the file holds (F4)
 *   LS3 what a sound header behind the end testifies is reported: damage is not taken for a tail (F3)
 */
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { HEADER_WORDS, PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import type { Checksum } from './checksum.ts';
import {
  GROUP,
  GROUP_HEADER_BYTES,
  GROUP_HEADER_WORDS,
  isGroupHeader,
  readSegmentHeader,
  readSequence,
  type SegmentHeaderReading,
  type SegmentId,
  SEGMENT_HEADER_BYTES,
} from './log-format.ts';
import { UNPACKED_FACTOR_MAX, unpackRecords } from './record-pack.ts';
import { checksumWords } from './whole-transfer.ts';

/** Called for each sound group: records stand in words [from, to), borrowed until it returns. */
export type GroupVisitor = (words: Int32Array, from: number, to: number) => void;

export interface SegmentReading {
  readonly header: SegmentHeaderReading;
  /** By its header or, were that damaged, by its first group. */
  readonly firstSequence: number;
  /** Bytes up to the end of the last sound group. */
  readonly endBytes: number;
  /** The last sequence in it; one less than the first where it holds no record. */
  readonly lastSequence: number;
  /** The highest sequence that a sound header, before or behind the end, calls durable. */
  readonly testifiedSequence: number;
  /** Where the first group begins that nobody testifies to be durable. */
  readonly untestifiedFrom: number;
}

export interface SegmentReadOptions {
  readonly id: SegmentId;
  readonly checksum: Checksum;
  /** The sequence to expect first, where the header is not sound. */
  readonly expectedSequence: number;
  /** What lies behind this many bytes is no part of the log. */
  readonly limitBytes: number;
  /** Groups from this sequence on are another writer's leftovers. */
  readonly limitSequence: number;
}

export function readSegment(
  words: Int32Array,
  options: SegmentReadOptions,
  visit: GroupVisitor,
): SegmentReading {
  const { id, checksum } = options;
  const header = readSegmentHeader(words, id, checksum);
  const limitWords = Math.min(words.length, Math.floor(options.limitBytes / 4));
  const within = words.subarray(0, limitWords);
  const expected = firstSequenceOf(within, id, checksum) ?? options.expectedSequence;
  const walk = { at: SEGMENT_HEADER_BYTES / 4, next: expected, testified: 0 };
  const ends: { from: number; last: number }[] = [];
  if (header.kind !== 'foreign') {
    const records = new GroupRecords();
    while (isSoundGroup(words, walk.at, limitWords, walk.next, options, records)) {
      const to = walk.at + GROUP_HEADER_WORDS + words[walk.at + GROUP.payloadBytes]! / 4;
      visit(records.words, records.from, records.to);
      walk.testified = readSequence(words, walk.at + GROUP.syncedSequenceLow);
      walk.next = readSequence(words, walk.at + GROUP.lastSequenceLow) + 1;
      ends.push({ from: walk.at * 4, last: walk.next - 1 });
      walk.at = to;
    }
  }
  const behind =
    header.kind === 'foreign' ? 0 : testimonyBehind(words, walk.at, limitWords, options);
  const testifiedSequence = Math.max(walk.testified, behind);
  const untestified = ends.find((group) => group.last > testifiedSequence);
  return {
    header,
    firstSequence: expected,
    endBytes: walk.at * 4,
    lastSequence: walk.next - 1,
    testifiedSequence,
    untestifiedFrom: untestified === undefined ? walk.at * 4 : untestified.from,
  };
}

/**
 * The first sequence of a segment, by its header or, were that torn, by its first group; undefined:
 * neither is sound. REQUIRES: `words` hold the headers of both, where the file does.
 */
export function firstSequenceOf(
  words: Int32Array,
  id: SegmentId,
  checksum: Checksum,
): number | undefined {
  const header = readSegmentHeader(words, id, checksum);
  if (header.kind === 'valid') return header.firstSequence;
  const at = SEGMENT_HEADER_BYTES / 4;
  if (header.kind === 'foreign' || at + GROUP_HEADER_WORDS > words.length) return undefined;
  if (!isGroupHeader(words, at, id, checksum)) return undefined;
  return readSequence(words, at + GROUP.firstSequenceLow);
}

function isSoundGroup(
  words: Int32Array,
  at: number,
  limitWords: number,
  expectedSequence: number,
  options: SegmentReadOptions,
  records: GroupRecords,
): boolean {
  if (at + GROUP_HEADER_WORDS > limitWords) return false;
  if (!isGroupHeader(words, at, options.id, options.checksum)) return false;
  const payloadBytes = words[at + GROUP.payloadBytes]!;
  const from = at + GROUP_HEADER_WORDS;
  if (payloadBytes < 0 || payloadBytes % 8 !== 0 || payloadBytes / 4 > limitWords - from) {
    reachable('recovery: the file ends within a group');
    return false;
  }
  const first = readSequence(words, at + GROUP.firstSequenceLow);
  const last = readSequence(words, at + GROUP.lastSequenceLow);
  sometimes(last >= options.limitSequence, 'recovery: a stale group of an earlier opening');
  if (first !== expectedSequence || last < first - 1 || last >= options.limitSequence) return false;
  const to = from + payloadBytes / 4;
  const isWhole =
    words[at + GROUP.payloadChecksum] === checksumWords(options.checksum, words, from, to);
  sometimes(!isWhole, 'recovery: the last group is torn');
  if (!isWhole || !records.take(words, from, to, words[at + GROUP.recordBytes]!)) return false;
  return areRecords(records.words, records.from, records.to, first, last);
}

/** Where the records of one group stand: in the segment or, if they were packed, in words of its own. */
class GroupRecords {
  words: Int32Array = new Int32Array(0);
  from = 0;
  to = 0;
  #unpacked: Int32Array = new Int32Array(0);

  /** Those of the payload in words [from, to); false: it does not give so many bytes of records. [LS2] */
  take(words: Int32Array, from: number, to: number, recordBytes: number): boolean {
    const payloadBytes = (to - from) * 4;
    this.words = words;
    this.from = from;
    this.to = to;
    if (recordBytes === payloadBytes) return true;
    if (recordBytes < payloadBytes || recordBytes % 4 !== 0) return false;
    if (recordBytes > payloadBytes * UNPACKED_FACTOR_MAX) return false;
    const recordWords = recordBytes / 4;
    if (this.#unpacked.length < recordWords) this.#unpacked = new Int32Array(recordWords);
    this.words = this.#unpacked;
    this.from = 0;
    this.to = recordWords;
    return unpackRecords(words, from, to, this.#unpacked, recordWords, PREFIX_WORDS);
  }
}

/** Whether whole records with sequences first to last fill words [from, to). */
function areRecords(
  words: Int32Array,
  from: number,
  to: number,
  first: number,
  last: number,
): boolean {
  let sequence = first;
  let at = from;
  while (at < to) {
    if (to - at < PREFIX_WORDS + HEADER_WORDS) return false;
    const wordCount = words[at + PREFIX_WORDS]!;
    if (wordCount < HEADER_WORDS || wordCount > to - at - PREFIX_WORDS) return false;
    if (readSequence(words, at + PREFIX.sequenceLow) !== sequence) return false;
    sequence += 1;
    at += PREFIX_WORDS + wordCount;
  }
  return sequence === last + 1;
}

/** The highest synced sequence in a sound header of this segment at or behind word `from`. */
function testimonyBehind(
  words: Int32Array,
  from: number,
  limitWords: number,
  options: SegmentReadOptions,
): number {
  let testified = 0;
  for (let at = from; at + GROUP_HEADER_BYTES / 4 <= limitWords; at += 2) {
    if (!isGroupHeader(words, at, options.id, options.checksum)) continue;
    if (readSequence(words, at + GROUP.lastSequenceLow) >= options.limitSequence) continue;
    testified = Math.max(testified, readSequence(words, at + GROUP.syncedSequenceLow));
  }
  return testified;
}
