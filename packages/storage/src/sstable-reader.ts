/**
 * One table's index and filter in memory, and lookups in blocks that somebody else read: the replica
 * by read effects, jobs by their disk. Names a block, checks it, finds a record in it.
 *
 * data plane (locate, mayContain, openBlock, searchWords, searchStored)
 *
 * Invariants:
 *   TR1 a damaged filter says "maybe" to everything, never "no"
 *   TR2 a block is searched only after its checksum was compared, over all of it, however little of it
 *       is decoded; a damaged one is READ_FAILED, never "not found"
 *   TR3 the blocks from `locate` on, as far as a search says NEXT_BLOCK, hold the key if the table does
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
import type { BlockRoom } from './block-room.ts';
import {
  DAMAGED_BLOCK,
  isDecodedInPart,
  NEXT_BLOCK,
  NOT_IN_TABLE,
  searchBlock,
} from './block-search.ts';
import { bloomBitHash, bloomLineHash, bloomMayContainHashed } from './bloom.ts';
import type { Checksum } from './checksum.ts';
import { tableName } from './file-names.ts';
import { keysEqual } from './keyed-hash.ts';
import type { TableMetadata } from './manifest.ts';
import {
  BLOCK,
  BLOCK_HEADER_WORDS,
  BlockChecksum,
  partChecksum,
  type TableFooter,
} from './sstable-format.ts';
import { comparePlaces } from './table-extent.ts';
import { TableIndex } from './table-index.ts';
import type { TokenRange } from './token-range.ts';
import { bytesOf } from './whole-transfer.ts';

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
  readonly index: TableIndex;
  readonly #filter: Int32Array;
  readonly #filterProbes: number;
  readonly #sum: Checksum;
  readonly #checksum: BlockChecksum;
  readonly #codecs: BlockCodecs;

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
    this.index = new TableIndex(index, footer.indexBytesFrom);
    this.blockCount = footer.blockCount;
    this.#filter = filter;
    this.#filterProbes = footer.filterProbes;
    this.#sum = checksum;
    this.#checksum = new BlockChecksum(checksum);
    this.#codecs = codecs;
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
    const lineHash = bloomLineHash(bucketId, tokenHigh, tokenLow);
    return this.mayContainHashed(lineHash, bloomBitHash(bucketId, tokenHigh, tokenLow));
  }

  /** The same for who has the key's hashes (bloom.ts), and asks several tables. */
  mayContainHashed(lineHash: number, bitHash: number): boolean {
    if (!this.filterSound) {
      reachable('tables: a damaged filter says maybe to everything');
      return true;
    }
    if (buggify('tables: say maybe for no reason')) return true;
    return bloomMayContainHashed(this.#filter, this.#filterProbes, lineHash, bitHash);
  }

  blockOffset(block: number): number {
    return this.index.offsetOf(block);
  }
  blockByteCount(block: number): number {
    return this.index.byteCountOf(block);
  }

  /** The first block that can hold records of this bucket and token, or -1. */
  locate(bucketId: number, tokenHigh: number, tokenLow: number): number {
    return this.index.locate(bucketId, tokenHigh, tokenLow);
  }

  /**
   * Checks the block whose header stands at word `at` and puts its records into `scratch`: without a
   * copy where they are stored as they are. False: it is not what was written there. [TR2]
   */
  openBlock(words: Int32Array, at: number, block: number, scratch: BlockScratch): boolean {
    return this.isSoundAt(words, at, block) && this.openStored(words, at, scratch);
  }

  /** Whether the block whose header stands at word `at` is what was written there. [TR2] */
  isSoundAt(words: Int32Array, at: number, block: number): boolean {
    const byteCount = this.blockByteCount(block);
    if (byteCount < BLOCK_HEADER_WORDS * 4 || (words.length - at) * 4 < byteCount) return false;
    if (words[at + BLOCK.storedBytes] !== byteCount - BLOCK_HEADER_WORDS * 4) return false;
    const offsetUnits = this.blockOffset(block) / 8;
    const expected = this.#checksum.of(this.table.fileNumber, offsetUnits | 0, words, at);
    return words[at + BLOCK.checksum] === expected;
  }

  /** `openBlock` for one that is known to be sound. */
  openStored(words: Int32Array, at: number, scratch: BlockScratch): boolean {
    return this.#decode(words, at, words[at + BLOCK.storedBytes]!, scratch);
  }

  /** Whether the block that was read to `room` is what was written there. [TR2] */
  isSound(room: BlockRoom, block: number): boolean {
    const byteCount = this.blockByteCount(block);
    const { words, at } = room;
    if (byteCount < BLOCK_HEADER_WORDS * 4) return false;
    if (words[at + BLOCK.storedBytes] !== byteCount - BLOCK_HEADER_WORDS * 4) return false;
    const offsetUnits = (this.blockOffset(block) / 8) | 0;
    const expected = room.checksum(this.#sum, byteCount, this.table.fileNumber, offsetUnits);
    return words[at + BLOCK.checksum] === expected;
  }

  #decode(words: Int32Array, at: number, storedBytes: number, scratch: BlockScratch): boolean {
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
    return this.#behind(block, bucketId, tokenHigh, tokenLow);
  }

  /**
   * The same in a block as it stands in its file, its header at word `at`, and DAMAGED_BLOCK: it gives no
   * records. Decoded as far as the record needs, where the codec allows it; what is found stands in
   * `scratch.words`. REQUIRES: the block is sound; `bytes` is the memory of `words`.
   */
  searchStored(
    words: Int32Array,
    bytes: Uint8Array,
    at: number,
    block: number,
    scratch: BlockScratch,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    keyWords: Int32Array,
    keyOffset: number,
    keyByteCount: number,
  ): number {
    if (!isDecodedInPart(words[at + BLOCK.codecAndCount]! & 0xff)) {
      const storedBytes = words[at + BLOCK.storedBytes]!;
      if (!this.#decode(words, at, storedBytes, scratch)) return DAMAGED_BLOCK;
      return this.searchWords(
        scratch.words,
        scratch.from,
        scratch.to,
        block,
        bucketId,
        tokenHigh,
        tokenLow,
        keyWords,
        keyOffset,
        keyByteCount,
      );
    }
    const found = searchBlock(
      words,
      bytes,
      at,
      scratch,
      bucketId,
      tokenHigh,
      tokenLow,
      keyWords,
      keyOffset,
      keyByteCount,
    );
    return found === NEXT_BLOCK ? this.#behind(block, bucketId, tokenHigh, tokenLow) : found;
  }

  /** A block does not hold the key: whether the next one may. */
  #behind(block: number, bucketId: number, tokenHigh: number, tokenLow: number): number {
    const next = block + 1;
    if (next >= this.blockCount) return NOT_IN_TABLE;
    return this.index.continues(next, bucketId, tokenHigh, tokenLow) ? NEXT_BLOCK : NOT_IN_TABLE;
  }

  /** The blocks from `fromBlock` on (-1: the first) that can hold records of the range. */
  scanRead(range: TokenRange, fromBlock: number, byteCountMax: number): BlockRead | undefined {
    const first =
      fromBlock === -1
        ? Math.max(0, this.locate(range.bucketId, range.fromHigh, range.fromLow))
        : fromBlock;
    const last = this.index.lastNotAfter(range.bucketId, range.toHigh, range.toLow);
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
}
