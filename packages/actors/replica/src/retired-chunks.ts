/**
 * Chunks that were given up and are not free yet: no lookup finds what they hold, and those who were
 * given places in them still read there.
 *
 *     resident --retire--> every reader past what named it --recycle--> free
 *
 * Invariants:
 *   FC3 a retired chunk is recycled only when every consumer has let go of all that was written to it
 *       before the chunk was retired, and the log writer, who may be behind the flush, of its records
 */
import { LANE, type Lane } from '@clockwise/kernel/core';
import type { ReplicaPublished } from '@clockwise/kernel/effects';
import { sometimes } from '@clockwise/kernel/probe';
import { CHUNK_KIND } from '@clockwise/storage/chunk';
import type { ReplicaContext } from './replica-context.ts';

/**
 * A chunk that no lookup finds any more, and what its readers must have passed. The step that retires
 * it may still have frames under construction that name it, so positions are taken in the next one.
 */
interface RetiredChunk {
  readonly chunk: number;
  positions: { readonly now: readonly number[]; readonly durable: readonly number[] } | undefined;
}

export class RetiredChunks {
  readonly #context: ReplicaContext;
  readonly #coordinatorCount: number;
  #retired: RetiredChunk[] = [];

  constructor(context: ReplicaContext, coordinatorCount: number) {
    this.#context = context;
    this.#coordinatorCount = coordinatorCount;
  }

  get count(): number {
    return this.#retired.length;
  }

  /** Chunks of clean copies among them. */
  get cacheCount(): number {
    const { kinds } = this.#context.memtable.pool;
    return this.#retired.filter(({ chunk }) => kinds[chunk] === CHUNK_KIND.cache).length;
  }

  retire(chunk: number): void {
    const { kinds } = this.#context.memtable.pool;
    sometimes(kinds[chunk] === CHUNK_KIND.log, 'memory: a flushed chunk is given up');
    sometimes(kinds[chunk] === CHUNK_KIND.cache, 'memory: a chunk of clean copies is given up');
    this.#context.memtable.retire(chunk);
    this.#retired.push({ chunk, positions: undefined });
  }

  /** [FC3] */
  recycle(published: ReplicaPublished): void {
    if (this.#retired.length === 0) return;
    const { memtable, releasedSequence } = this.#context;
    const targets = Array.from({ length: this.#coordinatorCount }, (_, target) => target);
    const passed = (lane: Lane, positions: readonly number[]): boolean =>
      positions.every((position, target) => published.consumed(target, lane) >= position);
    this.#retired = this.#retired.filter((retired) => {
      retired.positions ??= {
        now: targets.map((target) => published.written(target, LANE.now)),
        durable: targets.map((target) => published.written(target, LANE.durable)),
      };
      const { now, durable } = retired.positions;
      const isLogged = memtable.pool.lastSequences[retired.chunk]! <= releasedSequence;
      sometimes(!isLogged, 'memory: a retired chunk waits for the log');
      const isFree = isLogged && passed(LANE.now, now) && passed(LANE.durable, durable);
      sometimes(isLogged && !isFree, 'memory: a retired chunk waits for its readers');
      if (isFree) memtable.recycle(retired.chunk);
      return !isFree;
    });
  }
}
