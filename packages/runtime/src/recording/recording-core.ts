/**
 * RecordingCore: stands around a core whose steps are recorded. The shell steps it like any other
 * core, so that a node that records nothing pays nothing: there is no switch on its way.
 *
 * Boundary: it copies what goes in, notes what the world answers within the step, digests what comes
 * out. The step itself is the core's, on the real output.
 *
 * Invariants:
 *   RC1 input is copied before the step, so that a core which spoils its input is seen to
 *   RC2 a step that throws is in the recording, as its last
 *   RC3 when the recording has ended the core goes on as if there had been none
 */
import { FrameList } from '@clockwise/kernel/core';
import type { Core, Lane, OperationSink } from '@clockwise/kernel/core';
import type { ReplicaPublished } from '@clockwise/kernel/effects';
import type {
  HostedCore,
  ShellBatch,
  ShellEffect,
  ShellEvent,
  ShellOut,
} from '../shell/shell-types.ts';
import { Digest } from './digest.ts';
import { beginStep, finishStep, type NamedRecord, type StepOutput } from './recorded-step.ts';
import { END_REASON } from './recording-format.ts';
import { thrownText } from './step-difference.ts';
import type { RecordingWriter } from './recording-writer.ts';
import {
  PUBLISHED,
  ROOM,
  type Room,
  type SinkMarks,
  type SinkSide,
  type TraceSide,
  TracedOut,
} from './traced-out.ts';
import { WordBuffer } from './word-buffer.ts';

type AnyCore = Core<ShellEvent, ShellEffect, ShellBatch, ShellOut>;

/** The records in other actors' memory that a step may read, as its frames name them; copies. */
export type RecordsNamed = (frames: FrameList) => readonly NamedRecord[];

export interface RecordingCoreOptions {
  readonly core: HostedCore;
  readonly writer: RecordingWriter;
  readonly recordsNamed: RecordsNamed;
  /** The actor's own memory, which its appends name; empty where it has none. */
  readonly chunks: readonly Int32Array[];
}

export class RecordingCore implements AnyCore {
  readonly #core: AnyCore;
  readonly #writer: RecordingWriter;
  readonly #recordsNamed: RecordsNamed;
  readonly #side: LiveSide = new LiveSide();
  readonly #out: TracedOut;
  readonly #batch: { -readonly [Key in keyof ShellBatch]: ShellBatch[Key] };
  readonly #block: WordBuffer = new WordBuffer();
  #stepCount = 0;

  constructor({ core, writer, recordsNamed, chunks }: RecordingCoreOptions) {
    // As in a shell: composition has matched the core with what it is given.
    this.#core = core;
    this.#writer = writer;
    this.#recordsNamed = recordsNamed;
    this.#out = new TracedOut(this.#side, chunks);
    const published = this.#out;
    this.#batch = { now: 0, wallTimeMs: 0, frames: new FrameList(), events: [], published };
  }

  hash(): number {
    return this.#core.hash();
  }

  step(batch: ShellBatch, out: ShellOut): void {
    if (!this.#writer.isOpen) {
      // [RC3]
      this.#core.step(batch, out);
      return;
    }
    // [RC1]
    beginStep(this.#block, batch, this.#recordsNamed(batch.frames));
    this.#side.beginStep(out, batch.published);
    this.#out.beginStep();
    const own = this.#batch;
    own.now = batch.now;
    own.wallTimeMs = batch.wallTimeMs;
    own.frames = batch.frames;
    own.events = batch.events;
    try {
      this.#core.step(own, this.#out);
    } catch (error) {
      // [RC2]
      this.#write(error);
      this.#writer.close(END_REASON.threw);
      throw error;
    }
    this.#write(undefined);
  }

  #write(thrown: unknown): void {
    const threw = thrown !== undefined;
    const hash = threw ? 0 : this.#core.hash();
    finishStep(this.#block, this.#side.answers, outputOf(this.#out, hash, thrown));
    this.#stepCount += 1;
    this.#writer.step(this.#stepCount, this.#block);
  }
}

/** What a step left in its traced output; `thrown` is undefined where it returned. */
export function outputOf(out: TracedOut, stateHash: number, thrown: unknown): StepOutput {
  const message = new Digest();
  if (thrown !== undefined) message.text(thrownText(thrown));
  return {
    sinks: out.endStep(),
    effectCount: out.effectCount,
    effectLow: out.effects.low,
    effectHigh: out.effects.high,
    appendCount: out.appendCount,
    appendLow: out.appends.low,
    appendHigh: out.appends.high,
    stateHash,
    threw: thrown !== undefined,
    thrownLow: message.low,
    thrownHigh: message.high,
  };
}

/** The real world, with a note of each of its answers. */
class LiveSide implements TraceSide {
  readonly answers: { published: number[]; publishedValues: number[]; rooms: number[] } = {
    published: [],
    publishedValues: [],
    rooms: [],
  };
  readonly #sinks: Map<number, LiveSink> = new Map();
  #out: ShellOut | undefined;
  #published: ReplicaPublished | undefined;

  beginStep(out: ShellOut, published: ReplicaPublished): void {
    this.#out = out;
    this.#published = published;
    this.answers.published.length = 0;
    this.answers.publishedValues.length = 0;
    this.answers.rooms.length = 0;
    // A frame that goes on from the step before is fresh here: the replay is told the same.
    for (const sink of this.#sinks.values()) sink.reset();
  }

  sink(target: number, lane: Lane): SinkSide {
    const key = target * LANES + lane;
    let sink = this.#sinks.get(key);
    if (sink === undefined) {
      sink = new LiveSink(this.answers.rooms);
      this.#sinks.set(key, sink);
    }
    sink.inner = this.#out!.send(target, lane);
    return sink;
  }

  effect(effect: ShellEffect): void {
    this.#out!.effect(effect);
  }

  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void {
    this.#out!.append(chunk, fromWord, toWord, lastSequence, needsSync);
  }

  published(which: number, target: number, lane: number): number {
    const value = this.#read(which, target, lane);
    this.answers.published.push(publishedKey(which, target, lane));
    this.answers.publishedValues.push(value);
    return value;
  }

  #read(which: number, target: number, lane: number): number {
    const published = this.#published!;
    if (which === PUBLISHED.releasedSequence) return published.releasedSequence();
    if (which === PUBLISHED.written) return published.written(target, lane);
    return published.consumed(target, lane);
  }
}

const LANES = 2;

/** Which published word was read, in one word. */
export function publishedKey(which: number, target: number, lane: number): number {
  return which | (lane << 8) | (target << 16);
}

/** A sink of the world. That a frame goes on is seen by where the operation lies. */
class LiveSink implements SinkSide {
  inner: OperationSink | undefined;
  words: Int32Array = new Int32Array(0);
  offset = 0;
  readonly #rooms: number[];
  /** Where the operation before ended; -1: no frame is under construction. */
  #end = -1;

  constructor(rooms: number[]) {
    this.#rooms = rooms;
  }

  reset(): void {
    this.#end = -1;
  }

  begin(tag: number, wordCount: number): Room {
    const inner = this.inner!;
    const offset = inner.begin(tag, wordCount);
    const goesOn = offset >= 0 && offset === this.#end && inner.words === this.words;
    let room: Room = goesOn ? ROOM.continued : ROOM.fresh;
    if (offset < 0) room = ROOM.refused;
    if (offset < 0) this.#end = -1;
    this.words = inner.words;
    this.offset = offset;
    this.#rooms.push(room);
    return room;
  }

  end(wordCount: number): void {
    this.inner!.end(wordCount);
    this.#end = this.offset + wordCount;
  }

  mark(marks: SinkMarks): void {
    const inner = this.inner!;
    inner.epoch = marks.epoch;
    inner.priority = marks.priority;
    inner.remainingMs = marks.remainingMs;
    inner.due = marks.due;
    inner.patienceMs = marks.patienceMs;
  }
}
