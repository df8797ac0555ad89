/**
 * What a core writes in one step: operations gathered into frames by the real FrameWriter, and
 * effects as data. A route says where the frames for a target and lane go; the core's world looks
 * at neither.
 *
 * Invariants:
 *   SO1 every frame has words of its own: what a core writes later cannot change it
 */
import type { Lane, OperationSink, Out } from '@clockwise/kernel/core';
import { type FrameBacking, FrameWriter } from '@clockwise/protocol/frame-writer';
import { WordArena } from './word-arena.ts';

export interface FrameRoute {
  /** Whether a frame of so many words may be written now. */
  hasRoom(wordCount: number): boolean;
  take(frame: Int32Array): void;
}

export type RouteOf = (target: number, lane: Lane) => FrameRoute;

/** A writer's memory, used again and again: what leaves is a copy. */
export class RouteBacking implements FrameBacking {
  words: Int32Array = new Int32Array(0);
  readonly offset: number = 0;
  wordCountMax: number = 0;
  route: FrameRoute;
  readonly #arena: WordArena;

  constructor(route: FrameRoute, arena: WordArena) {
    this.route = route;
    this.#arena = arena;
  }

  acquire(wordCountMin: number): boolean {
    if (!this.route.hasRoom(wordCountMin)) return false;
    if (this.words.length < wordCountMin) this.words = new Int32Array(wordCountMin);
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    this.route.take(this.#arena.copy(this.words, 0, wordCount));
  }
}

interface Lanewise {
  readonly writer: FrameWriter;
  readonly backing: RouteBacking;
  /** In this step. */
  isTouched: boolean;
}

export class StepOutput<Effect> implements Out<Effect> {
  /** Effects of this step, in order. */
  readonly effects: Effect[] = [];
  readonly #routeOf: RouteOf;
  readonly #frameWordsTarget: number;
  readonly #sinks: Map<number, Lanewise> = new Map();
  /** Filled up to `#touchedCount`, and used again and again. */
  readonly #touched: Lanewise[] = [];
  #touchedCount = 0;
  readonly #arena: WordArena = new WordArena();

  constructor(routeOf: RouteOf, frameWordsTarget: number) {
    this.#routeOf = routeOf;
    this.#frameWordsTarget = frameWordsTarget;
  }

  send(target: number, lane: Lane): OperationSink {
    const name = target * 2 + lane;
    let sink = this.#sinks.get(name);
    if (sink === undefined) {
      const backing = new RouteBacking(this.#routeOf(target, lane), this.#arena);
      const writer = new FrameWriter(backing, this.#frameWordsTarget);
      sink = { backing, writer, isTouched: false };
      this.#sinks.set(name, sink);
    }
    if (!sink.isTouched) {
      // Routes may change between steps: a connection's number is used again.
      sink.backing.route = this.#routeOf(target, lane);
      sink.isTouched = true;
      this.#touched[this.#touchedCount] = sink;
      this.#touchedCount += 1;
    }
    return sink.writer;
  }

  effect(effect: Effect): void {
    this.effects.push(effect);
  }

  /** The step has returned: frames under construction are completed. */
  flush(): void {
    const touched = this.#touched;
    for (let index = 0; index < this.#touchedCount; index += 1) {
      const sink = touched[index]!;
      sink.isTouched = false;
      sink.writer.flush();
    }
    this.#touchedCount = 0;
  }

  takeEffects(): readonly Effect[] {
    return this.effects.length === 0 ? NO_EFFECTS : this.effects.splice(0);
  }
}

const NO_EFFECTS: readonly never[] = [];
