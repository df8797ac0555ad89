/**
 * One step as a block's payload: what went in, what the world answered within the step, and digests
 * of what came out.
 *
 *     head | frames | records read | events | published words | room answers | digests by target
 *
 * A frame: source, word count, its words. A record read: shard, chunk, offset, word count, its words.
 * A published word: which | lane << 8 | target << 16, its value. Room answers: two bits each. A
 * digest: target, lane, operations, low, high.
 */
import type { FrameList } from '@clockwise/kernel/core';
import type { ShellEvent } from '../shell/shell-types.ts';
import type { SinkTrace } from './traced-out.ts';
import { decodeValue, encodeValue } from './value-codec.ts';
import { type WordBuffer, WordReader } from './word-buffer.ts';

const HEAD_WORDS = 24;
const HEAD = {
  threw: 0,
  now: 1,
  wallTimeMs: 3,
  frameCount: 5,
  recordCount: 6,
  eventBytes: 7,
  publishedCount: 8,
  roomCount: 9,
  sinkCount: 10,
  effectCount: 11,
  effectLow: 12,
  effectHigh: 13,
  appendCount: 14,
  appendLow: 15,
  appendHigh: 16,
  stateHash: 17,
  /** Of the message, where the step threw. */
  thrownLow: 18,
  thrownHigh: 19,
} as const;

const ROOMS_PER_WORD = 16;

export interface StepInput {
  readonly now: number;
  readonly wallTimeMs: number;
  readonly frames: FrameList;
  readonly events: readonly ShellEvent[];
}

/** A record in another actor's memory that a frame names. */
export interface NamedRecord {
  readonly shard: number;
  readonly chunk: number;
  readonly offset: number;
  readonly words: Int32Array;
}

/** What the world answered within a step. */
export interface StepAnswers {
  readonly published: readonly number[];
  readonly publishedValues: readonly number[];
  readonly rooms: readonly number[];
}

/** What came out of a step. */
export interface StepOutput {
  readonly sinks: readonly SinkTrace[];
  readonly effectCount: number;
  readonly effectLow: number;
  readonly effectHigh: number;
  readonly appendCount: number;
  readonly appendLow: number;
  readonly appendHigh: number;
  /** Not compared where the step threw. */
  readonly stateHash: number;
  readonly threw: boolean;
  readonly thrownLow: number;
  readonly thrownHigh: number;
}

export interface RecordedFrame {
  readonly source: number;
  readonly words: Int32Array;
}

export interface RecordedStep {
  readonly now: number;
  readonly wallTimeMs: number;
  readonly frames: readonly RecordedFrame[];
  readonly records: readonly NamedRecord[];
  readonly events: readonly ShellEvent[];
  readonly answers: StepAnswers;
  readonly output: StepOutput;
}

/** Before the step: its input. The head is completed by `finishStep`. */
export function beginStep(
  buffer: WordBuffer,
  input: StepInput,
  records: readonly NamedRecord[],
): void {
  const { frames, events } = input;
  buffer.clear();
  const head = buffer.skip(HEAD_WORDS);
  buffer.putNumber(head + HEAD.now, input.now);
  buffer.putNumber(head + HEAD.wallTimeMs, input.wallTimeMs);
  for (let index = 0; index < frames.count; index += 1) {
    const wordCount = frames.wordCounts[index]!;
    buffer.push(frames.sources[index]!);
    buffer.push(wordCount);
    buffer.pushWords(frames.words[index]!, frames.offsets[index]!, wordCount);
  }
  for (const { shard, chunk, offset, words } of records) {
    for (const word of [shard, chunk, offset, words.length]) buffer.push(word);
    buffer.pushWords(words, 0, words.length);
  }
  const encoded = events.length === 0 ? undefined : encodeValue(events);
  if (encoded !== undefined) buffer.pushBytes(encoded);
  const { words } = buffer;
  words[head + HEAD.frameCount] = frames.count;
  words[head + HEAD.recordCount] = records.length;
  words[head + HEAD.eventBytes] = encoded?.length ?? 0;
}

/** After the step: what was answered and what came out. */
export function finishStep(buffer: WordBuffer, answers: StepAnswers, output: StepOutput): void {
  const { published, publishedValues, rooms } = answers;
  published.forEach((what, index) => {
    buffer.push(what);
    buffer.pushNumber(publishedValues[index]!);
  });
  for (let from = 0; from < rooms.length; from += ROOMS_PER_WORD) {
    let word = 0;
    const count = Math.min(ROOMS_PER_WORD, rooms.length - from);
    for (let index = 0; index < count; index += 1) word |= rooms[from + index]! << (index * 2);
    buffer.push(word);
  }
  for (const { target, lane, operationCount, low, high } of output.sinks) {
    for (const word of [target, lane, operationCount, low, high]) buffer.push(word);
  }
  const { words } = buffer;
  words[HEAD.threw] = output.threw ? 1 : 0;
  words[HEAD.publishedCount] = published.length;
  words[HEAD.roomCount] = rooms.length;
  words[HEAD.sinkCount] = output.sinks.length;
  words[HEAD.effectCount] = output.effectCount;
  words[HEAD.effectLow] = output.effectLow;
  words[HEAD.effectHigh] = output.effectHigh;
  words[HEAD.appendCount] = output.appendCount;
  words[HEAD.appendLow] = output.appendLow;
  words[HEAD.appendHigh] = output.appendHigh;
  words[HEAD.stateHash] = output.stateHash;
  words[HEAD.thrownLow] = output.thrownLow;
  words[HEAD.thrownHigh] = output.thrownHigh;
}

/** REQUIRES: the payload passed its checksum. Frames and records are views of it. */
export function decodeStep(payload: Int32Array): RecordedStep {
  const reader = new WordReader(payload);
  const head = reader.take(HEAD_WORDS);
  const times = new WordReader(head);
  times.at = HEAD.now;
  const now = times.number();
  const wallTimeMs = times.number();
  const frames = listOf(head[HEAD.frameCount]!, (): RecordedFrame => {
    const source = reader.word();
    return { source, words: reader.take(reader.word()) };
  });
  const records = listOf(head[HEAD.recordCount]!, (): NamedRecord => {
    const [shard, chunk, offset] = [reader.word(), reader.word(), reader.word()];
    return { shard, chunk, offset, words: reader.take(reader.word()) };
  });
  const eventBytes = head[HEAD.eventBytes]!;
  const events = eventBytes === 0 ? [] : decodeValue(reader.takeBytes(eventBytes));
  return {
    now,
    wallTimeMs,
    frames,
    records,
    events: events as ShellEvent[],
    answers: decodeAnswers(reader, head),
    output: decodeOutput(reader, head),
  };
}

function decodeAnswers(reader: WordReader, head: Int32Array): StepAnswers {
  const published: number[] = [];
  const publishedValues: number[] = [];
  for (let left = head[HEAD.publishedCount]!; left > 0; left -= 1) {
    published.push(reader.word());
    publishedValues.push(reader.number());
  }
  const rooms: number[] = [];
  let word = 0;
  for (let index = 0; index < head[HEAD.roomCount]!; index += 1) {
    if (index % ROOMS_PER_WORD === 0) word = reader.word();
    rooms.push((word >>> ((index % ROOMS_PER_WORD) * 2)) & 3);
  }
  return { published, publishedValues, rooms };
}

function decodeOutput(reader: WordReader, head: Int32Array): StepOutput {
  const sinks = listOf(head[HEAD.sinkCount]!, (): SinkTrace => {
    const [target, lane, operationCount] = [reader.word(), reader.word(), reader.word()];
    return { target, lane, operationCount, low: reader.word(), high: reader.word() };
  });
  return {
    sinks,
    effectCount: head[HEAD.effectCount]!,
    effectLow: head[HEAD.effectLow]!,
    effectHigh: head[HEAD.effectHigh]!,
    appendCount: head[HEAD.appendCount]!,
    appendLow: head[HEAD.appendLow]!,
    appendHigh: head[HEAD.appendHigh]!,
    stateHash: head[HEAD.stateHash]!,
    threw: head[HEAD.threw] === 1,
    thrownLow: head[HEAD.thrownLow]!,
    thrownHigh: head[HEAD.thrownHigh]!,
  };
}

function listOf<Item>(count: number, next: () => Item): Item[] {
  return Array.from({ length: count }, next);
}
