/**
 * Reads of single keys from tables: from the newest table that may hold the key to the oldest, one
 * block at a time. What is found goes into memory as a clean copy, so that every answer names a
 * record in memory.
 *
 * Invariants:
 *   TD1 a block is believed only after its checksum; a damaged one fails the read
 *   TD2 a search during which a chunk was given up, or a table came, begins anew
 */
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import { BlockScratch } from '@clockwise/storage/block-codec';
import type { BlockRead, TableReader } from '@clockwise/storage/sstable-reader';
import { NEXT_BLOCK, NOT_IN_TABLE } from '@clockwise/storage/sstable-reader';
import type { ParkedKey } from './parked-operations.ts';
import type { ReplicaContext } from './replica-context.ts';
import type { TableSet } from './table-set.ts';

export type ReadEnded =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'found'; readonly parked: ParkedKey }
  | { readonly kind: 'next'; readonly parked: ParkedKey }
  | { readonly kind: 'no-room'; readonly parked: ParkedKey }
  | { readonly kind: 'failed'; readonly parked: ParkedKey };

/** Where the search for a key stands. */
interface Search {
  readonly parked: ParkedKey;
  /** The set and the memory that it began with. */
  readonly version: number;
  readonly retiredCount: number;
  readonly readers: readonly TableReader[];
  table: number;
  /** The block to read next in that table; -1: locate it. */
  block: number;
}

export class TableReads {
  readonly #context: ReplicaContext;
  readonly #tables: TableSet;
  readonly #searches: Map<ParkedKey, Search> = new Map();
  readonly #reads: Map<number, Search> = new Map();
  readonly #scratch: BlockScratch = new BlockScratch();
  #readCount = 0;

  constructor(context: ReplicaContext, tables: TableSet) {
    this.#context = context;
    this.#tables = tables;
  }

  mayContain(bucketId: number, tokenHigh: number, tokenLow: number): boolean {
    const { readers } = this.#tables;
    for (let index = 0; index < readers.length; index += 1) {
      if (readers[index]!.mayContain(bucketId, tokenHigh, tokenLow)) return true;
    }
    return false;
  }

  /** Issues the next read for a key; or it is in no table. */
  next(parked: ParkedKey): 'reading' | 'absent' {
    const search = this.#searches.get(parked) ?? this.#begin(parked);
    const { bucketId, tokenHigh, tokenLow } = parked;
    while (search.table < search.readers.length) {
      const reader = search.readers[search.table]!;
      if (search.block < 0 && reader.mayContain(bucketId, tokenHigh, tokenLow)) {
        search.block = reader.locate(bucketId, tokenHigh, tokenLow);
      }
      if (search.block >= 0) {
        this.#issue(search, reader.blockRead(search.block));
        return 'reading';
      }
      search.table += 1;
    }
    this.#searches.delete(parked);
    if (!this.#isOld(search)) return 'absent';
    reachable('tables: a key that was in no table is looked for anew');
    return this.next(parked);
  }

  /** A number for a read that somebody else issues. */
  readNumber(): number {
    this.#readCount += 1;
    this.#context.latency.readBegan(this.#readCount, this.#context.now);
    return this.#readCount;
  }

  #begin(parked: ParkedKey): Search {
    const search: Search = {
      parked,
      version: this.#tables.version,
      retiredCount: this.#context.memtable.retiredCount,
      readers: this.#tables.readers,
      table: 0,
      block: -1,
    };
    this.#searches.set(parked, search);
    return search;
  }

  #issue(search: Search, { file, offset, byteCount }: BlockRead): void {
    const read = this.readNumber();
    this.#reads.set(read, search);
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
    if (this.#context.fenced) return this.#end(search, 'failed');
    const reader = search.readers[search.table]!;
    const scratch = this.#scratch;
    if (words === undefined || !reader.openBlock(words, 0, search.block, scratch)) {
      sometimes(words !== undefined, 'tables: a damaged block fails its read');
      return this.#end(search, 'failed');
    }
    if (this.#isOld(search)) {
      reachable('tables: a search begins anew after its block was read');
      this.#searches.delete(parked);
      return { kind: 'next', parked };
    }
    const { bucketId, tokenHigh, tokenLow, key, keyByteCount, hash } = parked;
    const found = reader.searchWords(
      scratch.words,
      scratch.from,
      scratch.to,
      search.block,
      bucketId,
      tokenHigh,
      tokenLow,
      key,
      0,
      keyByteCount,
    );
    if (found === NEXT_BLOCK) {
      search.block += 1;
      return { kind: 'next', parked };
    }
    sometimes(found >= 0 && search.table > 0, 'tables: a key is found in an older table');
    if (found === NOT_IN_TABLE) {
      reachable('tables: a filter said maybe and the block does not hold the key');
      search.table += 1;
      search.block = -1;
      return { kind: 'next', parked };
    }
    const copied = this.#context.memtable.insertCached(scratch.words, found, hash) >= 0;
    return this.#end(search, copied ? 'found' : 'no-room');
  }

  #end(search: Search, kind: 'found' | 'no-room' | 'failed'): ReadEnded {
    this.#searches.delete(search.parked);
    return { kind, parked: search.parked };
  }

  /** [TD2] */
  #isOld(search: Search): boolean {
    return (
      search.version !== this.#tables.version ||
      search.retiredCount !== this.#context.memtable.retiredCount ||
      buggify('tables: begin a search anew')
    );
  }
}
