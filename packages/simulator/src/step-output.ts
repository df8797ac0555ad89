/**
 * What a core writes in one step: operations gathered into frames by the real FrameWriter, and
 * effects as data. A route says where the frames for a target and lane go; the core's world looks
 * at neither.
 *
 * Invariants:
 *   SO1 every frame is an array of its own: what a core writes later cannot change it
 */
import type { Lane, OperationSink, Out } from '@clockwise/kernel/core';
import { type FrameBacking, FrameWriter } from '@clockwise/protocol/frame-writer';

export interface FrameRoute {
  /** Whether a frame of so many words may be written now. */
  hasRoom(wordCount: number): boolean;
  take(frame: Int32Array): void;
}

export type RouteOf = (target: number, lane: Lane) => FrameRoute;

class RouteBacking implements FrameBacking {
  words: Int32Array = new Int32Array(0);
  readonly offset: number = 0;
  wordCountMax = 0;
  route: FrameRoute;

  constructor(route: FrameRoute) {
    this.route = route;
  }

  acquire(wordCountMin: number): boolean {
    if (!this.route.hasRoom(wordCountMin)) return false;
    // Used again and again: what leaves is a copy.
    if (this.words.length < wordCountMin) this.words = new Int32Array(wordCountMin);
    this.wordCountMax = wordCountMin;
    return true;
  }

  complete(wordCount: number): void {
    this.route.take(this.words.slice(0, wordCount));
  }
}

interface Lanewise {
  readonly writer: FrameWriter;
  readonly backing: RouteBacking;
}

export class StepOutput<Effect> implements Out<Effect> {
  /** Effects of this step, in order. */
  readonly effects: Effect[] = [];
  readonly #routeOf: RouteOf;
  readonly #frameWordsTarget: number;
  readonly #sinks: Map<number, Lanewise> = new Map();
  readonly #touched: Set<number> = new Set();

  constructor(routeOf: RouteOf, frameWordsTarget: number) {
    this.#routeOf = routeOf;
    this.#frameWordsTarget = frameWordsTarget;
  }

  send(target: number, lane: Lane): OperationSink {
    const name = target * 2 + lane;
    let sink = this.#sinks.get(name);
    if (sink === undefined) {
      const backing = new RouteBacking(this.#routeOf(target, lane));
      sink = { backing, writer: new FrameWriter(backing, this.#frameWordsTarget) };
      this.#sinks.set(name, sink);
    }
    if (!this.#touched.has(name)) {
      // Routes may change between steps: a connection's number is used again.
      sink.backing.route = this.#routeOf(target, lane);
      this.#touched.add(name);
    }
    return sink.writer;
  }

  effect(effect: Effect): void {
    this.effects.push(effect);
  }

  /** The step has returned: frames under construction are completed. */
  flush(): void {
    for (const name of this.#touched) this.#sinks.get(name)!.writer.flush();
    this.#touched.clear();
  }

  takeEffects(): Effect[] {
    return this.effects.splice(0);
  }
}
