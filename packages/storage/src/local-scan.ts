/**
 * A page of a scan of an embedded store: memory and the runs of tables merged in the order of tables,
 * the newest version of each key and no other.
 *
 * Invariants:
 *   LSC1 pages that follow one another list every live key of the range once, whatever is flushed or
 *        merged between them
 *   LSC2 what cannot be read ends the page as failed; it never shortens it
 */
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import type { Disk, DiskError, DiskResult } from './disk.ts';
import { compareKeys } from './keyed-hash.ts';
import { isLive } from './local-record.ts';
import type { LevelSet } from './level-set.ts';
import type { Memtable } from './memtable.ts';
import { collectPartition, type RecordPlaces } from './memtable-scan.ts';
import type { OpenFiles } from './open-files.ts';
import { SPARE_BUFFERS } from './spare-buffers.ts';
import type { TableReader } from './sstable-reader.ts';
import { type KeyBound, TableCursor } from './table-cursor.ts';
import { meetsRange } from './table-extent.ts';
import { compareTokenHalves, type TokenRange } from './token-range.ts';

/** Behind this record; valid over flushes, merges and restarts. */
export interface ScanPosition {
  readonly tokenHigh: number;
  readonly tokenLow: number;
  readonly key: Int32Array;
  readonly keyBytes: number;
}

export type ScanVisitor = (words: Int32Array, record: number) => void;

export type ScanPage =
  | { readonly kind: 'more'; readonly position: ScanPosition }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: DiskError };

export interface ScanOptions {
  readonly disk: Disk;
  readonly files: OpenFiles;
  readonly memtable: Memtable;
  readonly partitionCountLog2: number;
  readonly levels: LevelSet;
  readonly nowSeconds: number;
  readonly range: TokenRange;
  readonly after: ScanPosition | undefined;
  readonly recordsMax: number;
  readonly visit: ScanVisitor;
}

/** Bytes that a cursor reads at once. */
const READ_BYTES = 64 * 1024;

export function scanPage(options: ScanOptions): ScanPage {
  const page = new PageScan(options);
  const result = page.run();
  page.close();
  return result;
}

/** One source of a merge: where its next record stands. */
interface Head {
  words: Int32Array;
  /** -1: nothing is left. */
  record: number;
}

class PageScan {
  readonly #options: ScanOptions;
  readonly #runs: RunWalk[];
  readonly #memory: Head = { words: new Int32Array(0), record: -1 };
  #places: RecordPlaces | undefined = undefined;
  #placeIndex = 0;
  #visited = 0;
  #position: ScanPosition = { tokenHigh: 0, tokenLow: 0, key: new Int32Array(0), keyBytes: 0 };
  /** Who goes past the least record: used again for each, and never cut, which would make it anew. */
  readonly #passed: RunWalk[] = [];

  constructor(options: ScanOptions) {
    this.#options = options;
    const { range, after } = options;
    const bound = boundBefore(
      range.bucketId,
      after === undefined ? range.fromHigh : after.tokenHigh,
      after === undefined ? range.fromLow : after.tokenLow,
    );
    this.#runs = runsOf(options.levels, range).map((readers) => {
      return new RunWalk(options, readers, bound);
    });
  }

  run(): ScanPage {
    const { range, after, partitionCountLog2 } = this.#options;
    const first = partitionOf(after?.tokenHigh ?? range.fromHigh, partitionCountLog2);
    const last = partitionOf(range.toHigh, partitionCountLog2);
    for (const run of this.#runs) if (!run.begin()) return this.#failed(run);
    for (let partition = first; partition <= last; partition += 1) {
      this.#collect(partition);
      const page = this.#mergePartition(partition, partition === last);
      if (page !== undefined) return page;
    }
    return { kind: 'end' };
  }

  close(): void {
    for (const run of this.#runs) run.giveBack();
  }

  #collect(partition: number): void {
    const { memtable, range } = this.#options;
    this.#places = collectPartition(memtable, partition, range);
    this.#placeIndex = -1;
    this.#nextPlace();
  }

  #nextPlace(): void {
    const { memtable } = this.#options;
    const places = this.#places!;
    this.#placeIndex += 1;
    if (this.#placeIndex >= places.count) {
      this.#memory.record = -1;
      return;
    }
    this.#memory.words = memtable.pool.words[places.chunks[this.#placeIndex]!]!;
    this.#memory.record = places.offsets[this.#placeIndex]!;
  }

  /** Undefined: the partition is done. */
  #mergePartition(partition: number, isLast: boolean): ScanPage | undefined {
    for (;;) {
      const least = this.#least(partition, isLast);
      if (least === undefined) return undefined;
      const { words, record } = least;
      const isVisible = this.#isVisible(words, record);
      if (isVisible && this.#visited === this.#options.recordsMax) {
        return { kind: 'more', position: this.#position };
      }
      if (isVisible) {
        this.#options.visit(words, record);
        this.#visited += 1;
        if (this.#visited === this.#options.recordsMax) this.#position = positionOf(words, record);
      }
      const failure = this.#pass(least);
      if (failure !== undefined) return this.#failed(failure);
    }
  }

  /** The source with the least record, the newest of those that have it. */
  #least(partition: number, isLast: boolean): Head | undefined {
    let least: Head | undefined = this.#memory.record === -1 ? undefined : this.#memory;
    for (const run of this.#runs) {
      if (run.record === -1) continue;
      if (!isLast) {
        const high = run.words[run.record + HEADER.tokenHigh]!;
        if (partitionOf(high, this.#options.partitionCountLog2) > partition) continue;
      }
      if (least === undefined || compareRecords(run, least) < 0) least = run;
    }
    return least;
  }

  #isVisible(words: Int32Array, record: number): boolean {
    const { after, nowSeconds } = this.#options;
    if (!isLive(words, record, nowSeconds)) return false;
    return after === undefined || compareToPosition(words, record, after) > 0;
  }

  /** Every source goes past the least record's key; what the others hold of it is older. */
  #pass(least: Head): RunWalk | undefined {
    const passed = this.#passed;
    let count = 0;
    for (const run of this.#runs) {
      if (run !== least && (run.record === -1 || compareRecords(run, least) !== 0)) continue;
      passed[count] = run;
      count += 1;
    }
    // Memory is the newest source: where it has the key it is the least.
    if (least === this.#memory) this.#nextPlace();
    for (let index = 0; index < count; index += 1) {
      const run = passed[index]!;
      if (!run.next()) return run;
    }
    return undefined;
  }

  #failed(run: RunWalk): ScanPage {
    return { kind: 'failed', error: run.failure! };
  }
}

/** The tables of one run, which do not overlap, one after the other. */
class RunWalk implements Head {
  words: Int32Array = new Int32Array(0);
  record = -1;
  failure: DiskError | undefined = undefined;
  readonly #options: ScanOptions;
  /** Numbers of readers in the set. */
  readonly #readers: readonly number[];
  readonly #bound: KeyBound | undefined;
  #index = -1;
  #cursor: TableCursor | undefined = undefined;
  /** What its tables are read to. */
  #buffer: Int32Array | undefined = undefined;

  constructor(options: ScanOptions, readers: readonly number[], bound: KeyBound | undefined) {
    this.#options = options;
    this.#readers = readers;
    this.#bound = bound;
  }

  /** False: `failure`. */
  begin(): boolean {
    return this.next();
  }

  next(): boolean {
    for (;;) {
      if (this.#cursor === undefined) {
        if (this.#index + 1 >= this.#readers.length) return this.#end();
        if (!this.#openNext()) return false;
      }
      const cursor = this.#cursor!;
      if (!cursor.next()) {
        this.failure = cursor.failure;
        this.close();
        if (this.failure !== undefined) return false;
        continue;
      }
      if (isBehind(cursor.words, cursor.record, this.#options.range)) return this.#end();
      if (this.#isDropped(cursor.words, cursor.record)) continue;
      this.words = cursor.words;
      this.record = cursor.record;
      return true;
    }
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  /** Nothing of what it came to is read after this. */
  giveBack(): void {
    this.close();
    if (this.#buffer !== undefined) SPARE_BUFFERS.give(this.#buffer);
    this.#buffer = undefined;
  }

  #end(): true {
    this.close();
    this.#index = this.#readers.length;
    this.record = -1;
    return true;
  }

  #openNext(): boolean {
    this.#index += 1;
    const opened = this.#open(this.#options.levels.readers[this.#readers[this.#index]!]!);
    if (!opened.ok) {
      this.failure = opened;
      return false;
    }
    this.#cursor = opened.value;
    return true;
  }

  #open(reader: TableReader): DiskResult<TableCursor> {
    const { disk, files } = this.#options;
    this.#buffer ??= SPARE_BUFFERS.take(READ_BYTES / 4);
    const buffer = this.#buffer;
    const opened = TableCursor.open(disk, reader, this.#bound, READ_BYTES, buffer);
    if (opened.ok || opened.code !== 'EMFILE' || files.count === 0) return opened;
    files.closeAll();
    return TableCursor.open(disk, reader, this.#bound, READ_BYTES, buffer);
  }

  #isDropped(words: Int32Array, record: number): boolean {
    const high = words[record + HEADER.tokenHigh]!;
    const low = words[record + HEADER.tokenLow]!;
    const { levels, range } = this.#options;
    return levels.isDropped(this.#readers[this.#index]!, range.bucketId, high, low);
  }
}

/** Newest run first; of each the readers that meet the range, by their numbers in the set. */
function runsOf(levels: LevelSet, range: TokenRange): number[][] {
  const runs: number[][] = [];
  for (let run = 0; run + 1 < levels.runStarts.length; run += 1) {
    const members: number[] = [];
    for (let index = levels.runStarts[run]!; index < levels.runStarts[run + 1]!; index += 1) {
      if (meetsRange(levels.readers[index]!.table, range)) members.push(index);
    }
    if (members.length > 0) runs.push(members);
  }
  return runs;
}

function isBehind(words: Int32Array, record: number, range: TokenRange): boolean {
  const bucketId = words[record + HEADER.bucketId]!;
  if (bucketId !== range.bucketId) return bucketId >>> 0 > range.bucketId >>> 0;
  const high = words[record + HEADER.tokenHigh]!;
  return compareTokenHalves(high, words[record + HEADER.tokenLow]!, range.toHigh, range.toLow) > 0;
}

function compareRecords(left: Head, right: Head): number {
  const [a, b] = [left.words, right.words];
  const byToken = compareTokenHalves(
    a[left.record + HEADER.tokenHigh]!,
    a[left.record + HEADER.tokenLow]!,
    b[right.record + HEADER.tokenHigh]!,
    b[right.record + HEADER.tokenLow]!,
  );
  if (byToken !== 0) return byToken;
  return compareKeys(
    a,
    left.record + HEADER_WORDS,
    a[left.record + HEADER.keyAndContext]! & 0xffff,
    b,
    right.record + HEADER_WORDS,
    b[right.record + HEADER.keyAndContext]! & 0xffff,
  );
}

function compareToPosition(words: Int32Array, record: number, position: ScanPosition): number {
  const high = words[record + HEADER.tokenHigh]!;
  const low = words[record + HEADER.tokenLow]!;
  const byToken = compareTokenHalves(high, low, position.tokenHigh, position.tokenLow);
  if (byToken !== 0) return byToken;
  const keyBytes = words[record + HEADER.keyAndContext]! & 0xffff;
  return compareKeys(words, record + HEADER_WORDS, keyBytes, position.key, 0, position.keyBytes);
}

function positionOf(words: Int32Array, record: number): ScanPosition {
  return {
    tokenHigh: words[record + HEADER.tokenHigh]!,
    tokenLow: words[record + HEADER.tokenLow]!,
    key: words.slice(record + HEADER_WORDS, record + headWords(words, record)),
    keyBytes: words[record + HEADER.keyAndContext]! & 0xffff,
  };
}

/** Words of header and key. */
function headWords(words: Int32Array, record: number): number {
  return HEADER_WORDS + (((words[record + HEADER.keyAndContext]! & 0xffff) + 3) >>> 2);
}

/** The place before a token; undefined: before everything. */
function boundBefore(bucketId: number, high: number, low: number): KeyBound | undefined {
  if (low !== 0) return { bucketId, tokenHigh: high, tokenLow: (low - 1) | 0 };
  if (high !== 0) return { bucketId, tokenHigh: (high - 1) | 0, tokenLow: -1 };
  return bucketId === 0 ? undefined : { bucketId: bucketId - 1, tokenHigh: -1, tokenLow: -1 };
}

function partitionOf(tokenHigh: number, partitionCountLog2: number): number {
  return (tokenHigh >>> 1) >>> (31 - partitionCountLog2);
}
