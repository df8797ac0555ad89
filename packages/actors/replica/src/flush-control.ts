/**
 * From frozen chunks to tables: what is asked of the pool, in which order, and what becomes of it;
 * and the chunks themselves, given up when memory is wanted and nobody reads them any more.
 *
 *     frozen --flush-chunk--> flush job --> manifest job --> table counts, chunk is resident
 *                                                            log floor rises
 *     resident --retire--> every reader past what named it --recycle--> free
 *
 * Invariants:
 *   FC1 a table counts, and the log's floor passes its records, only when an edition of the manifest
 *       that names it is durable
 *   FC2 one flush at a time; a number for a file or an edition is used once
 *   FC3 a retired chunk is recycled only when every consumer has let go of all that was written to it
 *       before the chunk was retired, and the log writer, who may be behind the flush, of its records
 */
import { assert, unreachable } from '@clockwise/kernel/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { LANE, type Lane } from '@clockwise/kernel/core';
import type { DiskFailure, ReplicaPublished } from '@clockwise/kernel/effects';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { CHUNK_KIND, CHUNK_STATE } from '@clockwise/storage/chunk';
import type { FlushInput } from '@clockwise/storage/flush-job';
import { leavesName } from '@clockwise/storage/file-names';
import type { JobOutput } from '@clockwise/storage/jobs';
import type { Manifest } from '@clockwise/storage/manifest';
import type { ChunkDescription } from '@clockwise/storage/memtable';
import { TableReader, type TableParts } from '@clockwise/storage/sstable-reader';
import type { ReplicaContext, ReplicaOptions } from './replica-context.ts';
import { TableSet } from './table-set.ts';

/** Free chunks below which resident ones are given up: one to rotate to, one for clean copies. */
const FREE_CHUNKS_WANTED = 2;

type FlushState =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'writing';
      readonly job: number;
      /** The chunk that the compactor named; flushed is the oldest. */
      readonly asked: number;
      readonly chunk: ChunkDescription;
    }
  | {
      readonly kind: 'publishing';
      readonly job: number;
      readonly asked: number;
      readonly chunk: ChunkDescription;
      readonly parts: TableParts;
      readonly leaves: Int32Array | undefined;
      readonly manifest: Manifest;
    };

/**
 * A chunk that no lookup finds any more, and what its readers must have passed. The step that retires
 * it may still have frames under construction that name it, so positions are taken in the next one.
 */
interface RetiredChunk {
  readonly chunk: number;
  positions: { readonly now: readonly number[]; readonly durable: readonly number[] } | undefined;
}

export class FlushControl {
  readonly tables: TableSet;
  readonly #context: ReplicaContext;
  readonly #options: ReplicaOptions;
  #manifest: Manifest;
  /** Where the next edition starts counting: above any that may lie on disk. */
  #highestEdition: number;
  #nextFileNumber: number;
  #floorLeaves: Int32Array;
  #state: FlushState = { kind: 'idle' };
  #reported: Set<number> = new Set();
  #retired: RetiredChunk[] = [];
  /** The file number of leaves that only the kept previous edition names; 0: none. */
  #unneededLeaves = 0;

  constructor(context: ReplicaContext, options: ReplicaOptions) {
    this.#context = context;
    this.#options = options;
    this.tables = new TableSet(options.tables);
    this.#manifest = options.manifest;
    this.#highestEdition = options.highestEdition;
    this.#nextFileNumber = options.manifest.nextFileNumber;
    this.#floorLeaves = options.floorLeaves;
  }

  figures(): Record<string, number> {
    const { pool } = this.#context.memtable;
    return {
      tables: this.tables.readers.length,
      chunksFrozen: pool.countState(CHUNK_STATE.frozen) + pool.countState(CHUNK_STATE.flushing),
      chunksResident: pool.countState(CHUNK_STATE.resident),
      lastSequence: this.#context.memtable.nextSequence - 1,
    };
  }

  /** Tells the compactor of chunks that became frozen, and gives up what memory needs. */
  afterStep(published: ReplicaPublished): void {
    const { pool } = this.#context.memtable;
    if (this.#context.fenced) return;
    if (buggify('replica: freeze the active chunk early')) this.#context.memtable.freeze();
    for (let chunk = 0; chunk < pool.states.length; chunk += 1) {
      if (pool.states[chunk] === CHUNK_STATE.frozen && !this.#reported.has(chunk)) {
        this.#report(chunk);
      }
    }
    if (this.#retired.length > 0) this.#recycle(published);
    while (pool.freeCount() + this.#retired.length < FREE_CHUNKS_WANTED && this.#retireOldest());
    if (buggify('replica: give up a flushed chunk early')) this.#retireOldest();
    if (pool.cacheIsFull()) this.#retireOldestCache();
    else if (buggify('replica: give up clean copies early')) this.#retireOldestCache();
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
    sometimes(this.#state.kind !== 'idle', 'flush: one is asked for while another is under way');
    if (this.#state.kind !== 'idle' || buggify('replica: put a flush off')) {
      // A compactor that began anew knows nothing of the flush under way: it tries again.
      this.#tellFlushed(chunk, false);
      return;
    }
    const description = this.#context.memtable.beginFlush();
    if (description === undefined) {
      reachable('flush: one is asked for and nothing is frozen');
      this.#tellFlushed(chunk, true);
      return;
    }
    const input = this.#flushInput(description);
    const job = this.#context.askJob({ kind: 'flush', input });
    this.#state = { kind: 'writing', job, asked: chunk, chunk: description };
  }

  #flushInput(chunk: ChunkDescription): FlushInput {
    const { limits } = this.#context;
    const fileNumber = this.#nextFileNumber;
    this.#nextFileNumber += 2;
    return {
      words: new Int32Array(chunk.buffer),
      usedWords: chunk.usedWords,
      recordCount: chunk.recordCount,
      firstSequence: chunk.firstSequence,
      lastSequence: chunk.lastSequence,
      fileNumber,
      storeIdLow: this.#manifest.storeIdLow,
      storeIdHigh: this.#manifest.storeIdHigh,
      blockBytes: limits.tableBlockBytes,
      codec: limits.tableCodec,
      bloomBitsPerKey: limits.bloomBitsPerKey,
      leaves: { fileNumber: fileNumber + 1, words: this.#floorLeaves },
    };
  }

  jobDone(job: number, output: JobOutput): void {
    // The store belongs to whoever opens it next: nothing more is published.
    if (this.#context.fenced) return;
    switch (output.kind) {
      case 'flush':
        this.#written(job, output.parts, output.leaves);
        return;
      case 'manifest':
        this.#published(job);
        return;
      case 'remove':
      case 'reserve':
      case 'merge':
      case 'snapshot':
      case 'remove-snapshot':
        return;
      default:
        unreachable(output);
    }
  }

  jobFailed(job: number, failure: DiskFailure): void {
    const state = this.#state;
    if (state.kind === 'idle' || state.job !== job) return;
    sometimes(state.kind === 'writing', 'flush: a table cannot be written');
    sometimes(state.kind === 'publishing', 'flush: a manifest cannot be published');
    this.#state = { kind: 'idle' };
    // [FC2] Neither the file numbers nor the edition is used again; what lies there is removed at
    // the next opening.
    this.#context.memtable.flushFailed(state.chunk.chunk);
    this.#context.counters.flushesFailed += 1;
    this.#context.lastDiskFailure = failure;
    this.#tellEnded(state.asked, state.chunk.chunk, false);
  }

  #written(job: number, parts: TableParts, leaves: Int32Array | undefined): void {
    const state = this.#state;
    if (state.kind !== 'writing' || state.job !== job) return;
    assert(
      state.chunk.firstSequence === this.#manifest.floorSequence + 1,
      'FC1 flushes follow one another: the floor leaves no record behind',
    );
    const manifest: Manifest = {
      ...this.#manifest,
      edition: this.#highestEdition + 1,
      nextFileNumber: this.#nextFileNumber,
      floorSequence: state.chunk.lastSequence,
      leavesFileNumber: leaves === undefined ? 0 : parts.footer.table.fileNumber + 1,
      sealed: this.#manifest.sealed.filter(
        (segment) => segment.lastSequence > state.chunk.lastSequence,
      ),
      tables: [...this.#manifest.tables, parts.footer.table],
    };
    this.#highestEdition = manifest.edition;
    const previousEdition = this.#manifest.edition;
    const publish = this.#context.askJob({ kind: 'manifest', manifest, previousEdition });
    const { asked, chunk } = state;
    this.#state = { kind: 'publishing', job: publish, asked, chunk, parts, leaves, manifest };
  }

  /** [FC1] From here on the table counts. */
  #published(job: number): void {
    const state = this.#state;
    if (state.kind !== 'publishing' || state.job !== job) return;
    const { memtable, counters, out } = this.#context;
    this.#state = { kind: 'idle' };
    const oldLeaves = this.#manifest.leavesFileNumber;
    this.#manifest = state.manifest;
    if (state.leaves !== undefined) this.#floorLeaves = state.leaves;
    this.tables.add(new TableReader(state.parts, this.#options.checksum));
    memtable.flushed(state.chunk.chunk);
    this.#reported.delete(state.chunk.chunk);
    counters.flushes += 1;
    // A floor that the log does not hear of is included in the next.
    if (!buggify('replica: keep a floor from the log')) {
      out.effect({ kind: 'log-floor', sequence: state.manifest.floorSequence });
    }
    if (this.#unneededLeaves > 0) {
      this.#context.askJob({ kind: 'remove', names: [leavesName(this.#unneededLeaves)] });
    }
    // The edition before this one, which is kept, names them.
    this.#unneededLeaves = oldLeaves;
    this.#tellEnded(state.asked, state.chunk.chunk, true);
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

  /** The last chunk for clean copies is being filled: the oldest makes room for the next. */
  #retireOldestCache(): void {
    const { memtable } = this.#context;
    const { kinds } = memtable.pool;
    if (this.#retired.some(({ chunk }) => kinds[chunk] === CHUNK_KIND.cache)) return;
    this.#retire(memtable.oldestResidentCache());
  }

  #retireOldest(): boolean {
    return this.#retire(this.#context.memtable.oldestResident());
  }

  #retire(chunk: number): boolean {
    if (chunk < 0) return false;
    const { kinds } = this.#context.memtable.pool;
    sometimes(kinds[chunk] === CHUNK_KIND.log, 'memory: a flushed chunk is given up');
    sometimes(kinds[chunk] === CHUNK_KIND.cache, 'memory: a chunk of clean copies is given up');
    this.#context.memtable.retire(chunk);
    this.#retired.push({ chunk, positions: undefined });
    return true;
  }

  /** [FC3] */
  #recycle(published: ReplicaPublished): void {
    const { memtable, releasedSequence } = this.#context;
    const targets = Array.from({ length: this.#options.coordinatorCount }, (_, target) => target);
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
