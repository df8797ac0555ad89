/**
 * From frozen chunks to tables: what is asked of the pool, in which order, and what becomes of it. How
 * chunks that are flushed are given up says memory-room.ts.
 *
 *     frozen --flush-chunk--> flush job --> an edition --> table counts, chunk is resident
 *
 * Invariants:
 *   FC1 a table counts, and the log's floor passes its records, only when an edition of the manifest
 *       that names it is durable
 *   FC2 one flush at a time; a number for a file or an edition is used once. A table whose edition
 *       failed is not written again: its edition is tried again, under another number
 */
import { buggify } from '@clockwise/kernel/buggify';
import type { Instant } from '@clockwise/kernel/core';
import type { DiskFailure } from '@clockwise/kernel/effects';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { flushCodec } from '@clockwise/storage/block-codec';
import { CHUNK_STATE } from '@clockwise/storage/chunk';
import type { FlushInput } from '@clockwise/storage/flush-job';
import { leavesName, tableName } from '@clockwise/storage/file-names';
import type { JobOutput } from '@clockwise/storage/jobs';
import type { ChunkDescription } from '@clockwise/storage/memtable';
import type { ReplicaContext, ReplicaOptions } from './replica-context.ts';
import type { StorePublisher } from './store-publisher.ts';

/** A chunk that is not resident yet although its flush began. */
interface Flushing {
  /** The chunk that the compactor named last; flushed is the oldest. */
  readonly asked: number;
  readonly chunk: ChunkDescription;
  readonly beganAt: Instant;
}

type FlushState =
  | { readonly kind: 'idle' }
  | (Flushing & {
      readonly kind: 'writing';
      readonly job: number;
      readonly leavesFileNumber: number;
    })
  /** `waiting`: the edition that names the table failed; it is tried again when a flush is asked for. */
  | (Flushing & {
      readonly kind: 'publishing' | 'waiting';
      readonly leaves: Int32Array | undefined;
    });

export class FlushControl {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  #floorLeaves: Int32Array;
  #state: FlushState = { kind: 'idle' };
  #reported: Set<number> = new Set();
  /** No flush begins: somebody is about to change the leaves. */
  #isHeld = false;

  constructor(context: ReplicaContext, publisher: StorePublisher, options: ReplicaOptions) {
    this.#context = context;
    this.#publisher = publisher;
    this.#floorLeaves = options.floorLeaves;
  }

  figures(): Record<string, number> {
    const { pool } = this.#context.memtable;
    return {
      chunksFrozen: pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing),
      chunksResident: pool.countState(CHUNK_STATE.resident),
      lastSequence: this.#context.memtable.nextSequence - 1,
    };
  }

  /** Tells the compactor of chunks that became frozen. REQUIRES: the shard is not fenced. */
  afterStep(): void {
    const { pool } = this.#context.memtable;
    if (buggify('replica: freeze the active chunk early')) this.#context.memtable.freeze();
    for (let chunk = 0; chunk < pool.states.length; chunk += 1) {
      if (pool.states[chunk] === CHUNK_STATE.frozen && !this.#reported.has(chunk)) {
        this.#report(chunk);
      }
    }
  }

  /** The compactor, after its own restart, asks what waits. */
  reportFrozen(): void {
    this.#reported.clear();
  }

  #report(chunk: number): void {
    const { shard, memtable, out } = this.#context;
    this.#reported.add(chunk);
    sometimes(this.#state.kind !== 'idle', 'flush: a chunk is frozen while another is flushed');
    const frozenCount = memtable.pool.countState(CHUNK_STATE.frozen);
    const message: ActorMessage = { kind: 'chunk-frozen', shard, chunk, frozenCount };
    out.effect({ kind: 'tell', to: 'compactor', message });
  }

  /** The compactor's word: flush the oldest frozen chunk now. */
  flush(chunk: number): void {
    if (this.#context.fenced) return;
    const state = this.#state;
    const isBusy = this.#isHeld || state.kind === 'writing' || state.kind === 'publishing';
    sometimes(isBusy, 'flush: one is asked for while another is under way');
    if (isBusy || buggify('replica: put a flush off')) {
      // A compactor that began anew knows nothing of the flush under way: it tries again.
      this.#tellFlushed(chunk, false);
      return;
    }
    if (state.kind === 'waiting') {
      reachable('flush: the edition of a table is tried again');
      this.#state = { ...state, kind: 'publishing', asked: chunk };
      this.#publisher.publish();
      return;
    }
    const description = this.#context.memtable.beginFlush();
    if (description === undefined) {
      reachable('flush: one is asked for and nothing is frozen');
      this.#tellFlushed(chunk, true);
      return;
    }
    this.#begin(chunk, description);
  }

  /** The leaves as of the floor; until `release` no flush begins. Undefined: one is under way. */
  hold(): Int32Array | undefined {
    if (this.#state.kind !== 'idle') return undefined;
    this.#isHeld = true;
    return this.#floorLeaves;
  }

  /** `leaves`: those that count at the floor from the edits that wait now; undefined: as they were. */
  release(leaves: Int32Array | undefined): void {
    this.#isHeld = false;
    if (leaves !== undefined) this.#floorLeaves = leaves;
  }

  #begin(asked: number, chunk: ChunkDescription): void {
    // [FC2]
    const fileNumber = this.#context.versions.takeFileNumbers(2);
    const leavesFileNumber = fileNumber + 1;
    const input = this.#flushInput(chunk, fileNumber, leavesFileNumber);
    const job = this.#context.askJob({ kind: 'flush', input });
    const beganAt = this.#context.now;
    this.#state = { kind: 'writing', job, asked, chunk, beganAt, leavesFileNumber };
  }

  #flushInput(chunk: ChunkDescription, fileNumber: number, leavesFileNumber: number): FlushInput {
    const { limits, versions } = this.#context;
    return {
      words: new Int32Array(chunk.buffer),
      usedWords: chunk.usedWords,
      recordCount: chunk.recordCount,
      firstSequence: chunk.firstSequence,
      lastSequence: chunk.lastSequence,
      fileNumber,
      storeIdLow: versions.manifest.storeIdLow,
      storeIdHigh: versions.manifest.storeIdHigh,
      blockBytes: limits.tableBlockBytes,
      codec: flushCodec(limits.tableCodec),
      bloomBitsPerKey: limits.bloomBitsPerKey,
      rangeDrops: versions.rangeDrops,
      leaves: { fileNumber: leavesFileNumber, words: this.#floorLeaves },
    };
  }

  /** A flush job ended. */
  written(job: number, { parts, leaves }: Extract<JobOutput, { readonly kind: 'flush' }>): void {
    const state = this.#state;
    if (state.kind !== 'writing' || state.job !== job) return;
    const { versions, counters } = this.#context;
    const { asked, chunk, beganAt, leavesFileNumber } = state;
    counters.bytesFlushed += parts?.footer.table.byteCount ?? 0;
    versions.planFlush(parts, chunk.lastSequence, leaves === undefined ? 0 : leavesFileNumber);
    this.#state = { kind: 'publishing', asked, chunk, beganAt, leaves };
    this.#publisher.publish();
  }

  /** [FC1] An edition is durable: from here on the table counts, if the edition names it. */
  published(): void {
    const state = this.#state;
    if (state.kind !== 'publishing' && state.kind !== 'waiting') return;
    const { memtable, counters, versions, throttle, now } = this.#context;
    const { asked, chunk, leaves, beganAt } = state;
    if (versions.manifest.floorSequence < chunk.lastSequence) return;
    this.#state = { kind: 'idle' };
    if (leaves !== undefined) this.#floorLeaves = leaves;
    memtable.flushed(chunk.chunk);
    this.#reported.delete(chunk.chunk);
    counters.flushes += 1;
    throttle.flushed(chunk.usedWords * 4, now - beganAt);
    // Whoever asked has its answer where the edition was tried again for a merge.
    if (state.kind === 'publishing') this.#tellEnded(asked, chunk.chunk, true);
  }

  /** The table is there, and waits for an edition. */
  publishFailed(failure: DiskFailure): void {
    const state = this.#state;
    if (state.kind !== 'publishing') return;
    reachable('flush: a manifest cannot be published');
    this.#state = { ...state, kind: 'waiting' };
    this.#failed(failure);
    this.#tellEnded(state.asked, state.chunk.chunk, false);
  }

  /** False: not a flush. [FC2] What lies under its numbers is removed by the next edition. */
  jobFailed(job: number, failure: DiskFailure): boolean {
    const state = this.#state;
    if (state.kind !== 'writing' || state.job !== job) return false;
    reachable('flush: a table cannot be written');
    this.#state = { kind: 'idle' };
    this.#context.memtable.flushFailed(state.chunk.chunk);
    const { leavesFileNumber } = state;
    this.#context.versions.discard([tableName(leavesFileNumber - 1), leavesName(leavesFileNumber)]);
    this.#failed(failure);
    this.#tellEnded(state.asked, state.chunk.chunk, false);
    return true;
  }

  #failed(failure: DiskFailure): void {
    this.#context.counters.flushesFailed += 1;
    this.#context.lastDiskFailure = failure;
  }

  /** The chunk that was asked for waits still where an older one was flushed: it is reported again. */
  #tellEnded(asked: number, flushed: number, ok: boolean): void {
    this.#tellFlushed(flushed, ok);
    if (asked === flushed) return;
    reachable('flush: an older chunk is flushed than the one asked for');
    this.#reported.delete(asked);
    this.#tellFlushed(asked, ok);
  }

  #tellFlushed(chunk: number, ok: boolean): void {
    const { shard, out } = this.#context;
    const message: ActorMessage = { kind: 'chunk-flushed', shard, chunk, ok };
    out.effect({ kind: 'tell', to: 'compactor', message });
  }
}
