/**
 * The chunks of a shard's memory: SharedArrayBuffers in which records are appended and never change.
 *
 * data plane
 *
 *     chunk:  header (16 words) | [prefix (8) | record] ...
 *
 *     free -> active -> frozen -> flushing -> resident -> retired -> free (generation + 1)
 *                                 (a cache chunk goes from active to resident at once)
 *     free <-> withheld (memory-share.ts)
 *
 * A resident chunk is flushed and still serves reads. A retired one serves none: what was handed out
 * of it stays readable until the owner, who knows its readers, recycles it.
 *
 * Invariants:
 *   CH1 a chunk's words change only while it is active, beyond what was appended, or when recycled
 *   CH2 only a retired chunk is recycled, and only a resident one retired
 *   CH3 a chunk is given up with a new generation, so that no index entry outlives it
 *   CH4 counts of chunks by state and kind are what counting them would give
 *   CH5 a chunk that is withheld holds no memory and is given to nobody
 */
import { assert } from '@clockwise/kernel/assert';

export const CHUNK_HEADER_WORDS = 16;
/** Positions in the header; written when a chunk is taken and when it is frozen. */
export const CHUNK_HEADER = {
  generation: 0,
  usedWords: 1,
  kind: 2,
  recordCount: 3,
} as const;

export const CHUNK_STATE = {
  free: 0,
  active: 1,
  frozen: 2,
  flushing: 3,
  resident: 4,
  retired: 5,
  withheld: 6,
} as const;

export const CHUNK_KIND = { log: 1, cache: 2 } as const;

/** Generations are told apart by 16 bits. */
export const GENERATION_MASK = 0xffff;

export type AllocateChunk = (byteCount: number) => SharedArrayBuffer;

const NO_BUFFER = new SharedArrayBuffer(0);
const NO_WORDS = new Int32Array(NO_BUFFER);

export interface ChunkPoolOptions {
  readonly chunkBytes: number;
  readonly chunksMax: number;
  readonly cacheChunksMax: number;
  readonly partitionCount: number;
  readonly allocate: AllocateChunk;
}

export class ChunkPool {
  /** The words of chunk number n; grows as chunks are allocated. */
  readonly words: Int32Array[] = [];
  readonly buffers: SharedArrayBuffer[] = [];
  readonly states: Int32Array;
  readonly kinds: Int32Array;
  /** QUEUE of s3-fifo.ts, of a cache chunk; 0 for others. */
  readonly queues: Int32Array;
  readonly generations: Int32Array;
  /** 1: something that the chunk holds may have been asked for (KI3). */
  readonly asked: Int32Array;
  readonly used: Int32Array;
  readonly recordCounts: Int32Array;
  /** Of a log chunk; 0: none yet. */
  readonly firstSequences: Float64Array;
  readonly lastSequences: Float64Array;
  /** Order in which chunks were taken, for the choice of the oldest. */
  readonly takenAt: Float64Array;
  /** Per chunk: the prefix of the newest record of each partition. */
  readonly heads: Int32Array[] = [];
  readonly chunkWords: number;
  readonly #options: ChunkPoolOptions;
  /** How many chunks are in each state: each step of a replica asks for several of them. */
  readonly #counts: Int32Array = new Int32Array(Object.keys(CHUNK_STATE).length);
  #cacheCount = 0;
  #takenCount = 0;

  constructor(options: ChunkPoolOptions) {
    assert(options.chunkBytes % 8 === 0, 'a chunk is a whole number of 8-byte units');
    assert(options.chunksMax >= 2 && options.chunksMax <= 0x7fff, 'chunk numbers fit 15 bits');
    this.#options = options;
    this.chunkWords = options.chunkBytes / 4;
    this.states = new Int32Array(options.chunksMax);
    this.kinds = new Int32Array(options.chunksMax);
    this.queues = new Int32Array(options.chunksMax);
    this.generations = new Int32Array(options.chunksMax);
    this.asked = new Int32Array(options.chunksMax);
    this.used = new Int32Array(options.chunksMax);
    this.recordCounts = new Int32Array(options.chunksMax);
    this.firstSequences = new Float64Array(options.chunksMax);
    this.lastSequences = new Float64Array(options.chunksMax);
    this.takenAt = new Float64Array(options.chunksMax);
    this.#counts[CHUNK_STATE.free] = options.chunksMax;
  }

  /** Makes a free chunk active; -1 where there is none. */
  take(kind: number, queue: number = 0): number {
    if (kind === CHUNK_KIND.cache && this.cacheIsFull()) return -1;
    const chunk = this.#freeChunk();
    if (chunk === -1) return -1;
    this.kinds[chunk] = kind;
    this.move(chunk, CHUNK_STATE.free, CHUNK_STATE.active);
    this.queues[chunk] = queue;
    this.asked[chunk] = 0;
    this.used[chunk] = CHUNK_HEADER_WORDS;
    this.recordCounts[chunk] = 0;
    this.firstSequences[chunk] = 0;
    this.lastSequences[chunk] = 0;
    this.#takenCount += 1;
    this.takenAt[chunk] = this.#takenCount;
    this.heads[chunk]!.fill(0);
    this.writeHeader(chunk);
    return chunk;
  }

  writeHeader(chunk: number): void {
    const words = this.words[chunk]!;
    words[CHUNK_HEADER.generation] = this.generations[chunk]!;
    words[CHUNK_HEADER.usedWords] = this.used[chunk]!;
    words[CHUNK_HEADER.kind] = this.kinds[chunk]!;
    words[CHUNK_HEADER.recordCount] = this.recordCounts[chunk]!;
  }

  /** Chunks that can be taken: free ones and those not allocated yet. */
  freeCount(): number {
    return this.countState(CHUNK_STATE.free);
  }

  countState(state: number): number {
    return this.#counts[state]!;
  }

  /** Chunks for clean copies that are not free. */
  cacheCount(): number {
    return this.#cacheCount;
  }

  /** No more chunks for clean copies are given out until one is recycled. */
  cacheIsFull(): boolean {
    return this.cacheCount() >= this.cacheChunksMax();
  }

  /** Of those that may hold clean copies some are withheld. */
  cacheChunksMax(): number {
    return this.#options.cacheChunksMax - this.countState(CHUNK_STATE.withheld);
  }

  /** [CH5] A free chunk less; one that has memory yet gives it up. False: none is free. */
  withhold(): boolean {
    let found = -1;
    for (let chunk = 0; chunk < this.states.length; chunk += 1) {
      if (this.states[chunk] !== CHUNK_STATE.free) continue;
      found = chunk;
      if (!this.#isAllocated(chunk)) break;
    }
    if (found === -1) return false;
    this.kinds[found] = 0;
    this.move(found, CHUNK_STATE.free, CHUNK_STATE.withheld);
    this.words[found] = NO_WORDS;
    this.buffers[found] = NO_BUFFER;
    return true;
  }

  /** REQUIRES: one is withheld. */
  giveBack(): void {
    this.move(this.states.indexOf(CHUNK_STATE.withheld), CHUNK_STATE.withheld, CHUNK_STATE.free);
  }

  /**
   * The chunk in `state` that was taken first, or -1; where it is given, of `kind` and of `queue`, and
   * without a sequence above `sequenceMax`.
   */
  oldest(
    state: number,
    kind: number = 0,
    queue: number = 0,
    sequenceMax: number = Infinity,
  ): number {
    let found = -1;
    for (let chunk = 0; chunk < this.states.length; chunk += 1) {
      if (this.states[chunk] !== state) continue;
      if (kind !== 0 && this.kinds[chunk] !== kind) continue;
      if (queue !== 0 && this.queues[chunk] !== queue) continue;
      if (this.lastSequences[chunk]! > sequenceMax) continue;
      if (found === -1 || this.takenAt[chunk]! < this.takenAt[found]!) found = chunk;
    }
    return found;
  }

  /** [CH4] REQUIRES: the chunk is in `from`. */
  move(chunk: number, from: number, to: number): void {
    assert(this.states[chunk] === from, 'CH2 a chunk takes its states in order');
    this.states[chunk] = to;
    this.#counts[from]! -= 1;
    this.#counts[to]! += 1;
    if (this.kinds[chunk] !== CHUNK_KIND.cache) return;
    if (from === CHUNK_STATE.free) this.#cacheCount += 1;
    if (to === CHUNK_STATE.free) this.#cacheCount -= 1;
  }

  #freeChunk(): number {
    for (let chunk = 0; chunk < this.states.length; chunk += 1) {
      if (this.states[chunk] !== CHUNK_STATE.free) continue;
      if (!this.#isAllocated(chunk)) this.#allocate(chunk);
      return chunk;
    }
    return -1;
  }

  #isAllocated(chunk: number): boolean {
    const words = this.words[chunk];
    return words !== undefined && words.length > 0;
  }

  #allocate(chunk: number): void {
    const buffer = this.#options.allocate(this.#options.chunkBytes);
    assert(buffer.byteLength === this.#options.chunkBytes, 'a chunk has the size asked for');
    this.buffers[chunk] = buffer;
    this.words[chunk] = new Int32Array(buffer);
    this.heads[chunk] = new Int32Array(this.#options.partitionCount);
  }
}
