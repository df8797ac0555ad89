/** What an embedded store is opened with: its disk, its jobs, its limits, and what a core must not make. */
import type { Limits } from '@clockwise/kernel/limits';
import type { BlockCodecs } from './block-codec.ts';
import type { AllocateChunk } from './chunk.ts';
import type { Checksum } from './checksum.ts';
import type { Disk } from './disk.ts';
import type { JobRunner } from './job-runner.ts';

export type LocalStoreLimits = Pick<
  Limits,
  | 'memtableChunkBytes'
  | 'memtableChunksMax'
  | 'memtableFrozenMax'
  | 'logSegmentBytes'
  | 'logGroupBytesMax'
  | 'tableBlockBytes'
  | 'tableCodec'
  | 'bloomBitsPerKey'
  | 'tableBytes'
  | 'levelBytes1'
  | 'levelFanout'
  | 'runsMin'
  | 'runsMax'
  | 'blockCacheBytes'
  | 'diskReserveBytes'
  | 'reserveFilesMin'
>;

export interface LocalStoreOptions {
  readonly disk: Disk;
  readonly tools: { readonly checksum: Checksum; readonly codecs: BlockCodecs };
  readonly limits: LocalStoreLimits;
  readonly allocate: AllocateChunk;
  readonly jobs: JobRunner;
  /** Of the index in memory: from a source that nobody outside can guess. */
  readonly secretLow: number;
  readonly secretHigh: number;
  readonly storeIdLow: number;
  readonly storeIdHigh: number;
  /** All keys are of this bucket. */
  readonly bucketId: number;
  readonly tokenOf: (
    token: { high: number; low: number },
    bucketId: number,
    words: Int32Array,
    at: number,
    byteCount: number,
  ) => void;
  readonly partitionCountLog2: number;
  /** Slots that the index in memory begins with, a power of two. */
  readonly indexSlots: number;
  /** Tables that may be open for reads at once. */
  readonly openFilesMax: number;
  /** Chunks of clean copies of what reads brought from tables; 0: none are kept. */
  readonly cacheChunksMax: number;
  /** Deleted keys and expired values go with the first merge that may take them: no other store hears. */
  readonly forgets: boolean;
  /** An empty folder is damage: this store has held data before (F16). */
  readonly mustExist: boolean;
  readonly nowMs: number;
}
