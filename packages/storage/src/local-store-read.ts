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
import { BlockRoom } from './block-room.ts';
import { DAMAGED_BLOCK, NEXT_BLOCK } from './block-search.ts';
import type { TableReader } from './sstable-reader.ts';
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
  /** A block as it stands in its file, and its records. */
  readonly #room: BlockRoom;
  readonly #scratch: BlockScratch = new BlockScratch();

  constructor(disk: Disk, files: OpenFiles, cache: BlockCache, blockBytes: number) {
    this.#disk = disk;
    this.#cache = cache;
    this.#files = files;
    this.#room = new BlockRoom(blockBytes);
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
        const record = this.#search(
          reader,
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
        if (record === DAMAGED_BLOCK) return LOOKUP.failed;
        block = record === NEXT_BLOCK ? block + 1 : -1;
      }
      this.falsePositives += 1;
      at = tables.nextCandidate(at + 1, bucketId, tokenHigh, tokenLow);
    }
    return LOOKUP.absent;
  }

  /** In the block, out of the cache or read; what is found stands in `words`. DAMAGED_BLOCK: `failure`. */
  #search(
    reader: TableReader,
    block: number,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    key: Int32Array,
    keyAt: number,
    keyBytes: number,
  ): number {
    const cache = this.#cache;
    const scratch = this.#scratch;
    const { fileNumber } = reader.table;
    const isCached = cache.find(fileNumber, block);
    if (!isCached && !this.#read(reader, block)) return DAMAGED_BLOCK;
    const room = this.#room;
    const record = reader.searchStored(
      isCached ? cache.words : room.words,
      isCached ? cache.bytes : room.bytes,
      isCached ? cache.from : room.at,
      block,
      scratch,
      bucketId,
      tokenHigh,
      tokenLow,
      key,
      keyAt,
      keyBytes,
    );
    this.words = scratch.words;
    if (record === DAMAGED_BLOCK) this.#damaged(reader, block);
    return record;
  }

  /** To the room, checked; and to the cache, where it is worth a copy. */
  #read(reader: TableReader, block: number): boolean {
    const opened = this.#files.handleOf(reader.table.fileNumber);
    if (typeof opened !== 'number' && !opened.ok) return this.#failed(opened);
    const file = typeof opened === 'number' ? opened : opened.value;
    const byteCount = reader.blockByteCount(block);
    const view = this.#room.viewFor(byteCount);
    const offset = reader.blockOffset(block);
    this.blocksRead += 1;
    const read = this.#disk.read(file, view, offset);
    if (!read.ok) return this.#failed(read);
    if (read.value !== byteCount && !this.#readRest(file, view, offset, read.value)) return false;
    const room = this.#room;
    if (!reader.isSound(room, block)) return this.#damaged(reader, block);
    const cache = this.#cache;
    const { fileNumber } = reader.table;
    if (cache.admits(fileNumber, block)) {
      cache.insert(fileNumber, block, room.words, room.at, room.at + byteCount / 4);
    }
    return true;
  }

  #readRest(file: number, view: Uint8Array, offset: number, from: number): boolean {
    const rest: DiskResult<number> = readWhole(
      this.#disk,
      file,
      view.subarray(from),
      offset + from,
    );
    if (!rest.ok) return this.#failed(rest);
    // Of a file that is too short, old bytes of the room must not stand for the missing ones.
    view.fill(0, from + rest.value);
    return true;
  }

  #damaged(reader: TableReader, block: number): boolean {
    return this.#failed({
      ok: false,
      code: 'EIO',
      detail: `block ${block} of ${reader.name} is damaged`,
    });
  }

  #failed(error: DiskError): boolean {
    this.failure = error;
    return false;
  }
}
