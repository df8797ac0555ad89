/**
 * Reads of single keys from tables: from the newest table that may hold the key to the oldest, one
 * block at a time. A block that the cache holds is searched in the same step; one that it does not is
 * read by an effect, and goes into the cache. What is found goes into memory as a clean copy, so that
 * every answer names a record in memory.
 *
 * data plane (inMemory)
 *
 * Invariants:
 *   TD1 a block is believed only after its checksum; a damaged one fails the read
 *   TD2 a search during which memory was given up or dropped begins anew; one during which the tables
 *       changed goes on in those that it holds, because what left memory for tables answers from memory
 *   TD3 what is found is the fold of all versions down to the first that is no delta
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { BlockCache } from '@clockwise/storage/block-cache';
import { BlockScratch } from '@clockwise/storage/block-codec';
import type { Combine } from '@clockwise/storage/compaction/version-merge';
import { DeltaFold, isDelta } from '@clockwise/storage/delta-fold';
import type { LevelSet } from '@clockwise/storage/level-set';
import type { BlockRead } from '@clockwise/storage/sstable-reader';
import { DAMAGED_BLOCK, NEXT_BLOCK, NOT_IN_TABLE } from '@clockwise/storage/block-search';
import type { StoreVersions } from '@clockwise/storage/store-versions';
import { bytesOf } from '@clockwise/storage/whole-transfer';
import type { ParkedKey } from './parked-operations.ts';
import type { ReplicaContext } from './replica-context.ts';

/** What `inMemory` says. */
export const SEARCHED = {
  /** The memtable's `chunk` and `offset` name the record. */
  found: 0,
  absent: 1,
  /** A block must be read, or there is no room for a clean copy now: park, then `start`. */
  unread: 2,
} as const;

export type ReadEnded =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'found'; readonly parked: ParkedKey }
  | { readonly kind: 'next'; readonly parked: ParkedKey }
  | { readonly kind: 'no-room'; readonly parked: ParkedKey }
  | { readonly kind: 'failed'; readonly parked: ParkedKey };

/** Where the search for a key stands. */
interface Search {
  readonly parked: ParkedKey;
  /** The tables that it holds. */
  readonly pin: number;
  /** The memory that it began with. */
  readonly retiredCount: number;
  table: number;
  /** The block to look at next in that table; -1: locate it. */
  block: number;
  /** [TD3] Of the versions found so far, where the newest is a delta. */
  fold: DeltaFold | undefined;
}

export class TableReads {
  readonly #context: ReplicaContext;
  readonly #versions: StoreVersions;
  readonly combine: Combine;
  /** Blocks of tables as they stand in their files: scans look into it, too. */
  readonly cache: BlockCache;
  readonly #searches: Map<ParkedKey, Search> = new Map();
  readonly #reads: Map<number, Search> = new Map();
  readonly #scratch: BlockScratch = new BlockScratch();
  #readCount = 0;
  /** Of which the cache has heard what they hold in memory. */
  #version = -1;
  /** Where the last search in memory ended. */
  #table = 0;
  #block = -1;
  #lookupCount = 0;
  #blockCount = 0;
  #falsePositiveCount = 0;

  constructor(context: ReplicaContext, combine: Combine) {
    this.#context = context;
    this.combine = combine;
    this.#versions = context.versions;
    this.cache = new BlockCache(context.limits.blockCacheBytes);
  }

  figures(): Record<string, number> {
    const perLookup = this.#blockCount / Math.max(1, this.#lookupCount);
    return {
      // Lookups of keys for which a block was read, and the blocks: of one lookup, to hundredths.
      tableLookups: this.#lookupCount,
      blocksRead: this.#blockCount,
      readAmplification: Math.round(perLookup * 100) / 100,
      filterFalsePositives: this.#falsePositiveCount,
      blockCacheHits: this.cache.hitCount,
      blockCacheMisses: this.cache.missCount,
      blockCacheBytes: this.cache.byteCount,
    };
  }

  /** Looks for a key that memory does not hold in the blocks that the cache holds: SEARCHED. */
  inMemory(
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    key: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): number {
    const versions = this.#versions;
    if (this.#version !== versions.version) this.#takeVersion();
    this.#table = 0;
    this.#block = -1;
    const { levels } = versions;
    return this.#search(levels, bucketId, tokenHigh, tokenLow, key, keyOffset, keyByteCount, hash);
  }

  /** From `#table` and `#block` on: SEARCHED. Where it is `unread` they say which block. */
  #search(
    levels: LevelSet,
    bucketId: number,
    tokenHigh: number,
    tokenLow: number,
    key: Int32Array,
    keyOffset: number,
    keyByteCount: number,
    hash: number,
  ): number {
    const cache = this.cache;
    const scratch = this.#scratch;
    let table = this.#table;
    let block = this.#block;
    for (;;) {
      if (block < 0) {
        table = levels.nextCandidate(table, bucketId, tokenHigh, tokenLow);
        if (table < 0) return SEARCHED.absent;
        block = levels.readers[table]!.locate(bucketId, tokenHigh, tokenLow);
      }
      const reader = levels.readers[table]!;
      let found = NOT_IN_TABLE;
      if (block >= 0) {
        this.#table = table;
        this.#block = block;
        if (!cache.find(reader.table.fileNumber, block)) return SEARCHED.unread;
        found = reader.searchStored(
          cache.words,
          cache.bytes,
          cache.from,
          block,
          scratch,
          bucketId,
          tokenHigh,
          tokenLow,
          key,
          keyOffset,
          keyByteCount,
        );
      }
      if (found >= 0) {
        // [TD3] A delta is for `take`: what is older may have to be read.
        if (isDelta(scratch.words, found)) return SEARCHED.unread;
        reachable('tables: a key is found in a block that the cache holds');
        if (this.#context.memtable.insertCached(scratch.words, found, hash) >= 0) {
          return SEARCHED.found;
        }
        reachable('tables: what the block cache holds finds no room in memory');
        return SEARCHED.unread;
      }
      // [TD1] Its read will say so.
      if (found === DAMAGED_BLOCK) return SEARCHED.unread;
      if (found === NEXT_BLOCK) {
        block += 1;
      } else {
        this.#falsePositiveCount += 1;
        table += 1;
        block = -1;
      }
    }
  }

  /** Begins to read for a key. REQUIRES: the last `inMemory` was for this key, and said `unread`. */
  start(parked: ParkedKey): void {
    this.#lookupCount += 1;
    this.#issue(this.#begin(parked, this.#table, this.#block));
  }

  /** Goes on with the search for a key: by a read, or to its end. */
  next(parked: ParkedKey): 'reading' | 'found' | 'absent' | 'no-room' {
    const search = this.#searches.get(parked) ?? this.#begin(parked, 0, -1);
    const { bucketId, tokenHigh, tokenLow, key, keyByteCount, hash } = parked;
    const levels = this.#versions.readersOf(search.pin);
    if (search.fold !== undefined) return this.#nextOlder(search, search.fold, levels);
    this.#table = search.table;
    this.#block = search.block;
    const searched = this.#search(
      levels,
      bucketId,
      tokenHigh,
      tokenLow,
      key,
      0,
      keyByteCount,
      hash,
    );
    if (searched === SEARCHED.unread) {
      search.table = this.#table;
      search.block = this.#block;
      this.#issue(search);
      return 'reading';
    }
    this.#end(search);
    if (searched === SEARCHED.found) return 'found';
    if (!this.#isOld(search)) return 'absent';
    reachable('tables: a key that was in no table is looked for anew');
    return this.next(parked);
  }

  /** [TD3] Reads on for what a delta is to be folded with; without any, the fold is what there is. */
  #nextOlder(search: Search, fold: DeltaFold, levels: LevelSet): 'reading' | 'found' | 'no-room' {
    const { bucketId, tokenHigh, tokenLow, hash } = search.parked;
    while (search.block < 0) {
      search.table = levels.nextCandidate(search.table, bucketId, tokenHigh, tokenLow);
      if (search.table < 0) {
        this.#end(search);
        return this.#context.memtable.insertCached(fold.words, 0, hash) < 0 ? 'no-room' : 'found';
      }
      search.block = levels.readers[search.table]!.locate(bucketId, tokenHigh, tokenLow);
      if (search.block < 0) search.table += 1;
    }
    this.#issue(search);
    return 'reading';
  }

  /** A number for a read that somebody else issues. */
  readNumber(): number {
    this.#readCount += 1;
    this.#context.latency.readBegan(this.#readCount, this.#context.now);
    return this.#readCount;
  }

  #begin(parked: ParkedKey, table: number, block: number): Search {
    const pin = this.#versions.pin();
    const { retiredCount } = this.#context.memtable;
    const search: Search = { parked, pin, retiredCount, table, block, fold: undefined };
    this.#searches.set(parked, search);
    return search;
  }

  #issue(search: Search): void {
    const reader = this.#versions.readersOf(search.pin).readers[search.table]!;
    const { file, offset, byteCount }: BlockRead = reader.blockRead(search.block);
    const read = this.readNumber();
    this.#reads.set(read, search);
    this.#blockCount += 1;
    this.#context.counters.diskReads += 1;
    this.#context.out.effect({ kind: 'read', read, file, offset, byteCount });
  }

  /** A read came back; `words` is undefined where it failed. */
  take(read: number, words: Int32Array | undefined): ReadEnded {
    const search = this.#reads.get(read);
    if (search === undefined) return { kind: 'unknown' };
    this.#reads.delete(read);
    const { parked } = search;
    // A fence ended the wait meanwhile.
    if (this.#context.fenced) return this.#ended(search, 'failed');
    const { block } = search;
    const reader = this.#versions.readersOf(search.pin).readers[search.table]!;
    const scratch = this.#scratch;
    if (words === undefined || !reader.isSoundAt(words, 0, block)) {
      sometimes(words !== undefined, 'tables: a damaged block fails its read');
      return this.#ended(search, 'failed');
    }
    const wordCount = reader.blockByteCount(block) / 4;
    this.cache.insert(reader.table.fileNumber, block, words, 0, wordCount);
    if (this.#isOld(search)) {
      reachable('tables: a search begins anew after its block was read');
      return this.#ended(search, 'next');
    }
    const { bucketId, tokenHigh, tokenLow, key, keyByteCount } = parked;
    const found = reader.searchStored(
      words,
      bytesOf(words),
      0,
      block,
      scratch,
      bucketId,
      tokenHigh,
      tokenLow,
      key,
      0,
      keyByteCount,
    );
    if (found === DAMAGED_BLOCK) return this.#ended(search, 'failed');
    if (found === NEXT_BLOCK) {
      search.block += 1;
      return { kind: 'next', parked };
    }
    sometimes(found >= 0 && search.table > 0, 'tables: a key is found in an older table');
    if (found === NOT_IN_TABLE) {
      reachable('tables: a filter said maybe and the block does not hold the key');
      this.#falsePositiveCount += 1;
      search.table += 1;
      search.block = -1;
      return { kind: 'next', parked };
    }
    return this.#found(search, scratch.words, found);
  }

  /** [TD3] */
  #found(search: Search, words: Int32Array, record: number): ReadEnded {
    const { parked } = search;
    const { memtable } = this.#context;
    const isWhole =
      search.fold === undefined ? !isDelta(words, record) : search.fold.add(words, record);
    if (isWhole) {
      const source = search.fold?.words ?? words;
      const from = search.fold === undefined ? record : 0;
      const copied = memtable.insertCached(source, from, parked.hash) >= 0;
      return this.#ended(search, copied ? 'found' : 'no-room');
    }
    search.fold ??= new DeltaFold(this.combine, words, record);
    search.table += 1;
    search.block = -1;
    return { kind: 'next', parked };
  }

  #ended(search: Search, kind: 'found' | 'next' | 'no-room' | 'failed'): ReadEnded {
    this.#end(search);
    return { kind, parked: search.parked };
  }

  #end(search: Search): void {
    this.#searches.delete(search.parked);
    this.#versions.unpin(search.pin);
  }

  /** [TD2] */
  #isOld(search: Search): boolean {
    return (
      search.retiredCount !== this.#context.memtable.retiredCount ||
      buggify('tables: begin a search anew')
    );
  }

  /** The block cache has what the open tables leave of its bytes. */
  #takeVersion(): void {
    this.#version = this.#versions.version;
    this.cache.setPartsBytes(this.#versions.levels.partsBytes);
  }
}
