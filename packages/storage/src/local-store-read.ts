/**
 * Reads of an embedded store behind its memory: tables newest first, one block at a time, out of the
 * cache of blocks or off the disk, called and answered at once.
 *
 * data plane
 *
 * Invariants:
 *   LSR1 a table that cannot be read, or a block that is not what was written, ends a lookup as failed,
 *        never as absent
 */
import type { BlockCache } from './block-cache.ts';
import { BlockScratch } from './block-codec.ts';
import type { Disk, DiskError, DiskResult } from './disk.ts';
import type { OpenFiles } from './open-files.ts';
import { NEXT_BLOCK, type TableReader } from './sstable-reader.ts';
import { readWhole } from './whole-transfer.ts';

/** Tables, newest first, and which of them may hold a token. */
export interface TableCandidates {
  readonly readers: readonly TableReader[];
  /** At or behind `from`; -1: none. */
  nextCandidate(from: number, bucketId: number, tokenHigh: number, tokenLow: number): number;
}

export const LOOKUP = { absent: 0, found: 1, failed: 2 } as const;

export class LocalReads {
  /** Where the last lookup found its record: borrowed until the next one. */
  words: Int32Array = new Int32Array(0);
  record = -1;
  /** Why the last lookup failed. */
  failure: DiskError | undefined = undefined;
  lookupCount = 0;
  blocksRead = 0;
  falsePositives = 0;
  readonly #disk: Disk;
  readonly #files: OpenFiles;
  readonly #cache: BlockCache;
  /** Of the block that is searched. */
  #from = 0;
  #to = 0;
  /** A block as it stands in its file, and its records. */
  #stored: Int32Array;
  readonly #scratch: BlockScratch = new BlockScratch();
  /** Views of `#stored` by their length in units of 8 bytes: one is made once. */
  #views: (Uint8Array | undefined)[] = [];

  constructor(disk: Disk, files: OpenFiles, cache: BlockCache, blockBytes: number) {
    this.#disk = disk;
    this.#cache = cache;
    this.#files = files;
    this.#stored = new Int32Array(blockBytes / 4);
  }

  /** A LOOKUP. */
  find(
    tables: TableCandidates,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): number {
    this.lookupCount += 1;
    let at = tables.nextCandidate(0, bucketId, tokenHigh, tokenLow);
    while (at !== -1) {
      const reader = tables.readers[at]!;
      let block = reader.locate(bucketId, tokenHigh, tokenLow);
      while (block !== -1) {
        if (!this.#load(reader, block)) return LOOKUP.failed;
        const record = reader.searchWords(
          this.words,
          this.#from,
          this.#to,
          block,
          bucketId,
          tokenHigh,
          tokenLow,
          key,
          keyAt,
          keyBytes,
        );
        if (record >= 0) {
          this.record = record;
          return LOOKUP.found;
        }
        block = record === NEXT_BLOCK ? block + 1 : -1;
      }
      this.falsePositives += 1;
      at = tables.nextCandidate(at + 1, bucketId, tokenHigh, tokenLow);
    }
    return LOOKUP.absent;
  }

  /** Makes `words` the block: out of the cache, or read, verified and decoded. */
  #load(reader: TableReader, block: number): boolean {
    const cache = this.#cache;
    const { fileNumber } = reader.table;
    if (cache.find(fileNumber, block)) {
      this.words = cache.words;
      this.#from = cache.from;
      this.#to = cache.to;
      return true;
    }
    const opened = this.#files.handleOf(fileNumber);
    if (typeof opened !== 'number' && !opened.ok) return this.#failed(opened);
    const file = typeof opened === 'number' ? opened : opened.value;
    if (!this.#read(reader, block, file)) return false;
    const scratch = this.#scratch;
    cache.insert(fileNumber, block, scratch.words, scratch.from, scratch.to);
    this.words = scratch.words;
    this.#from = scratch.from;
    this.#to = scratch.to;
    return true;
  }

  #read(reader: TableReader, block: number, file: number): boolean {
    const byteCount = reader.blockByteCount(block);
    const view = this.#viewOf(byteCount);
    const offset = reader.blockOffset(block);
    this.blocksRead += 1;
    const read = this.#disk.read(file, view, offset);
    if (!read.ok) return this.#failed(read);
    if (read.value < byteCount && !this.#readRest(file, view, offset, read.value)) return false;
    if (reader.openBlock(this.#stored, 0, block, this.#scratch)) return true;
    return this.#failed({
      ok: false,
      code: 'EIO',
      detail: `block ${block} of ${reader.name} is damaged`,
    });
  }

  #readRest(file: number, view: Uint8Array, offset: number, from: number): boolean {
    const rest: DiskResult<number> = readWhole(
      this.#disk,
      file,
      view.subarray(from),
      offset + from,
    );
    return rest.ok ? true : this.#failed(rest);
  }

  #viewOf(byteCount: number): Uint8Array {
    if (byteCount > this.#stored.length * 4) {
      this.#stored = new Int32Array(byteCount / 4);
      this.#views = [];
    }
    const found = this.#views[byteCount / 8];
    if (found !== undefined) return found;
    const view = new Uint8Array(this.#stored.buffer, 0, byteCount);
    this.#views[byteCount / 8] = view;
    return view;
  }

  #failed(error: DiskError): boolean {
    this.failure = error;
    return false;
  }
}
