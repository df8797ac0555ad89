/**
 * A shard's memory as a coordinator's core sees it: the same object for as long as the core lives,
 * with the chunks of whichever replica serves the shard now.
 *
 * Invariants:
 *   SM1 chunks change only between two steps, together with the event `channel-up`
 */
import type { ShardMemory } from '@clockwise/kernel/effects';

export class SharedShardMemory implements ShardMemory {
  chunks: readonly Int32Array[] = [];

  use(buffers: readonly SharedArrayBuffer[]): void {
    this.chunks = buffers.map((buffer) => new Int32Array(buffer));
  }
}

/** REQUIRES: called once per life of a shard. The pages are touched only when they are written. */
export function allocateChunks(chunkCount: number, chunkBytes: number): SharedArrayBuffer[] {
  return Array.from({ length: chunkCount }, () => new SharedArrayBuffer(chunkBytes));
}
