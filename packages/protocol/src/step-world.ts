/**
 * The least world that a core can be stepped in, for tests of one core alone: frames in and out as
 * arrays, effects as a list, time as a number, channels that can be blocked. Nothing in a running
 * node imports it; many cores in one world are the simulator's.
 */
import {
  type Batch,
  type Core,
  FrameList,
  type OperationSink,
  type Out,
} from '@clockwise/kernel/core';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { ArrayBacking } from './array-backing.ts';
import type { ControlMessage } from './control-messages.ts';
import { type FrameBacking, FrameWriter } from './frame-writer.ts';
import { frameTag } from './validate-frame.ts';
import { TAG } from './frame.ts';
import { readControlFrame, writeControl } from './message-codec.ts';

/** A frame and who sent it. */
export interface Arrival {
  readonly source: number;
  readonly frame: Int32Array;
}

interface TimerEffect {
  readonly kind: 'timer';
  readonly timer: number;
  readonly at: number;
}

class BlockableBacking implements FrameBacking {
  readonly array: ArrayBacking = new ArrayBacking();
  blocked = false;

  get words(): Int32Array {
    return this.array.words;
  }
  get offset(): number {
    return this.array.offset;
  }
  get wordCountMax(): number {
    return this.array.wordCountMax;
  }
  acquire(wordCountMin: number): boolean {
    return !this.blocked && this.array.acquire(wordCountMin);
  }
  complete(wordCount: number): void {
    this.array.complete(wordCount);
  }
}

interface Target {
  readonly backing: BlockableBacking;
  readonly writer: FrameWriter;
  readonly frames: Int32Array[];
}

export class StepWorld<Event, Effect extends { readonly kind: string }> implements Out<Effect> {
  now = 1000;
  wallTimeMs = 1_700_000_000_000;
  /** Effects since they were last taken, but for timers. */
  readonly effects: Effect[] = [];
  /** By timer number: when it is due. */
  readonly timers: Map<number, number> = new Map();
  readonly #targets: Map<number, Target> = new Map();
  readonly #core: Core<Event, Effect>;

  constructor(core: Core<Event, Effect>) {
    this.#core = core;
  }

  step(events: readonly Event[], arrivals: readonly Arrival[] = []): void {
    const frames = new FrameList();
    for (const { frame, source } of arrivals) frames.push(frame, 0, frame.length, source);
    const batch: Batch<Event> = { now: this.now, wallTimeMs: this.wallTimeMs, frames, events };
    this.#core.step(batch, this);
    for (const target of this.#targets.values()) {
      target.writer.flush();
      target.frames.push(...target.backing.array.take());
    }
  }

  hash(): number {
    return this.#core.hash();
  }

  /** The numbers of the timers that are due, which are thereby gone. */
  takeDueTimers(): number[] {
    const due = [...this.timers].filter(([, at]) => at <= this.now).map(([timer]) => timer);
    for (const timer of due) this.timers.delete(timer);
    return due;
  }

  send(target: number): OperationSink {
    return this.#target(target).writer;
  }

  effect(effect: Effect): void {
    if (effect.kind === 'timer') {
      const { timer, at } = effect as unknown as TimerEffect;
      this.timers.set(timer, at);
    } else {
      this.effects.push(effect);
    }
  }

  takeEffects(): Effect[] {
    return this.effects.splice(0);
  }

  block(target: number, blocked: boolean): void {
    this.#target(target).backing.blocked = blocked;
  }

  /** Frames for a target since they were last taken. */
  take(target: number): Int32Array[] {
    return this.#target(target).frames.splice(0);
  }

  /** Milliseconds that all may wait that was written to a target since this was asked last; Infinity: nothing. */
  takeWaitMs(target: number): number {
    const { writer } = this.#target(target);
    const { waitMs } = writer;
    writer.waitMs = Infinity;
    return waitMs;
  }

  /** The control messages among the frames for a connection; other frames stay. */
  takeControl(connection: number, limits: Limits = DEFAULT_LIMITS): ControlMessage[] {
    const { frames } = this.#target(CONNECTION_TARGET + connection);
    const messages: ControlMessage[] = [];
    const others = frames.splice(0).filter((frame) => {
      if (frameTag(frame, 0) !== TAG.control) return true;
      const result = readControlFrame(frame, 0, frame.length, limits);
      if (!result.ok) throw new Error(`the core wrote a bad control frame: ${result.reason}`);
      messages.push(result.message);
      return false;
    });
    frames.push(...others);
    return messages;
  }

  #target(target: number): Target {
    let found = this.#targets.get(target);
    if (found === undefined) {
      const backing = new BlockableBacking();
      found = { backing, writer: new FrameWriter(backing, 64), frames: [] };
      this.#targets.set(target, found);
    }
    return found;
  }
}

/** A frame of one control message, from a connection. */
export function controlArrival(connection: number, message: ControlMessage): Arrival {
  const backing = new ArrayBacking();
  const writer = new FrameWriter(backing, 64);
  writeControl(writer, message);
  writer.flush();
  return { source: CONNECTION_TARGET + connection, frame: backing.take()[0]! };
}
