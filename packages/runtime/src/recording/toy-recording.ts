/**
 * For the tests of recordings: a core that does a little of everything, a world for it whose channels
 * refuse now and then and whose memory is dirty, and a run of both that is recorded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FrameList, LANE, type Lane, type OperationSink } from '@clockwise/kernel/core';
import {
  CONNECTION_TARGET,
  type ReplicaPublished,
  type ShardMemory,
} from '@clockwise/kernel/effects';
import { Prng } from '@clockwise/kernel/prng';
import type { FrameBacking } from '@clockwise/protocol/frame-writer';
import { FrameWriter } from '@clockwise/protocol/frame-writer';
import type { ShellBatch, ShellEffect, ShellEvent, ShellOut } from '../shell/shell-types.ts';
import type { NamedRecord } from './recorded-step.ts';
import { RecordingCore } from './recording-core.ts';
import { END_REASON } from './recording-format.ts';
import { RecordingWriter } from './recording-writer.ts';
import { encodeValue } from './value-codec.ts';

const OPERATION_WORDS = 8;
const TAG = 3;

export interface ToyOptions {
  readonly shards: readonly ShardMemory[];
  readonly chunks: readonly Int32Array[];
  /** The number of the step from which on it behaves otherwise, and how. */
  readonly changedFrom?: number;
  readonly change?: 'operation' | 'effect' | 'append' | 'published' | 'state' | 'silence' | 'throw';
}

/**
 * A frame is one word of each operation that it wants, per source; words 0 and 1 of it name a record.
 * The event `malformed` makes it throw.
 */
export class ToyCore {
  readonly #options: ToyOptions;
  #sum = 0;
  #stepCount = 0;
  #isNamed = true;

  constructor(options: ToyOptions) {
    this.#options = options;
  }

  hash(): number {
    return this.#sum | 0;
  }

  step(batch: ShellBatch, out: ShellOut): void {
    this.#stepCount += 1;
    const { frames, events, published } = batch;
    this.#sum += published.releasedSequence() + Math.floor(batch.now) + batch.wallTimeMs;
    for (const event of events) this.#take(event, out);
    for (let index = 0; index < frames.count; index += 1) {
      const words = frames.words[index]!;
      const offset = frames.offsets[index]!;
      this.#sum = Math.imul(this.#sum ^ this.#recordWord(words, offset), 31);
      this.#answer(frames.sources[index]!, words, offset, frames.wordCounts[index]!, out);
      // A core that spoils what it was lent.
      words[offset] = -1;
    }
    const lane = this.#is('published') ? LANE.now : LANE.durable;
    this.#sum += published.written(0, lane) - published.consumed(0, LANE.now);
    if (frames.count > 0 && this.#options.chunks.length > 0) this.#append(out);
    if (this.#is('state')) this.#sum += 1;
    if (this.#is('throw')) throw new Error('a new fault');
  }

  #take(event: ShellEvent, out: ShellOut): void {
    if (event.kind === 'malformed') throw new Error(`bad: ${event.reason}`);
    if (event.kind === 'told') out.effect({ kind: 'tell', to: event.from, message: this.#sum });
    if (event.kind === 'read-done') this.#sum += event.words[0]!;
    const at = this.#sum / 3 + (this.#is('effect') ? 1 : 0);
    out.effect({ kind: 'timer', timer: 1, at });
  }

  #recordWord(words: Int32Array, offset: number): number {
    const chunk = this.#options.shards[0]?.chunks[words[offset]!];
    this.#isNamed = chunk !== undefined;
    return chunk?.[words[offset + 1]!] ?? 0;
  }

  #answer(
    source: number,
    words: Int32Array,
    offset: number,
    wordCount: number,
    out: ShellOut,
  ): void {
    if (this.#is('silence')) return;
    const sink = out.send(source, source % 2 === 0 ? LANE.now : LANE.durable);
    sink.epoch = 5;
    for (let index = 2; index < wordCount; index += 1) {
      const start = sink.begin(TAG + (words[offset + index]! & 1), OPERATION_WORDS);
      if (start < 0) {
        this.#sum += 1;
        continue;
      }
      // The other words stay as they are.
      sink.words[start + 2] = words[offset + index]! + (this.#is('operation') ? 1 : 0);
      sink.words[start + 3] = this.#isNamed ? this.#sum : 0;
      sink.end(index % 3 === 0 ? OPERATION_WORDS : OPERATION_WORDS - 2);
      if (index > sink.remainingMs) sink.remainingMs = index;
    }
  }

  #append(out: ShellOut): void {
    const words = this.#options.chunks[0]!;
    const from = this.#stepCount * 4;
    words[from + 1] = this.#sum + (this.#is('append') ? 1 : 0);
    out.append(0, from, from + 4, this.#stepCount, true);
  }

  #is(change: ToyOptions['change']): boolean {
    const { changedFrom = Infinity } = this.#options;
    return this.#options.change === change && this.#stepCount >= changedFrom;
  }
}

/** Memory that is never clean, and full now and then. */
class DirtyBacking implements FrameBacking {
  readonly words: Int32Array;
  offset = 0;
  wordCountMax = 0;
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.words = Int32Array.from({ length: 4096 }, () => prng.word());
  }

  acquire(wordCountMin: number): boolean {
    if (this.#prng.chance(0.2)) return false;
    this.offset = this.#prng.below(1000);
    this.wordCountMax = wordCountMin + this.#prng.below(64);
    return true;
  }

  complete(): void {
    // Nobody reads what a toy says.
  }
}

export class ToyWorld implements ShellOut, ReplicaPublished {
  readonly effects: ShellEffect[] = [];
  readonly memory: Int32Array = Int32Array.from({ length: 256 }, (_, index) => index * 7);
  readonly chunks: readonly Int32Array[] = [new Int32Array(64 * 1024)];
  readonly #prng: Prng;
  readonly #writers: Map<number, FrameWriter> = new Map();
  #now = 0.25;
  #released = 0;

  constructor(seed: string) {
    this.#prng = new Prng(seed);
  }

  get shards(): readonly ShardMemory[] {
    return [{ chunks: [this.memory] }];
  }

  batch(events: readonly ShellEvent[] = []): ShellBatch {
    const prng = this.#prng;
    this.#now += prng.unit() * 10;
    this.#released += prng.below(5);
    const frames = new FrameList();
    for (let left = prng.below(4); left > 0; left -= 1) {
      const words = Int32Array.from({ length: 24 }, () => prng.below(100));
      const wordCount = 2 + prng.below(10);
      words[3] = 0;
      words[4] = prng.below(256);
      const sources = [0, 1, CONNECTION_TARGET + 3];
      frames.push(words, 3, wordCount, prng.pick(sources));
    }
    return { now: this.#now, wallTimeMs: 1e12 + this.#now, frames, events, published: this };
  }

  /** After a step: frames are completed, and another thread reuses the memory that was named. */
  settle(): void {
    for (const writer of this.#writers.values()) writer.flush();
    this.memory[this.#prng.below(256)] = this.#prng.word();
  }

  send(target: number, lane: Lane): OperationSink {
    const key = target * 2 + lane;
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      writer = new FrameWriter(new DirtyBacking(this.#prng.stream(String(key))), 32);
      this.#writers.set(key, writer);
    }
    return writer;
  }

  effect(effect: ShellEffect): void {
    this.effects.push(effect);
  }

  append(): void {
    // Nothing is kept.
  }

  releasedSequence(): number {
    return this.#released;
  }

  written(): number {
    return this.#released * 3;
  }

  consumed(target: number, lane: number): number {
    return this.#released - target - lane;
  }
}

export interface ToyLimits {
  readonly bytesMax?: number;
  readonly lastEvents?: readonly ShellEvent[];
}

export interface ToyRun {
  readonly folder: string;
  readonly file: string;
  /** Why the recording ended while the core went on. */
  readonly ended: readonly string[];
  /** What a step threw; undefined: none did. */
  readonly thrown: unknown;
  readonly remove: () => void;
}

/** The records that the toy's frames name: one word each. */
export function toyRecords(frames: FrameList, memory: Int32Array): NamedRecord[] {
  return Array.from({ length: frames.count }, (_, index): NamedRecord => {
    const offset = frames.words[index]![frames.offsets[index]! + 1]!;
    return { shard: 0, chunk: 0, offset, words: memory.slice(offset, offset + 1) };
  });
}

/** Records a toy for some steps; `lastEvents` come with the last of them. */
export function recordToy(
  seed: string,
  stepCount: number,
  { bytesMax = 1e9, lastEvents = [] }: ToyLimits = {},
): ToyRun {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-recording-'));
  const file = path.join(folder, 'toy-1.recording');
  const ended: string[] = [];
  const setup = encodeValue({ seed });
  const writer = new RecordingWriter({ file, bytesMax, setup, ended: (why) => ended.push(why) });
  const world = new ToyWorld(seed);
  const { shards, chunks, memory } = world;
  const recordsNamed = (frames: FrameList): NamedRecord[] => toyRecords(frames, memory);
  const core = new RecordingCore({
    core: new ToyCore({ shards, chunks }),
    writer,
    recordsNamed,
    chunks,
  });
  let thrown: unknown;
  for (let step = 1; step <= stepCount && thrown === undefined; step += 1) {
    const told: ShellEvent = { kind: 'told', from: 'main', message: { step, list: [step, null] } };
    const read: ShellEvent = { kind: 'read-done', read: step, words: Int32Array.of(step, 9) };
    const events = step % 3 === 0 ? [told, read] : [];
    try {
      core.step(world.batch(step === stepCount ? lastEvents : events), world);
    } catch (error) {
      thrown = error;
    }
    world.settle();
  }
  writer.close(END_REASON.stopped);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { folder, file, ended, thrown, remove };
}
