/**
 * The contract between a core and the world that runs it (DESIGN.md, section 2).
 *
 * A core is a synchronous, deterministic state machine: `step(batch, out)`. Input is values, output
 * is values. It reads no clock, draws no unseeded randomness, awaits nothing and touches no file,
 * socket or console. The world (a worker thread, or the simulator) carries the effects out and
 * hands what came of them back as events of a later batch.
 *
 * data plane
 */

/** Milliseconds on a monotonic clock with an arbitrary start. */
export type Instant = number;

/**
 * What may be promised when a message leaves. `now`: nothing about the disk. `durable`: released by
 * the log writer after all that the core appended before it is as durable as its bucket asks.
 */
export const LANE = { now: 0, durable: 1 } as const;
export type Lane = (typeof LANE)[keyof typeof LANE];

/** Frames that wait for a core, borrowed until `step` returns. `sources` says who sent each. */
export class FrameList {
  count = 0;
  readonly words: Int32Array[] = [];
  readonly offsets: number[] = [];
  readonly wordCounts: number[] = [];
  readonly sources: number[] = [];

  push(words: Int32Array, offset: number, wordCount: number, source: number): void {
    const index = this.count;
    this.words[index] = words;
    this.offsets[index] = offset;
    this.wordCounts[index] = wordCount;
    this.sources[index] = source;
    this.count = index + 1;
  }

  clear(): void {
    this.count = 0;
  }
}

/** One step's input. A batch without frames and without events is legal. */
export interface Batch<Event> {
  /** Monotonic; never goes back from one batch to the next. */
  readonly now: Instant;
  /** Milliseconds since 1970 by this node's clock: for hybrid time and expiry only; may jump. */
  readonly wallTimeMs: number;
  readonly frames: FrameList;
  readonly events: readonly Event[];
}

/**
 * Where operations for one target are written. The world gathers the operations of one step into
 * frames; the core neither sees rings nor sockets.
 */
export interface OperationSink {
  /** The memory to write into; read it anew after every `begin`. */
  words: Int32Array;
  /** Of the frames written here: the sender's ring epoch, kept until it is set again. */
  epoch: number;
  /** PRIORITY of the next operation, set before `begin`; zero again when that is over. */
  priority: number;
  /** Milliseconds left, of the frame under construction or the next; then zero again. */
  remainingMs: number;
  /** Of the same frame, within a node: when its sender stops waiting (FRAME.due); 0: no bound named. */
  due: number;
  /**
   * Milliseconds that the next operation may wait for others to the same target, so that they leave
   * together; set before `begin`, zero again when that is over.
   */
  patienceMs: number;
  /**
   * Room for one operation of at most `wordCount` words in a frame of this tag.
   * Returns its word offset in `words`, or -1 where the channel is full.
   */
  begin(tag: number, wordCount: number): number;
  /** The operation is written and has `wordCount` words, at most what was asked for; even. */
  end(wordCount: number): void;
}

export interface Out<Effect> {
  send(target: number, lane: Lane): OperationSink;
  /** Everything rare: timers, reads, jobs, control messages. Data, carried out after the step. */
  effect(effect: Effect): void;
}

/** An actor's logic. `hash` digests the state, for the simulator's trace. */
export interface Core<Event, Effect, StepBatch = Batch<Event>, StepOut = Out<Effect>> {
  step(batch: StepBatch, out: StepOut): void;
  hash(): number;
}
