/**
 * Runs a core over the steps of a recording, and compares all that comes out with what came out then.
 *
 * Boundary: the core is built by whoever knows its kind (server/replay); here it is a core.
 *
 * Invariants:
 *   RL1 the first difference ends the replay: what follows would only be its consequence
 *   RL2 records in other actors' memory are there during the step that read them, and poison after it
 */
import { FrameList } from '@clockwise/kernel/core';
import type { Core, Lane } from '@clockwise/kernel/core';
import type { ShardMemory } from '@clockwise/kernel/effects';
import type {
  HostedCore,
  ShellBatch,
  ShellEffect,
  ShellEvent,
  ShellOut,
} from '../shell/shell-types.ts';
import { stepDifference } from './step-difference.ts';
import { decodeStep, type NamedRecord, type RecordedStep } from './recorded-step.ts';
import { outputOf, publishedKey } from './recording-core.ts';
import { ROOM, type Room, type SinkSide, type TraceSide, TracedOut } from './traced-out.ts';

export interface ReplayOptions {
  readonly core: HostedCore;
  /** Payloads of a recording that was read. */
  readonly steps: readonly Int32Array[];
  /** Of a coordinator: where the records that its frames name are put; index: shard. */
  readonly shards: readonly ReplayShardMemory[];
  /** The actor's own memory, which its appends name; empty where it has none. */
  readonly chunks: readonly Int32Array[];
}

export type ReplayResult =
  | { readonly kind: 'equal'; readonly stepCount: number; readonly frameCount: number }
  | { readonly kind: 'differs'; readonly step: number; readonly reasons: readonly string[] };

type AnyCore = Core<ShellEvent, ShellEffect, ShellBatch, ShellOut>;

export function replaySteps({ core, steps, shards, chunks }: ReplayOptions): ReplayResult {
  const side = new RecordedSide();
  const out = new TracedOut(side, chunks);
  let frameCount = 0;
  for (let index = 0; index < steps.length; index += 1) {
    const step = decodeStep(steps[index]!);
    side.beginStep(step);
    out.beginStep();
    for (const record of step.records) shards[record.shard]!.put(record);
    const thrown = run(core, step, out);
    for (const record of step.records) shards[record.shard]!.poison(record);
    const hash = thrown === undefined ? core.hash() : 0;
    const output = outputOf(out, hash, thrown);
    const reasons = [...side.differences(), ...stepDifference(step.output, output, thrown)];
    // [RL1]
    if (reasons.length > 0) return { kind: 'differs', step: index + 1, reasons };
    frameCount += step.frames.length;
  }
  return { kind: 'equal', stepCount: steps.length, frameCount };
}

/** What the step threw; undefined: it returned. */
function run(core: AnyCore, step: RecordedStep, out: TracedOut): unknown {
  const frames = new FrameList();
  for (const { source, words } of step.frames) {
    // A copy: a core may spoil what it was lent, and a recording is replayed more than once.
    frames.push(words.slice(), 0, words.length, source);
  }
  const { now, wallTimeMs, events } = step;
  try {
    core.step({ now, wallTimeMs, frames, events, published: out }, out);
  } catch (error) {
    return error ?? 'undefined';
  }
  return undefined;
}

const POISON = 0x5a5a_5a5a;

/** A shard's memory in a replay: pages of zeros but for the records that the step in hand reads. */
export class ReplayShardMemory implements ShardMemory {
  readonly chunks: Int32Array[] = [];
  readonly #chunkWords: number;

  constructor(chunkBytes: number) {
    this.#chunkWords = chunkBytes / 4;
  }

  /** [RL2] */
  put({ chunk, offset, words }: NamedRecord): void {
    while (this.chunks.length <= chunk) this.chunks.push(new Int32Array(this.#chunkWords));
    this.chunks[chunk]!.set(words, offset);
  }

  poison({ chunk, offset, words }: NamedRecord): void {
    this.chunks[chunk]!.fill(POISON, offset, offset + words.length);
  }
}

/** The world as a recording has it: it gives the answers that it gave then. */
class RecordedSide implements TraceSide {
  readonly #sink: RecordedSink = new RecordedSink();
  #published: readonly number[] = [];
  #values: readonly number[] = [];
  #publishedCount = 0;
  #isOtherRead = false;

  beginStep({ answers }: RecordedStep): void {
    this.#sink.beginStep(answers.rooms);
    this.#published = answers.published;
    this.#values = answers.publishedValues;
    this.#publishedCount = 0;
    this.#isOtherRead = false;
  }

  /** What the core asked of the world that it did not ask then, or the other way round. */
  differences(): string[] {
    const reasons: string[] = [];
    const recorded = this.#published.length;
    if (this.#isOtherRead) reasons.push('other published words are read');
    else if (this.#publishedCount !== recorded) {
      reasons.push(`published words read: ${this.#publishedCount}, recorded ${recorded}`);
    }
    return reasons;
  }

  sink(_target: number, _lane: Lane): SinkSide {
    return this.#sink;
  }

  effect(_effect: ShellEffect): void {
    // Digested on the way here; in a replay nothing is carried out.
  }

  append(): void {
    // The same.
  }

  published(which: number, target: number, lane: number): number {
    const index = this.#publishedCount;
    this.#publishedCount += 1;
    if (this.#published[index] !== publishedKey(which, target, lane)) this.#isOtherRead = true;
    return this.#values[index] ?? 0;
  }
}

/** One memory for all targets: an operation is digested when it ends, before the next begins. */
class RecordedSink implements SinkSide {
  words: Int32Array = new Int32Array(1024);
  readonly offset = 0;
  #rooms: readonly number[] = [];
  #roomCount = 0;

  beginStep(rooms: readonly number[]): void {
    this.#rooms = rooms;
    this.#roomCount = 0;
  }

  /** Beyond what was recorded there is room: the digests will tell. */
  begin(_tag: number, wordCount: number): Room {
    const room = this.#rooms[this.#roomCount] ?? ROOM.fresh;
    this.#roomCount += 1;
    if (this.words.length < wordCount) this.words = new Int32Array(wordCount * 2);
    return room as Room;
  }

  end(_wordCount: number): void {
    // The operation stays where it is until the next one.
  }

  mark(): void {
    // A frame's epoch, priority and time are digested by the traced sink.
  }
}
