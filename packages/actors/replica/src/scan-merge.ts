/**
 * The merge behind a page: memory's records and those of runs of tables, newest first, each sorted.
 *
 * Invariants:
 *   SM1 of equal keys the one of the newest source is taken, memory, then runs newest first; a delta is
 *       folded with the older ones
 *   SM2 the page ends before the place up to which any source has been read
 */
import { compareKeys, compareRecordPositions } from '@clockwise/record/compare';
import { HEADER, keyBytes, keyOffset, recordWordCount } from '@clockwise/record/layout';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { DeltaFold, isDelta } from '@clockwise/storage/delta-fold';
import type { RecordPlaces } from '@clockwise/storage/memtable-scan';
import {
  compareTokenHalves,
  isRecordInRange,
  type TokenRange,
} from '@clockwise/storage/token-range';

/** A page starts behind this record. */
export interface ScanCursor {
  readonly tokenHigh: number;
  readonly tokenLow: number;
  readonly words: Int32Array;
  readonly key: number;
  readonly keyByteCount: number;
}

/** What was read of a run of tables. */
export interface PageSource {
  /** Stretches of records, in order. */
  readonly parts: readonly Int32Array[];
  /** The run holds more of the range behind what was read. */
  readonly hasMore: boolean;
}

export interface PageRecord {
  readonly words: Int32Array;
  readonly offset: number;
  readonly wordCount: number;
}

export interface MergedPage {
  readonly records: readonly PageRecord[];
  readonly recordCount: number;
  readonly wordCount: number;
  readonly more: boolean;
}

export interface MergeInput {
  readonly cursor: ScanCursor | undefined;
  readonly range: TokenRange;
  readonly chunks: readonly Int32Array[];
  readonly places: RecordPlaces;
  /** Newest first. */
  readonly tables: readonly PageSource[];
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly combine: Combine;
}

/** One source's records behind the cursor, and where its reader stands. */
interface Run {
  readonly records: readonly PageRecord[];
  readonly hasMore: boolean;
  next: number;
}

export function mergePage(input: MergeInput): MergedPage {
  const runs = [memoryRun(input), ...input.tables.map((table) => tableRun(table, input))];
  const records: PageRecord[] = [];
  let wordCount = 0;
  for (;;) {
    // [SM2]
    if (runs.some((run) => run.next === run.records.length && run.hasMore)) {
      return { records, recordCount: records.length, wordCount, more: true };
    }
    const record = takeLeast(runs, input.combine);
    if (record === undefined) {
      return { records, recordCount: records.length, wordCount, more: false };
    }
    const isFull =
      records.length > 0 &&
      (records.length >= input.recordsMax || (wordCount + record.wordCount) * 4 > input.bytesMax);
    if (isFull) return { records, recordCount: records.length, wordCount, more: true };
    records.push(record);
    wordCount += record.wordCount;
  }
}

/** [SM1] The least record of all runs; every run that stands at its key goes on. */
function takeLeast(runs: readonly Run[], combine: Combine): PageRecord | undefined {
  let least: PageRecord | undefined;
  for (const run of runs) {
    const record = run.records[run.next];
    if (record === undefined) continue;
    if (least === undefined || compare(record, least) < 0) least = record;
  }
  if (least === undefined) return undefined;
  let fold: DeltaFold | undefined;
  let isWhole = !isDelta(least.words, least.offset);
  for (const run of runs) {
    const record = run.records[run.next];
    if (record === undefined || compare(record, least) !== 0) continue;
    run.next += 1;
    if (isWhole) continue;
    if (fold !== undefined) isWhole = fold.add(record.words, record.offset);
    fold ??= new DeltaFold(combine, record.words, record.offset);
  }
  if (fold === undefined) return least;
  return { words: fold.words, offset: 0, wordCount: recordWordCount(fold.words, 0) };
}

function compare(left: PageRecord, right: PageRecord): number {
  return compareRecordPositions(left.words, left.offset, right.words, right.offset);
}

function memoryRun({ chunks, places, cursor }: MergeInput): Run {
  const records: PageRecord[] = [];
  for (let index = 0; index < places.count; index += 1) {
    const words = chunks[places.chunks[index]!]!;
    const offset = places.offsets[index]!;
    if (!isBehind(words, offset, cursor)) continue;
    records.push({ words, offset, wordCount: recordWordCount(words, offset) });
  }
  return { records, hasMore: false, next: 0 };
}

function tableRun(table: PageSource, { cursor, range }: MergeInput): Run {
  const records: PageRecord[] = [];
  for (const words of table.parts) {
    for (let offset = 0; offset < words.length;) {
      const wordCount = recordWordCount(words, offset);
      if (isRecordInRange(words, offset, range) && isBehind(words, offset, cursor)) {
        records.push({ words, offset, wordCount });
      }
      offset += wordCount;
    }
  }
  return { records, hasMore: table.hasMore, next: 0 };
}

function isBehind(words: Int32Array, record: number, cursor: ScanCursor | undefined): boolean {
  if (cursor === undefined) return true;
  const byToken = compareTokenHalves(
    words[record + HEADER.tokenHigh]!,
    words[record + HEADER.tokenLow]!,
    cursor.tokenHigh,
    cursor.tokenLow,
  );
  if (byToken !== 0) return byToken > 0;
  const byKey = compareKeys(
    words,
    keyOffset(record),
    keyBytes(words, record),
    cursor.words,
    cursor.key,
    cursor.keyByteCount,
  );
  return byKey > 0;
}
