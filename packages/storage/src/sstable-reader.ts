/**
 * One table's index and filter in memory, and lookups in blocks that somebody else read: the replica
 * by read effects, jobs by their disk. Names a block, checks it, finds a record in it.
 *
 * data plane (locate, mayContain, searchBlock)
 *
 * Invariants:
 *   TR1 a damaged filter says "maybe" to everything, never "no"
 *   TR2 a block is searched only after `verifyBlock`; a damaged one is READ_FAILED, never "not found"
 *   TR3 the blocks from `locate` on, as far as `searchBlock` says NEXT_BLOCK, hold the key if the
 *       table does
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable } from '@clockwise/kernel/probe';
import { HEADER, HEADER_WORDS } from '@clockwise/record/layout';
import { bloomMayContain } from './bloom.ts';
import type { Checksum } from './checksum.ts';
import type { Disk, DiskError, FileHandle } from './disk.ts';
import { tableName } from './file-names.ts';
import { keysEqual } from './keyed-hash.ts';
import type { TableMetadata } from './manifest.ts';
import { compareTokenHalves, type TokenRange } from './token-range.ts';
import {
  BLOCK,
  BLOCK_CODEC,
  BLOCK_HEADER_WORDS,
  blockChecksum,
  decodeFooter,
  FOOTER_BYTES,
  INDEX_ENTRY,
  INDEX_ENTRY_WORDS,
  INDEX_FLAG,
  type TableFooter,
} from './sstable-format.ts';
import { checksumWords, readWhole } from './whole-transfer.ts';

/** Results of `searchBlock` that are no offset. */
export const NOT_IN_TABLE = -1;
export const NEXT_BLOCK = -2;

/** Probes by interpolation before a search halves. */
const INTERPOLATIONS = 2;

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
  readonly table: TableMetadata;
  readonly name: string;
  readonly blockCount: number;
  /** False: the filter is damaged; lookups read a block for every key (TR1). */
  readonly filterSound: boolean;
  /** What the reader is made of, for passing it to another thread. */
  readonly parts: TableParts;
  readonly #index: Int32Array;
  readonly #filter: Int32Array;
  readonly #filterProbes: number;
  readonly #checksum: Checksum;

  constructor(parts: TableParts, checksum: Checksum) {
    const { footer, index, filter } = parts;
    this.parts = parts;
    this.table = footer.table;
    this.name = tableName(footer.table.fileNumber);
    this.blockCount = footer.blockCount;
    this.#index = index;
    this.#filter = filter;
    this.#filterProbes = footer.filterProbes;
    this.#checksum = checksum;
    this.filterSound =
      filter.length === footer.filterWords &&
      filter.length > 0 &&
      checksumWords(checksum, filter, 0, filter.length) === footer.filterChecksum;
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

  /** Whether the block whose header stands at word `at` is what was written there. */
  verifyBlock(words: Int32Array, at: number, block: number): boolean {
    const byteCount = this.blockByteCount(block);
    if ((words.length - at) * 4 < byteCount) return false;
    if (words[at + BLOCK.storedBytes] !== byteCount - BLOCK_HEADER_WORDS * 4) return false;
    const offsetUnits = this.#index[block * INDEX_ENTRY_WORDS + INDEX_ENTRY.offsetUnits]!;
    const place = { fileNumber: this.table.fileNumber, offsetUnits };
    return (
      words[at + BLOCK.checksum] === blockChecksum(this.#checksum, place, words, at) &&
      (words[at + BLOCK.codecAndCount]! & 0xff) === BLOCK_CODEC.none
    );
  }

  /** A record's word offset in a verified block, NOT_IN_TABLE, or NEXT_BLOCK: look there too. */
  searchBlock(
    words: Int32Array,
    at: number,
    block: number,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
  ): number {
    const end = at + BLOCK_HEADER_WORDS + words[at + BLOCK.storedBytes]! / 4;
    for (let record = at + BLOCK_HEADER_WORDS; record < end;) {
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

  /** The last block whose first record is not behind (bucket, token); -1: all are. */
  #lastNotAfter(bucketId: number, tokenHigh: number, tokenLow: number): number {
    let low = -1;
    let high = this.blockCount;
    for (let probe = 0; high - low > 1; probe += 1) {
      const middle =
        probe < INTERPOLATIONS ? this.#guess(low, high, bucketId, tokenHigh) : (low + high) >> 1;
      if (this.#compareFirst(middle, bucketId, tokenHigh, tokenLow) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Where a token would lie between two blocks, were tokens uniform; strictly between. */
  #guess(low: number, high: number, bucketId: number, tokenHigh: number): number {
    const from = Math.max(low, 0);
    const to = Math.min(high, this.blockCount - 1);
    const at = from * INDEX_ENTRY_WORDS;
    const end = to * INDEX_ENTRY_WORDS;
    const middle = (low + high) >> 1;
    const index = this.#index;
    if (index[at] !== bucketId || index[end] !== bucketId) return middle;
    const first = index[at + INDEX_ENTRY.tokenHigh]! >>> 0;
    const last = index[end + INDEX_ENTRY.tokenHigh]! >>> 0;
    const wanted = tokenHigh >>> 0;
    if (wanted < first) return low + 1;
    if (last <= first) return middle;
    const guess = from + Math.floor(((wanted - first) / (last - first)) * (to - from));
    return Math.max(low + 1, Math.min(high - 1, guess));
  }

  #compareFirst(block: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const at = block * INDEX_ENTRY_WORDS;
    const bucket = this.#index[at + INDEX_ENTRY.bucketId]!;
    if (bucket !== bucketId) return bucket >>> 0 < bucketId >>> 0 ? -1 : 1;
    const high = this.#index[at + INDEX_ENTRY.tokenHigh]!;
    return compareTokenHalves(high, this.#index[at + INDEX_ENTRY.tokenLow]!, tokenHigh, tokenLow);
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
export function openTable(disk: Disk, wanted: TableMetadata, checksum: Checksum): TableOpening {
  const file = disk.open(tableName(wanted.fileNumber), 'read');
  if (!file.ok) {
    if (file.code !== 'ENOENT') return { kind: 'failed', error: file };
    return { kind: 'damaged', reason: `${tableName(wanted.fileNumber)} is missing` };
  }
  const opening = openTableFile(disk, file.value, wanted, checksum);
  disk.close(file.value);
  return opening;
}

function openTableFile(
  disk: Disk,
  file: FileHandle,
  wanted: TableMetadata,
  checksum: Checksum,
): TableOpening {
  const name = tableName(wanted.fileNumber);
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
    footer.table.fileNumber !== wanted.fileNumber ||
    footer.indexBytesFrom + indexBytes !== footer.filterBytesFrom ||
    footer.filterBytesFrom + footer.filterWords * 4 + FOOTER_BYTES !== size.value
  ) {
    return { kind: 'damaged', reason: `${name}: the footer does not fit the file` };
  }
  const index = readWords(disk, file, footer.indexBytesFrom, indexBytes);
  if (!(index instanceof Int32Array)) return { kind: 'failed', error: index };
  if (checksumWords(checksum, index, 0, index.length) !== footer.indexChecksum) {
    return { kind: 'damaged', reason: `${name}: index checksum` };
  }
  const filter = readWords(disk, file, footer.filterBytesFrom, footer.filterWords * 4);
  if (!(filter instanceof Int32Array)) return { kind: 'failed', error: filter };
  return { kind: 'open', reader: new TableReader({ footer, index, filter }, checksum) };
}

function readWords(
  disk: Disk,
  file: FileHandle,
  position: number,
  byteCount: number,
): Int32Array | DiskError {
  const words = new Int32Array(byteCount / 4);
  const read = readWhole(disk, file, new Uint8Array(words.buffer), position);
  if (!read.ok) return read;
  return read.value === byteCount ? words : words.subarray(0, read.value >>> 2);
}
