/** Configurations of an embedded store, drawn so that nothing may differ by them but speed. */
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import type { Prng } from '@clockwise/kernel/prng';
import type { LocalConfiguration } from './local-fixture.ts';

const KIB = 1024;

export function drawConfiguration(prng: Prng): LocalConfiguration {
  const cacheChunksMax = prng.pick([0, 1, 3]);
  const memtableFrozenMax = prng.between(1, 4);
  const runsMin = prng.between(2, 4);
  return {
    memtableChunkBytes: prng.pick([4, 4, 8, 16, 64]) * KIB,
    memtableChunksMax: memtableFrozenMax + cacheChunksMax + prng.between(2, 4),
    memtableFrozenMax,
    logSegmentBytes: prng.pick([4, 8, 32]) * KIB,
    logGroupBytesMax: prng.pick([1, 4, 16]) * KIB,
    tableBlockBytes: prng.pick([256, 512, 1024, 4096]),
    tableCodec: prng.pick(TABLE_CODECS),
    bloomBitsPerKey: prng.between(4, 16),
    tableBytes: prng.pick([4, 8, 32]) * KIB,
    levelBytes1: prng.pick([16, 32, 128]) * KIB,
    levelFanout: prng.between(2, 8),
    runsMin,
    runsMax: runsMin + prng.between(1, 6),
    blockCacheBytes: prng.pick([0, 4, 16, 64]) * KIB,
    diskReserveBytes: prng.pick([0, 4]) * KIB,
    reserveFilesMin: 1,
    partitionCountLog2: prng.between(0, 6),
    cacheChunksMax,
    openFilesMax: prng.pick([1, 8]),
    forgets: prng.chance(0.5),
  };
}

/** Opens whatever another configuration wrote. */
export const ROOMY: LocalConfiguration = {
  memtableChunkBytes: 64 * KIB,
  memtableChunksMax: 16,
  memtableFrozenMax: 12,
  logSegmentBytes: 64 * KIB,
  logGroupBytesMax: 64 * KIB,
  tableBlockBytes: 1024,
  tableCodec: 0,
  bloomBitsPerKey: 10,
  tableBytes: 16 * KIB,
  levelBytes1: 64 * KIB,
  levelFanout: 4,
  runsMin: 3,
  runsMax: 12,
  blockCacheBytes: 0,
  diskReserveBytes: 0,
  reserveFilesMin: 1,
  partitionCountLog2: 3,
  cacheChunksMax: 0,
  openFilesMax: 8,
  forgets: false,
};
