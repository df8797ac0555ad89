/**
 * Writes one table from records that come in order. The file is durable when `finish` returns ok; its
 * name after the caller's `syncDirectory`. The number is never used again, whatever came of it.
 *
 * Invariants:
 *   TW1 a block holds whole records, and ends with the one that reaches its target; it has more than
 *       twice as many bytes only if it holds one record
 *   TW2 the filter tests true for every record written
 *   TW3 a table is ended only where the token changes: its caller looks at `lastBound`
 */
import { assert } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { copyWords } from '@clockwise/record/copy';
import { HEADER } from '@clockwise/record/layout';
import { BLOCK_CODEC, type BlockCodecs, encodeBlock, packBlock, packRows } from './block-codec.ts';
import { bloomProbeCount } from './bloom.ts';
import type { Checksum } from './checksum.ts';
import { type Disk, type DiskError, type DiskResult, type FileHandle } from './disk.ts';
import { tableName } from './file-names.ts';
import type { TableMetadata } from './manifest.ts';
import {
  BLOCK,
  BLOCK_HEADER_WORDS,
  BlockChecksum,
  encodeFooter,
  fillIndexColumns,
  FOOTER_BYTES,
  INDEX_COLUMN,
  INDEX_ENTRY_WORDS,
  INDEX_FLAG,
  INDEX_OFFSET_MASK,
  partChecksum,
} from './sstable-format.ts';
import type { KeyBound } from './table-cursor.ts';
import { TableProperties } from './table-properties.ts';
import { PART_BUFFERS, SPARE_BUFFERS } from './spare-buffers.ts';
import { bytesOf, writeWhole } from './whole-transfer.ts';

/** Finished blocks are written when they fill this much. */
const WRITE_WORDS = 64 * 1024;
/** A table of a few records does not need all that. */
const FIRST_WORDS = 16 * 1024;
const FIRST_INDEX_WORDS = 4 * 1024;
/** A sync at the end of a large table alone would hold up the log's for long. */
const SYNC_BYTES = 4 * 1024 * 1024;

export interface TableWriterOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly fileNumber: number;
  readonly level: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  readonly blockBytes: number;
  readonly bloomBitsPerKey: number;
  /** A BLOCK_CODEC. */
  readonly codec: number;
  readonly codecs: BlockCodecs;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export class TableWriter {
  readonly #options: TableWriterOptions;
  readonly #file: FileHandle;
  readonly #checksum: BlockChecksum;
  readonly #properties: TableProperties = new TableProperties();
  /** Entries, one behind the other; `#indexUsed` words. */
  #index: Int32Array = SPARE_BUFFERS.take(FIRST_INDEX_WORDS);
  #indexUsed = 0;
  /** Finished blocks, then the open one, from `#blockAt` to `#used`. */
  #buffer: Int32Array = SPARE_BUFFERS.take(FIRST_WORDS);
  /** The same memory. */
  #bytes: Uint8Array = bytesOf(this.#buffer);
  #blockAt = 0;
  #used = BLOCK_HEADER_WORDS;
  #blockRecords = 0;
  #blockContinued = false;
  /** Bytes of the file that were written. */
  #position = 0;
  #syncedBytes = 0;
  /** What a codec makes of a block. */
  #stored: Uint8Array = new Uint8Array(0);
  #storedWords: Int32Array = new Int32Array(0);
  readonly #first: [number, number, number] = [0, 0, 0];
  readonly #last: [number, number, number] = [0, 0, 0];
  #failure: DiskError | undefined = undefined;

  private constructor(options: TableWriterOptions, file: FileHandle) {
    this.#options = options;
    this.#checksum = new BlockChecksum(options.checksum);
    this.#file = file;
  }

  static create(options: TableWriterOptions): DiskResult<TableWriter> {
    const file = options.disk.open(tableName(options.fileNumber), 'create');
    return file.ok ? { ok: true, value: new TableWriter(options, file.value) } : file;
  }

  /** REQUIRES: behind the record before it in (bucket, token, key). Errors wait for `finish`. */
  add(words: Int32Array, record: number): void {
    const wordCount = words[record + HEADER.wordCount]!;
    const bucketId = words[record + HEADER.bucketId]!;
    const tokenHigh = words[record + HEADER.tokenHigh]!;
    const tokenLow = words[record + HEADER.tokenLow]!;
    const targetWords = this.#options.blockBytes / 4 - BLOCK_HEADER_WORDS;
    const blockWords = this.#used - this.#blockAt - BLOCK_HEADER_WORDS;
    // Of records of half a target and more it holds two, so that its index entry is for two.
    const isFull = blockWords >= targetWords || blockWords + wordCount > targetWords * 2;
    sometimes(this.#blockRecords === 0 && isFull, 'tables: a record is larger than a block');
    if (this.#blockRecords > 0 && (isFull || buggify('tables: end a block early'))) {
      reachable('tables: a table has several blocks');
      this.#finishBlock();
    }
    this.#ensureRoom(wordCount);
    if (this.#blockRecords === 0) this.#beginBlock(bucketId, tokenHigh, tokenLow);
    copyWords(words, record, this.#buffer, this.#used, wordCount);
    this.#used += wordCount;
    this.#blockRecords += 1;
    if (this.#properties.recordCount === 0) setKey(this.#first, bucketId, tokenHigh, tokenLow);
    setKey(this.#last, bucketId, tokenHigh, tokenLow);
    this.#properties.add(words, record);
  }

  /** Bytes of blocks so far, the open one as if it were stored as it is. */
  get byteCount(): number {
    return this.#position + this.#used * 4;
  }

  /** Where the table ends so far; undefined: it holds nothing. [TW3] */
  lastBound(): KeyBound | undefined {
    if (this.#properties.recordCount === 0) return undefined;
    const [bucketId, tokenHigh, tokenLow] = this.#last;
    return { bucketId, tokenHigh, tokenLow };
  }

  /** Writes what is left, index, filter and footer, and syncs the file. */
  finish(): DiskResult<TableMetadata> {
    assert(this.#properties.recordCount > 0, 'a table holds a record');
    this.#finishBlock();
    const table = this.#writeTail();
    const synced = this.#failure ?? this.#options.disk.datasync(this.#file);
    this.#close();
    if (synced.ok) return { ok: true, value: table };
    // The error is what the caller hears; a leftover is an orphan that the next opening removes.
    this.#options.disk.remove(tableName(this.#options.fileNumber));
    return synced;
  }

  /** Instead of `finish`: the table is not wanted. */
  abandon(): void {
    this.#close();
    this.#options.disk.remove(tableName(this.#options.fileNumber));
  }

  #close(): void {
    this.#options.disk.close(this.#file);
    SPARE_BUFFERS.give(this.#buffer);
    this.#buffer = new Int32Array(0);
    SPARE_BUFFERS.give(this.#index);
    this.#index = new Int32Array(0);
    this.#properties.close();
  }

  #beginBlock(bucketId: number, tokenHigh: number, tokenLow: number): void {
    const last = this.#last;
    this.#blockContinued =
      this.#properties.recordCount > 0 &&
      last[0] === bucketId &&
      last[1] === tokenHigh &&
      last[2] === tokenLow;
    const offsetUnits = this.#position / 8 + this.#blockAt / 2;
    assert(offsetUnits <= INDEX_OFFSET_MASK, 'a table has less than 16 GiB');
    const flag = this.#blockContinued ? INDEX_FLAG.continued : 0;
    const entry = this.#indexUsed;
    if (entry + INDEX_ENTRY_WORDS > this.#index.length) this.#growIndex();
    const index = this.#index;
    index[entry] = bucketId;
    index[entry + INDEX_COLUMN.tokenHigh] = tokenHigh;
    index[entry + INDEX_COLUMN.tokenLow] = tokenLow;
    index[entry + INDEX_COLUMN.offsetAndFlag] = offsetUnits | flag;
    this.#indexUsed = entry + INDEX_ENTRY_WORDS;
  }

  #finishBlock(): void {
    const at = this.#blockAt;
    const rawBytes = (this.#used - at - BLOCK_HEADER_WORDS) * 4;
    const codec = this.#compressBlock(rawBytes);
    const storedBytes = (this.#used - at - BLOCK_HEADER_WORDS) * 4;
    const buffer = this.#buffer;
    buffer[at + BLOCK.storedBytes] = storedBytes;
    buffer[at + BLOCK.rawBytes] = rawBytes;
    buffer[at + BLOCK.codecAndCount] = codec | (this.#blockRecords << 8);
    const entry = this.#indexUsed - INDEX_ENTRY_WORDS;
    const offsetUnits = this.#index[entry + INDEX_COLUMN.offsetAndFlag]! & INDEX_OFFSET_MASK;
    const { fileNumber } = this.#options;
    buffer[at + BLOCK.checksum] = this.#checksum.of(fileNumber, offsetUnits, buffer, at);
    this.#blockAt = this.#used;
    this.#used += BLOCK_HEADER_WORDS;
    this.#blockRecords = 0;
    if (this.#blockAt >= WRITE_WORDS) this.#writeBlocks();
  }

  /** Puts the open block's stored bytes in the place of its records, if fewer; their codec. */
  #compressBlock(rawBytes: number): number {
    const { codec } = this.#options;
    if (codec === BLOCK_CODEC.none) return codec;
    const from = this.#blockAt + BLOCK_HEADER_WORDS;
    let used = codec;
    let words = -1;
    if (codec === BLOCK_CODEC.packed) words = packBlock(this.#buffer, from, this.#used);
    if (codec === BLOCK_CODEC.rows) {
      words = packRows(this.#buffer, from, this.#used, this.#options.codecs);
      // What makes no rows, as of too many siblings.
      if (words < 0) used = BLOCK_CODEC.lz4;
    }
    if (words < 0 && codec !== BLOCK_CODEC.packed) words = this.#encodeBlock(from, rawBytes);
    sometimes(words < 0, 'tables: a block that a codec does not make smaller');
    if (words < 0) return BLOCK_CODEC.none;
    this.#used = from + words;
    if ((words & 1) === 1) {
      this.#buffer[this.#used] = 0;
      this.#used += 1;
    }
    return used;
  }

  /** By lz4 or deflate; the words taken, the last one filled with zeros, or -1. */
  #encodeBlock(from: number, rawBytes: number): number {
    const { codec, codecs } = this.#options;
    if (this.#stored.length < rawBytes) {
      this.#stored = new Uint8Array(rawBytes);
      this.#storedWords = new Int32Array(this.#stored.buffer);
    }
    const at = from * 4;
    const byteCount = encodeBlock(codec, codecs, this.#bytes, this.#stored, at, at + rawBytes);
    if (byteCount < 0) return -1;
    for (let pad = byteCount; pad % 4 !== 0; pad += 1) this.#stored[pad] = 0;
    const words = Math.ceil(byteCount / 4);
    copyWords(this.#storedWords, 0, this.#buffer, from, words);
    return words;
  }

  /** Writes the finished blocks; what stands behind them moves to the front. */
  #writeBlocks(): void {
    this.#write(bytesOf(this.#buffer, 0, this.#blockAt));
    this.#buffer.copyWithin(0, this.#blockAt, this.#used);
    this.#used -= this.#blockAt;
    this.#blockAt = 0;
  }

  #ensureRoom(wordCount: number): void {
    const wanted = this.#used + wordCount + BLOCK_HEADER_WORDS;
    if (wanted <= this.#buffer.length) return;
    const grown = SPARE_BUFFERS.take(Math.max(wanted, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#used));
    SPARE_BUFFERS.give(this.#buffer);
    this.#buffer = grown;
    this.#bytes = bytesOf(grown);
  }

  #growIndex(): void {
    const grown = SPARE_BUFFERS.take(this.#index.length * 2);
    grown.set(this.#index.subarray(0, this.#indexUsed));
    SPARE_BUFFERS.give(this.#index);
    this.#index = grown;
  }

  #write(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    const written = writeWhole(this.#options.disk, this.#file, [bytes], this.#position);
    if (!written.ok) this.#failure = written;
    this.#position += bytes.length;
    if (this.#position - this.#syncedBytes < SYNC_BYTES) return;
    const synced = this.#options.disk.datasync(this.#file);
    if (!synced.ok) this.#failure ??= synced;
    this.#syncedBytes = this.#position;
  }

  #writeTail(): TableMetadata {
    const { checksum, fileNumber, storeIdLow, storeIdHigh, bloomBitsPerKey } = this.#options;
    this.#writeBlocks();
    const indexBytesFrom = this.#position;
    const index = PART_BUFFERS.takeFitting(this.#indexUsed);
    fillIndexColumns(this.#index, index);
    this.#write(bytesOf(index));
    const filterBytesFrom = this.#position;
    const filterProbes = bloomProbeCount(bloomBitsPerKey);
    const filter = this.#properties.filter(bloomBitsPerKey, filterProbes);
    this.#write(bytesOf(filter));
    const table = this.#metadata();
    const indexPlace = { fileNumber, offsetUnits: indexBytesFrom / 8 };
    const filterPlace = { fileNumber, offsetUnits: filterBytesFrom / 8 };
    const footer = {
      table,
      storeIdLow,
      storeIdHigh,
      blockCount: index.length / INDEX_ENTRY_WORDS,
      indexBytesFrom,
      indexChecksum: partChecksum(checksum, indexPlace, index),
      filterBytesFrom,
      filterWords: filter.length,
      filterProbes,
      filterChecksum: partChecksum(checksum, filterPlace, filter),
      codec: this.#options.codec,
    };
    this.#write(bytesOf(encodeFooter(footer, checksum)));
    // They are read again, from the file, into the same buffers.
    PART_BUFFERS.give(index);
    PART_BUFFERS.give(filter);
    return table;
  }

  /** REQUIRES: only the footer is still to be written. */
  #metadata(): TableMetadata {
    const { fileNumber, level, firstSequence, lastSequence } = this.#options;
    const properties = this.#properties;
    return {
      fileNumber,
      level,
      byteCount: this.#position + FOOTER_BYTES,
      recordCount: properties.recordCount,
      tombstoneCount: properties.tombstoneCount,
      firstBucketId: this.#first[0],
      firstTokenHigh: this.#first[1],
      firstTokenLow: this.#first[2],
      lastBucketId: this.#last[0],
      lastTokenHigh: this.#last[1],
      lastTokenLow: this.#last[2],
      firstSequence,
      lastSequence,
      rawBytes: properties.rawBytes,
      expiringCount: properties.expiringCount,
      deltaCount: properties.deltaCount,
      earliestExpirySeconds: properties.earliestExpirySeconds,
      latestExpirySeconds: properties.latestExpirySeconds,
      largestRecordWords: properties.largestRecordWords,
    };
  }
}

function setKey(key: number[], bucketId: number, tokenHigh: number, tokenLow: number): void {
  key[0] = bucketId;
  key[1] = tokenHigh;
  key[2] = tokenLow;
}
