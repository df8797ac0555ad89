/**
 * One way of a channel inside a node, with the positions that both its ends may read: frames arrive in
 * order, at the instant the world says (at once, or when the log writer releases them).
 *
 * Invariants:
 *   SH1 `consumed` reaches a value of `written` only when the step that took that frame has returned
 *   SH2 a dead end has let go of all, and its successor gets nothing that was written before it came
 */
import type { FrameRoute } from './step-output.ts';

/** Above all sources. */
const HELD_QUEUE = 2 ** 30;

/** Called with the frame's words when the step that took it has returned. */
export type FrameTaken = (words: Int32Array) => void;

export interface ChannelReader {
  readonly isRunning: boolean;
  pushFrame(words: Int32Array, source: number, taken?: FrameTaken, queue?: number): void;
}

export class ShardChannel implements FrameRoute {
  written = 0;
  #consumed = 0;
  /** Lives of the reader: what was written for an earlier one goes nowhere. */
  #life = 0;
  /** Made once for each life, and not for each frame. */
  #taken: FrameTaken = this.#takenIn(0);
  /** The reader, and the number by which it knows the writer. */
  readonly #reader: () => ChannelReader | undefined;
  readonly #source: number;
  readonly #wordsMax: number;
  /** Frames that wait for a release, where the lane has one. */
  #held: Int32Array[] = [];
  readonly #isHeld: boolean;

  constructor(options: {
    reader: () => ChannelReader | undefined;
    source: number;
    wordsMax: number;
    isHeld: boolean;
  }) {
    this.#reader = options.reader;
    this.#source = options.source;
    this.#wordsMax = options.wordsMax;
    this.#isHeld = options.isHeld;
  }

  consumed(): number {
    return this.#reader()?.isRunning === true ? this.#consumed : this.written;
  }

  hasRoom(wordCount: number): boolean {
    return this.written - this.consumed() + wordCount <= this.#wordsMax;
  }

  take(frame: Int32Array): void {
    this.written += frame.length;
    if (this.#isHeld) this.#held.push(frame);
    else this.#pass(frame);
  }

  /** Frames written in the step that has just returned, to be passed on later by the result. */
  takeHeld(): (() => void) | undefined {
    if (this.#held.length === 0) return undefined;
    const frames = this.#held;
    const life = this.#life;
    this.#held = [];
    return () => {
      if (life !== this.#life) return;
      for (const frame of frames) this.#pass(frame);
    };
  }

  /** [SH2] The reader has a successor. */
  renew(): void {
    this.#life += 1;
    this.#taken = this.#takenIn(this.#life);
    this.#held = [];
    this.#consumed = this.written;
  }

  #pass(frame: Int32Array): void {
    // The two lanes of a shard are two rings: what is in one says nothing of the other.
    const queue = this.#isHeld ? this.#source + HELD_QUEUE : this.#source;
    this.#reader()?.pushFrame(frame, this.#source, this.#taken, queue);
  }

  #takenIn(life: number): FrameTaken {
    return (words) => {
      if (life === this.#life) this.#consumed += words.length;
    };
  }
}
