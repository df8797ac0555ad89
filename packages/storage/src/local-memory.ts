/** The memory of an embedded store. */
import { HEADER, HEADER_WORDS, PREFIX_WORDS } from '@clockwise/record/layout';
import type { LocalStoreOptions } from './local-options.ts';
import { Memtable } from './memtable.ts';

export function newMemtable(options: LocalStoreOptions): Memtable {
  const { limits } = options;
  return new Memtable({
    chunkBytes: limits.memtableChunkBytes,
    chunksMax: limits.memtableChunksMax,
    cacheChunksMax: options.cacheChunksMax,
    frozenMax: limits.memtableFrozenMax,
    partitionCountLog2: options.partitionCountLog2,
    indexSlots: options.indexSlots,
    secretLow: options.secretLow,
    secretHigh: options.secretHigh,
    firstSequence: 1,
    allocate: options.allocate,
  });
}

export function hashOf(memtable: Memtable, words: Int32Array, prefix: number): number {
  const record = prefix + PREFIX_WORDS;
  const keyBytes = words[record + HEADER.keyAndContext]! & 0xffff;
  return memtable.hash(words[record + HEADER.bucketId]!, words, record + HEADER_WORDS, keyBytes);
}
