/**
 * One table's index and filter in memory, and lookups in blocks that somebody else read: the replica
 * by read effects, jobs by their disk. Names a block, checks it, finds a record in it.
 *
 * data plane (locate, mayContain, openBlock, searchWords)
 *
 * Invariants:
 *   TR1 a damaged filter says "maybe" to everything, never "no"
 *   TR2 a block is searched only after `openBlock`; a damaged one is READ_FAILED, never "not found"
 *   TR3 the blocks from `locate` on, as far as `searchWords` says NEXT_BLOCK, hold the key if the
 *       table does
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable } from '@clockwise/kernel/probe';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import {
  BLOCK_CODEC,
  type BlockCodecs,
  type BlockScratch,
  decodeBlock,
  PURE_CODECS,
} from './block-codec.ts';
import { bloomMayContain } from './bloom.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError, FileHandle } from './disk.ts';
import { tableName } from './file-names.ts';
import { keysEqual } from './keyed-hash.ts';
import type { TableMetadata } from './manifest.ts';
import type { TokenRange } from './token-range.ts';
import {
  BLOCK,
  BLOCK_HEADER_WORDS,
  BlockChecksum,
  decodeFooter,
  FOOTER_BYTES,
  INDEX_ENTRY,
  INDEX_ENTRY_WORDS,
  INDEX_FLAG,
  partChecksum,
  type TableFooter,
} from './sstable-format.ts';
import { comparePlaces } from './table-extent.ts';
import { bytesOf, readWhole } from './whole-transfer.ts';

/** Results of `searchWords` that are no offset. */
export const NOT_IN_TABLE = -1;
export const NEXT_BLOCK = -2;

/** Probes by interpolation before a search halves. */
const INTERPOLATIONS = 3;

/** Consecutive blocks to read: the form of a read effect. */
export interface BlockRead {
  readonly file: string;
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly offset: number;
  readonly byteCount: number;
}

/** Plain data: a table's footer, index and filter as they were read. */
export interface TableParts {
  readonly footer: TableFooter;
  readonly index: Int32Array;
  readonly filter: Int32Array;
}

export class TableReader {
  /** As the manifest has it: its level is the one where the table stands now. */
  readonly table: TableMetadata;
  readonly name: string;
  readonly blockCount: number;
  /** Of index and filter. */
  readonly memoryBytes: number;
  /** False: the filter is damaged, or was not read; lookups read a block for every key (TR1). */
  readonly filterSound: boolean;
  /** What the reader is made of, for passing it to another thread. */
  readonly parts: TableParts;
  readonly #index: Int32Array;
  readonly #filter: Int32Array;
  readonly #filterProbes: number;
  readonly #checksum: BlockChecksum;
  readonly #codecs: BlockCodecs;
  /** Blocks per unit of a token's high half; 0: the blocks are of several buckets, or one. */
  readonly #slope: number;
  /** Places of the index looked at so far, an entry and its neighbour counting as one. */
  probeCount = 0;

  constructor(
    parts: TableParts,
    checksum: Checksum,
    codecs: BlockCodecs = PURE_CODECS,
    table: TableMetadata = parts.footer.table,
  ) {
    const { footer, index, filter } = parts;
    this.parts = parts;
    this.table = table;
    this.name = tableName(table.fileNumber);
    this.memoryBytes = index.byteLength + filter.byteLength;
    this.blockCount = footer.blockCount;
    this.#index = index;
    this.#filter = filter;
    this.#filterProbes = footer.filterProbes;
    this.#checksum = new BlockChecksum(checksum);
    this.#codecs = codecs;
    this.#slope = slopeOf(index);
    const place = { fileNumber: table.fileNumber, offsetUnits: footer.filterBytesFrom / 8 };
    this.filterSound =
      filter.length === footer.filterWords &&
      filter.length > 0 &&
      partChecksum(checksum, place, filter) === footer.filterChecksum;
  }

  /** Whether the place lies within the table's first and last record. */
  covers(bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    const { table } = this;
    const { firstTokenHigh, firstTokenLow, lastTokenHigh, lastTokenLow } = table;
    return (
      comparePlaces(
        table.firstBucketId,
        firstTokenHigh,
        firstTokenLow,
        bucketId,
        tokenHigh,
        tokenLow,
      ) <= 0 &&
      comparePlaces(
        table.lastBucketId,
        lastTokenHigh,
        lastTokenLow,
        bucketId,
        tokenHigh,
        tokenLow,
      ) >= 0
    );
  }

  mayContain(bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    if (!this.filterSound) {
      reachable('tables: a damaged filter says maybe to everything');
      return true;
    }
    if (buggify('tables: say maybe for no reason')) return true;
    return bloomMayContain(this.#filter, this.#filterProbes, bucketId, tokenHigh, tokenLow);
  }

  blockOffset(block: number): number {
    return (this.#index[block * INDEX_ENTRY_WORDS + INDEX_ENTRY.offsetUnits]! >>> 0) * 8;
  }
  blockByteCount(block: number): number {
    return this.#index[block * INDEX_ENTRY_WORDS + INDEX_ENTRY.blockBytes]!;
  }

  /** The first block that can hold records of this bucket and token, or -1. */
  locate(bucketId: number, tokenHigh: number, tokenLow: number): number {
    let block = this.#lastNotAfter(bucketId, tokenHigh, tokenLow);
    // Where equal tokens run over a border, the run began before.
    while (block > 0 && this.#isContinued(block, bucketId, tokenHigh, tokenLow)) block -= 1;
    return block;
  }

  /**
   * Checks the block whose header stands at word `at` and puts its records into `scratch`: without a
   * copy where they are stored as they are. False: it is not what was written there. [TR2]
   */
  openBlock(words: Int32Array, at: number, block: number, scratch: BlockScratch): boolean {
    const byteCount = this.blockByteCount(block);
    if ((words.length - at) * 4 < byteCount) return false;
    const storedBytes = byteCount - BLOCK_HEADER_WORDS * 4;
    if (words[at + BLOCK.storedBytes] !== storedBytes) return false;
    const offsetUnits = this.#index[block * INDEX_ENTRY_WORDS + INDEX_ENTRY.offsetUnits]!;
    const expected = this.#checksum.of(this.table.fileNumber, offsetUnits, words, at);
    if (words[at + BLOCK.checksum] !== expected) return false;
    const codec = words[at + BLOCK.codecAndCount]! & 0xff;
    const rawBytes = words[at + BLOCK.rawBytes]!;
    const from = at + BLOCK_HEADER_WORDS;
    if (codec === BLOCK_CODEC.none) {
      scratch.words = words;
      scratch.from = from;
      scratch.to = from + storedBytes / 4;
      return rawBytes === storedBytes;
    }
    if (rawBytes <= 0 || rawBytes % 8 !== 0) return false;
    const raw = bytesOf(scratch.own(rawBytes / 4), 0, rawBytes / 4);
    return decodeBlock(codec, this.#codecs, bytesOf(words, from, from + storedBytes / 4), raw);
  }

  /**
   * A record's word offset among the records [from, to) of a block that was opened, NOT_IN_TABLE, or
   * NEXT_BLOCK: look there too.
   */
  searchWords(
    words: Int32Array,
    from: number,
    to: number,
    block: number,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
  ): number {
    for (let record = from; record < to;) {
      if (
        words[record + HEADER.tokenLow] === tokenLow &&
        words[record + HEADER.tokenHigh] === tokenHigh &&
        words[record + HEADER.bucketId] === bucketId &&
        (words[record + HEADER.keyAndContext]! & 0xffff) === keyByteCount &&
        keysEqual(words, record + HEADER_WORDS, keyWords, keyOffset, keyByteCount)
      ) {
        return record;
      }
      record += words[record + HEADER.wordCount]!;
    }
    const next = block + 1;
    if (next >= this.blockCount) return NOT_IN_TABLE;
    return this.#isContinued(next, bucketId, tokenHigh, tokenLow) ? NEXT_BLOCK : NOT_IN_TABLE;
  }

  /** The blocks from `fromBlock` on (-1: the first) that can hold records of the range. */
  scanRead(range: TokenRange, fromBlock: number, byteCountMax: number): BlockRead | undefined {
    const first =
      fromBlock === -1
        ? Math.max(0, this.locate(range.bucketId, range.fromHigh, range.fromLow))
        : fromBlock;
    const last = this.#lastNotAfter(range.bucketId, range.toHigh, range.toLow);
    if (first > last) return undefined;
    let byteCount = this.blockByteCount(first);
    let block = first + 1;
    while (block <= last && byteCount + this.blockByteCount(block) <= byteCountMax) {
      byteCount += this.blockByteCount(block);
      block += 1;
    }
    const offset = this.blockOffset(first);
    return { file: this.name, firstBlock: first, blockCount: block - first, offset, byteCount };
  }

  /** The read of one block. */
  blockRead(block: number): BlockRead {
    const offset = this.blockOffset(block);
    const byteCount = this.blockByteCount(block);
    return { file: this.name, firstBlock: block, blockCount: 1, offset, byteCount };
  }

  /**
   * The last block whose first record is not behind (bucket, token); -1: all are. Each probe looks at
   * an entry and its neighbour, so a guess that is off by less than a block ends the search.
   */
  #lastNotAfter(bucketId: number, tokenHigh: number, tokenLow: number): number {
    let low = -1;
    let high = this.blockCount;
    let last = 0;
    for (let probe = 0; high - low > 1; probe += 1) {
      const middle =
        probe < INTERPOLATIONS ? this.#guess(low, high, last, tokenHigh) : (low + high) >> 1;
      this.probeCount += 1;
      last = middle;
      if (this.#compareFirst(middle, bucketId, tokenHigh, tokenLow) <= 0) {
        low = middle;
        if (middle + 1 === high) continue;
        if (this.#compareFirst(middle + 1, bucketId, tokenHigh, tokenLow) > 0) return middle;
        low = middle + 1;
      } else {
        high = middle;
        if (middle - 1 === low) continue;
        if (this.#compareFirst(middle - 1, bucketId, tokenHigh, tokenLow) <= 0) return middle - 1;
        high = middle - 1;
      }
    }
    return low;
  }

  /** Where a token would lie, were tokens uniform, seen from block `from`; strictly between. */
  #guess(low: number, high: number, from: number, tokenHigh: number): number {
    if (this.#slope === 0) return (low + high) >> 1;
    const first = this.#index[from * INDEX_ENTRY_WORDS + INDEX_ENTRY.tokenHigh]! >>> 0;
    const guess = from + Math.round(((tokenHigh >>> 0) - first) * this.#slope);
    return Math.max(low + 1, Math.min(high - 1, guess));
  }

  #compareFirst(block: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const at = block * INDEX_ENTRY_WORDS;
    const index = this.#index;
    return comparePlaces(
      index[at + INDEX_ENTRY.bucketId]!,
      index[at + INDEX_ENTRY.tokenHigh]!,
      index[at + INDEX_ENTRY.tokenLow]!,
      bucketId,
      tokenHigh,
      tokenLow,
    );
  }

  #isContinued(block: number, bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    const at = block * INDEX_ENTRY_WORDS;
    return (
      (this.#index[at + INDEX_ENTRY.flags]! & INDEX_FLAG.continued) !== 0 &&
      this.#compareFirst(block, bucketId, tokenHigh, tokenLow) === 0
    );
  }
}

export type TableOpening =
  | { readonly kind: 'open'; readonly reader: TableReader }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: DiskError };

/** Reads footer, index and filter of a table that the manifest names. */
export function openTable(
  disk: Disk,
  wanted: TableMetadata,
  checksum: Checksum,
  codecs: BlockCodecs = PURE_CODECS,
): TableOpening {
  return open(disk, { wanted, checksum, codecs, withFilter: true, room: newWords });
}

/**
 * Without the filter, which who reads a table from end to end does not need. `room` for so many words of
 * index: a buffer that the caller lends for as long as it uses the reader.
 */
export function openTableIndex(
  disk: Disk,
  wanted: TableMetadata,
  checksum: Checksum,
  codecs: BlockCodecs = PURE_CODECS,
  room: (wordCount: number) => Int32Array = newWords,
): TableOpening {
  return open(disk, { wanted, checksum, codecs, withFilter: false, room });
}

function newWords(wordCount: number): Int32Array {
  return new Int32Array(wordCount);
}

interface OpenOptions {
  readonly wanted: TableMetadata;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
  readonly withFilter: boolean;
  readonly room: (wordCount: number) => Int32Array;
}

function open(disk: Disk, options: OpenOptions): TableOpening {
  const name = tableName(options.wanted.fileNumber);
  const file = disk.open(name, 'read');
  if (!file.ok) {
    if (file.code !== 'ENOENT') return { kind: 'failed', error: file };
    return { kind: 'damaged', reason: `${name} is missing` };
  }
  const opening = openTableFile(disk, file.value, options);
  disk.close(file.value);
  return opening;
}

function openTableFile(disk: Disk, file: FileHandle, options: OpenOptions): TableOpening {
  const { wanted, checksum, codecs, withFilter, room } = options;
  const { fileNumber } = wanted;
  const name = tableName(fileNumber);
  const size = disk.size(file);
  if (!size.ok) return { kind: 'failed', error: size };
  if (size.value !== wanted.byteCount) {
    return { kind: 'damaged', reason: `${name} has another length than the manifest says` };
  }
  const footerWords = readWords(disk, file, size.value - FOOTER_BYTES, FOOTER_BYTES);
  if (!(footerWords instanceof Int32Array)) return { kind: 'failed', error: footerWords };
  const reading = decodeFooter(footerWords, checksum);
  if (reading.kind !== 'valid') return { ...reading, reason: `${name}: ${reading.reason}` };
  const { footer } = reading;
  const indexBytes = footer.blockCount * INDEX_ENTRY_WORDS * 4;
  if (
    footer.table.fileNumber !== fileNumber ||
    footer.indexBytesFrom + indexBytes !== footer.filterBytesFrom ||
    footer.filterBytesFrom + footer.filterWords * 4 + FOOTER_BYTES !== size.value
  ) {
    return { kind: 'damaged', reason: `${name}: the footer does not fit the file` };
  }
  const index = readWords(disk, file, footer.indexBytesFrom, indexBytes, room);
  if (!(index instanceof Int32Array)) return { kind: 'failed', error: index };
  const place = { fileNumber, offsetUnits: footer.indexBytesFrom / 8 };
  if (partChecksum(checksum, place, index) !== footer.indexChecksum) {
    return { kind: 'damaged', reason: `${name}: index checksum` };
  }
  const filterBytes = withFilter ? footer.filterWords * 4 : 0;
  const filter = readWords(disk, file, footer.filterBytesFrom, filterBytes);
  if (!(filter instanceof Int32Array)) return { kind: 'failed', error: filter };
  const reader = new TableReader({ footer, index, filter }, checksum, codecs, wanted);
  return { kind: 'open', reader };
}

function readWords(
  disk: Disk,
  file: FileHandle,
  position: number,
  byteCount: number,
  room: (wordCount: number) => Int32Array = newWords,
): Int32Array | DiskError {
  const words = room(byteCount / 4).subarray(0, byteCount / 4);
  const read = readWhole(disk, file, bytesOf(words), position);
  if (!read.ok) return read;
  return read.value === byteCount ? words : words.subarray(0, read.value >>> 2);
}

function slopeOf(index: Int32Array): number {
  const last = index.length - INDEX_ENTRY_WORDS;
  if (last <= 0 || index[INDEX_ENTRY.bucketId] !== index[last + INDEX_ENTRY.bucketId]) return 0;
  const from = index[INDEX_ENTRY.tokenHigh]! >>> 0;
  const to = index[last + INDEX_ENTRY.tokenHigh]! >>> 0;
  return to === from ? 0 : last / INDEX_ENTRY_WORDS / (to - from);
}
