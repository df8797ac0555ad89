/**
 * TracedOut: what a core writes to during a step that is recorded or replayed. It digests all that
 * the core says and passes it on to the side it was given: the real world, or a recording.
 *
 * Boundary: the same code on both ways, so that equal behaviour gives equal digests. What the world
 * answers within a step (room in a channel, published words) comes from the side.
 *
 * Invariants:
 *   TO1 operations are written over zeros: words that the core leaves out are equal in every run
 *   TO2 a digest depends on the core and on the side's answers only, never on where memory lies
 */
import type { Lane, OperationSink } from '@clockwise/kernel/core';
import type { ReplicaPublished } from '@clockwise/kernel/effects';
import { OPERATION } from '@clockwise/protocol/frame';
import type { ShellEffect, ShellOut } from '../shell/shell-types.ts';
import { Digest } from './digest.ts';
import { encodeValue } from './value-codec.ts';

/** What the world says to an operation: room in the frame under construction, in a new one, none. */
export const ROOM = { continued: 0, fresh: 1, refused: 2 } as const;
export type Room = (typeof ROOM)[keyof typeof ROOM];

/** Which published word was read. Stored in recordings: append-only. */
export const PUBLISHED = { releasedSequence: 0, written: 1, consumed: 2 } as const;

/** What a core sets beside what it writes. */
export type SinkMarks = Pick<
  OperationSink,
  'epoch' | 'priority' | 'remainingMs' | 'due' | 'patienceMs'
>;

export interface SinkSide {
  /** Set by `begin`: where the operation is written. */
  readonly words: Int32Array;
  readonly offset: number;
  begin(tag: number, wordCount: number): Room;
  end(wordCount: number): void;
  mark(marks: SinkMarks): void;
}

export interface TraceSide {
  sink(target: number, lane: Lane): SinkSide;
  effect(effect: ShellEffect): void;
  append: ShellOut['append'];
  published(which: number, target: number, lane: number): number;
}

/** What was written to one target and lane in a step. */
export interface SinkTrace {
  readonly target: number;
  readonly lane: number;
  readonly operationCount: number;
  readonly low: number;
  readonly high: number;
}

const LANES = 2;

export class TracedOut implements ShellOut, ReplicaPublished {
  readonly effects: Digest = new Digest();
  readonly appends: Digest = new Digest();
  effectCount = 0;
  appendCount = 0;
  readonly #side: TraceSide;
  /** The chunks that appends name, where the actor has any. */
  readonly #chunks: readonly Int32Array[];
  readonly #sinks: Map<number, TracedSink> = new Map();
  readonly #touched: TracedSink[] = [];

  constructor(side: TraceSide, chunks: readonly Int32Array[]) {
    this.#side = side;
    this.#chunks = chunks;
  }

  beginStep(): void {
    this.effects.reset();
    this.appends.reset();
    this.effectCount = 0;
    this.appendCount = 0;
  }

  /** What each target was sent in this step, in the order in which they were first written to. */
  endStep(): readonly SinkTrace[] {
    const traces = this.#touched.flatMap((sink) => sink.endStep() ?? []);
    this.#touched.length = 0;
    return traces;
  }

  send(target: number, lane: Lane): OperationSink {
    const key = target * LANES + lane;
    let sink = this.#sinks.get(key);
    if (sink === undefined) {
      sink = new TracedSink(target, lane);
      this.#sinks.set(key, sink);
    }
    sink.side = this.#side.sink(target, lane);
    if (!sink.isTouched) {
      sink.isTouched = true;
      this.#touched.push(sink);
    }
    return sink;
  }

  effect(effect: ShellEffect): void {
    this.effectCount += 1;
    this.effects.bytes(encodeValue(effect));
    this.#side.effect(effect);
  }

  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void {
    const { appends } = this;
    this.appendCount += 1;
    for (const word of [chunk, fromWord, toWord, needsSync ? 1 : 0]) appends.word(word);
    appends.number(lastSequence);
    const words = this.#chunks[chunk];
    if (words !== undefined) appends.words(words, fromWord, toWord);
    this.#side.append(chunk, fromWord, toWord, lastSequence, needsSync);
  }

  releasedSequence(): number {
    return this.#side.published(PUBLISHED.releasedSequence, 0, 0);
  }

  written(target: number, lane: number): number {
    return this.#side.published(PUBLISHED.written, target, lane);
  }

  consumed(target: number, lane: number): number {
    return this.#side.published(PUBLISHED.consumed, target, lane);
  }
}

/** One target and lane; keeps the rules of protocol/frame-writer for a frame's priority and time. */
class TracedSink implements OperationSink {
  words: Int32Array = new Int32Array(0);
  /** Set at each `send`: the world may have put another sink in. */
  side: SinkSide | undefined;
  isTouched = false;
  readonly #target: number;
  readonly #lane: number;
  readonly #digest = new Digest();
  #operationCount = 0;
  #offset = 0;
  #hasFrame = false;
  #epoch = 0;
  #priority = 0;
  /** Of the frame under construction. */
  #framePriority = 0;
  #remainingMs = 0;
  #due = 0;
  #patienceMs = 0;

  constructor(target: number, lane: number) {
    this.#target = target;
    this.#lane = lane;
  }

  get epoch(): number {
    return this.#epoch;
  }
  set epoch(epoch: number) {
    this.#epoch = epoch;
    this.#mark();
  }

  get priority(): number {
    return this.#priority;
  }
  set priority(priority: number) {
    this.#priority = priority;
    this.#mark();
  }

  get patienceMs(): number {
    return this.#patienceMs;
  }
  set patienceMs(patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#mark();
  }

  get remainingMs(): number {
    return this.#remainingMs;
  }
  set remainingMs(remainingMs: number) {
    this.#remainingMs = remainingMs;
    this.#mark();
  }

  get due(): number {
    return this.#due;
  }
  set due(due: number) {
    this.#due = due;
    this.#mark();
  }

  begin(tag: number, wordCount: number): number {
    const side = this.side!;
    const room = side.begin(tag, wordCount);
    if (room !== ROOM.continued && this.#hasFrame) this.#closeFrame();
    this.#digest.word(room);
    if (room === ROOM.refused) {
      this.#priority = 0;
      this.#patienceMs = 0;
      return -1;
    }
    if (room === ROOM.fresh) {
      this.#hasFrame = true;
      this.#framePriority = this.#priority;
      this.#digest.word(tag);
    }
    this.words = side.words;
    this.#offset = side.offset;
    // [TO1]
    this.words.fill(0, side.offset, side.offset + wordCount);
    return side.offset;
  }

  end(wordCount: number): void {
    this.side!.end(wordCount);
    this.#digest.word(this.#patienceMs);
    this.#priority = 0;
    this.#patienceMs = 0;
    this.#operationCount += 1;
    this.words[this.#offset + OPERATION.wordCount] = wordCount;
    this.#digest.words(this.words, this.#offset, this.#offset + wordCount);
  }

  /** Undefined: nothing was asked of it. */
  endStep(): SinkTrace | undefined {
    this.isTouched = false;
    if (this.#hasFrame) this.#closeFrame();
    const { low, high } = this.#digest;
    const operationCount = this.#operationCount;
    this.#digest.reset();
    this.#operationCount = 0;
    if (low === 0 && high === 0) return undefined;
    return { target: this.#target, lane: this.#lane, operationCount, low, high };
  }

  #closeFrame(): void {
    this.#digest.word(this.#epoch);
    this.#digest.word(this.#framePriority);
    this.#digest.word(this.#remainingMs);
    this.#digest.word(this.#due);
    this.#remainingMs = 0;
    this.#due = 0;
    this.#hasFrame = false;
  }

  #mark(): void {
    this.side!.mark(this);
  }
}
