/**
 * What a page reads of one run of tables: its tables one after the other, each as far as it lies within
 * the page's range, without what range drops took away. Blocks that the cache holds are taken from it,
 * the others are the caller's to read.
 *
 * Invariants:
 *   RS1 the parts are the run's records of the range, in order, from the beginning to where it was read
 *   RS2 `hasMore` is false only where the run was read to the end of the range
 */
import { HEADER } from '@clockwise/record/layout';
import type { BlockCache } from '@clockwise/storage/block-cache';
import type { BlockScratch } from '@clockwise/storage/block-codec';
import type { LevelSet } from '@clockwise/storage/level-set';
import type { BlockRead } from '@clockwise/storage/sstable-reader';
import { meetsRange } from '@clockwise/storage/table-extent';
import type { TokenRange } from '@clockwise/storage/token-range';
import type { PageSource } from './scan-merge.ts';

export class RunSource implements PageSource {
  readonly parts: Int32Array[] = [];
  hasMore = true;
  readonly #levels: LevelSet;
  readonly #range: TokenRange;
  readonly #end: number;
  #table: number;
  #nextBlock = -1;

  constructor(levels: LevelSet, run: number, range: TokenRange) {
    this.#levels = levels;
    this.#range = range;
    this.#table = levels.runStarts[run]!;
    this.#end = levels.runStarts[run + 1]!;
    this.#findNext(0);
  }

  /** Takes what the cache holds; then the blocks to read, if any, all of up to `byteCountMax` bytes. */
  nextRead(cache: BlockCache, scratch: BlockScratch, byteCountMax: number): BlockRead | undefined {
    let byteCount = 0;
    for (;;) {
      const next = this.#findNext(0);
      if (next === undefined || (byteCount > 0 && byteCount >= byteCountMax)) return undefined;
      const reader = this.#levels.readers[this.#table]!;
      if (!cache.peek(reader.table.fileNumber, next.firstBlock)) break;
      if (!reader.openStored(cache.words, cache.from, scratch)) break;
      this.#keep(scratch.words, scratch.from, scratch.to);
      this.#nextBlock = next.firstBlock + 1;
      byteCount += next.byteCount;
    }
    return this.#findNext(byteCountMax - byteCount);
  }

  /** Takes the blocks that `nextRead` named; false: one of them is damaged. */
  take({ firstBlock, blockCount }: BlockRead, words: Int32Array, scratch: BlockScratch): boolean {
    const reader = this.#levels.readers[this.#table]!;
    let at = 0;
    for (let block = firstBlock; block < firstBlock + blockCount; block += 1) {
      if (!reader.openBlock(words, at, block, scratch)) return false;
      this.#keep(scratch.words, scratch.from, scratch.to);
      at += reader.blockByteCount(block) / 4;
    }
    this.#nextBlock = firstBlock + blockCount;
    this.#findNext(0);
    return true;
  }

  /** The next blocks of the range, at least one; undefined: there is none. */
  #findNext(byteCountMax: number): BlockRead | undefined {
    for (; this.#table < this.#end; this.#table += 1) {
      const reader = this.#levels.readers[this.#table]!;
      if (meetsRange(reader.table, this.#range)) {
        const blocks = reader.scanRead(this.#range, this.#nextBlock, byteCountMax);
        if (blocks !== undefined) return blocks;
      }
      this.#nextBlock = -1;
    }
    this.hasMore = false;
    return undefined;
  }

  /** Copies a block's records, but for those that a range drop took away. */
  #keep(words: Int32Array, from: number, to: number): void {
    let begin = from;
    for (let record = from; record < to;) {
      const end = record + words[record + HEADER.wordCount]!;
      if (this.#isDropped(words, record)) {
        if (begin < record) this.parts.push(words.slice(begin, record));
        begin = end;
      }
      record = end;
    }
    if (begin < to) this.parts.push(words.slice(begin, to));
  }

  #isDropped(words: Int32Array, record: number): boolean {
    return this.#levels.isDropped(
      this.#table,
      words[record + HEADER.bucketId]!,
      words[record + HEADER.tokenHigh]!,
      words[record + HEADER.tokenLow]!,
    );
  }
}
