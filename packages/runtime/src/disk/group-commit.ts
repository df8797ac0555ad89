/**
 * GroupCommit: what a log writer does between two sleeps. It gathers all descriptors that wait, has
 * them written as one group and synced once if any of them asks for it, and then releases what rests
 * on them: the sequence for the replica, the durable rings for the coordinators.
 *
 * Boundary: it knows ranges and positions, never records. Files are the LogSink's.
 *
 * data plane
 *
 * Invariants:
 *   GC1 nothing is released before the write, and where the group asks for it the sync, that covers it
 *   GC2 after a failure nothing is released any more
 *   GC3 what was written without a sync is synced within the interval
 *   GC4 the sequence is released before the replies that rest on it
 *   GC5 what a full disk cost of the reserve is told before what was written in its room is released
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import { CLOSED } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import {
  DESCRIPTOR,
  DESCRIPTOR_HEADER_WORDS,
  DESCRIPTOR_KIND,
  LANE_ENTRY,
  LANE_ENTRY_WORDS,
  RANGE,
  RANGE_WORDS,
} from '../channel/log-descriptor.ts';
import type { LogStatusWriter } from '../channel/log-status.ts';
import type { DurableLanes } from './durable-lanes.ts';

/** Word ranges of chunks, in the order they were appended. Reused from group to group. */
export class LogRanges {
  count = 0;
  wordCount = 0;
  readonly chunks: number[] = [];
  readonly froms: number[] = [];
  readonly tos: number[] = [];

  push(chunk: number, from: number, to: number): void {
    const latest = this.count - 1;
    this.wordCount += to - from;
    if (latest >= 0 && this.chunks[latest] === chunk && this.tos[latest] === from) {
      this.tos[latest] = to;
      return;
    }
    this.chunks[this.count] = chunk;
    this.froms[this.count] = from;
    this.tos[this.count] = to;
    this.count += 1;
  }

  clear(): void {
    this.count = 0;
    this.wordCount = 0;
  }
}

/** Where groups go. A failure is final. */
export interface LogSink {
  /** One gathered write(2) of the ranges as one group. */
  write(ranges: LogRanges, lastSequence: number): DiskFailure | undefined;
  /** fdatasync(2) of all that was written. */
  sync(): DiskFailure | undefined;
  /** Segments whose records are all at or below this sequence may be recycled. */
  floor(sequence: number): DiskFailure | undefined;
  /** The orderly end: syncs, and says so in the log. */
  close(): DiskFailure | undefined;
  /** Reserve files that a full disk has cost since the opening: only grows. */
  reserveUsed(): number;
}

export interface GroupCommitOptions {
  readonly consumer: RingConsumer;
  readonly sink: LogSink;
  readonly status: LogStatusWriter;
  readonly lanes: DurableLanes;
  readonly now: () => number;
  readonly groupBytesMax: number;
  readonly intervalMs: number;
}

export type GroupCommitState = 'open' | 'failed' | 'closed';

export class GroupCommit {
  state: GroupCommitState = 'open';
  /** What the status says of the reserve. */
  reserveUsed = 0;
  readonly #options: GroupCommitOptions;
  readonly #ranges = new LogRanges();
  #needsSync = false;
  #lastSequence = 0;
  #floor = 0;
  /** When the oldest write that no sync covers was made; -1: none. */
  #unsyncedSince = -1;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** One group, if anything waits. Returns how long to sleep at the most: 0 when more may wait. */
  run(): number {
    const { now, intervalMs } = this.#options;
    const gathered = this.#gather();
    if (this.state === 'failed') return Infinity;
    if (gathered) {
      this.#finish(this.#write());
    }
    if (this.#floor > 0) this.#recycle();
    if (this.#unsyncedSince < 0) return gathered ? 0 : Infinity;
    const dueMs = this.#unsyncedSince + intervalMs - now();
    if (dueMs > 0) return gathered ? 0 : dueMs;
    const failure = this.#sync();
    if (failure !== undefined) this.#fail(failure);
    return 0;
  }

  /** The orderly end. After a failure the log is left as it is. */
  finish(): void {
    if (this.state === 'failed') return;
    const failure = this.#options.sink.close();
    if (failure !== undefined) this.#fail(failure);
  }

  /** Descriptors are copied out; their room is given back only after the group is done. */
  #gather(): boolean {
    const { consumer, lanes, groupBytesMax } = this.#options;
    let gathered = false;
    this.#ranges.clear();
    this.#needsSync = false;
    lanes.begin();
    while (this.#ranges.wordCount * 4 < groupBytesMax) {
      const offset = consumer.next();
      if (offset < 0) {
        if (offset === CLOSED && !gathered) this.state = 'closed';
        break;
      }
      if (this.#take(consumer.words, offset)) gathered = true;
    }
    if (this.state === 'failed') consumer.release();
    return gathered;
  }

  #take(words: Int32Array, start: number): boolean {
    const kind = words[start + DESCRIPTOR.kind]!;
    const low = words[start + DESCRIPTOR.sequenceLow]! >>> 0;
    const sequence = words[start + DESCRIPTOR.sequenceHigh]! * 0x1_0000_0000 + low;
    if ((kind & 0xff) === DESCRIPTOR_KIND.floor) {
      this.#floor = sequence;
      return false;
    }
    if (kind >> 8 !== 0) this.#needsSync = true;
    if (sequence > 0) this.#lastSequence = sequence;
    let position = start + DESCRIPTOR_HEADER_WORDS;
    const rangeCount = words[start + DESCRIPTOR.rangeCount]!;
    for (let index = 0; index < rangeCount; index += 1, position += RANGE_WORDS) {
      this.#ranges.push(
        words[position + RANGE.chunk]!,
        words[position + RANGE.from]!,
        words[position + RANGE.to]!,
      );
    }
    const laneCount = words[start + DESCRIPTOR.laneCount]!;
    for (let index = 0; index < laneCount; index += 1, position += LANE_ENTRY_WORDS) {
      this.#options.lanes.rest(
        words[position + LANE_ENTRY.target]!,
        words[position + LANE_ENTRY.generation]!,
        words[position + LANE_ENTRY.position]!,
      );
    }
    return true;
  }

  #write(): DiskFailure | undefined {
    const { sink, now } = this.#options;
    if (this.#ranges.count > 0) {
      const failure = sink.write(this.#ranges, this.#lastSequence);
      if (failure !== undefined) return failure;
      if (this.#unsyncedSince < 0) this.#unsyncedSince = now();
    }
    return this.#needsSync ? this.#sync() : undefined;
  }

  #sync(): DiskFailure | undefined {
    const failure = this.#options.sink.sync();
    if (failure === undefined) this.#unsyncedSince = -1;
    return failure;
  }

  #finish(failure: DiskFailure | undefined): void {
    const { consumer, status, lanes } = this.#options;
    this.#tellReserve();
    if (failure !== undefined) {
      this.#fail(failure);
    } else {
      if (this.#lastSequence > 0) status.release(this.#lastSequence);
      lanes.release();
    }
    consumer.release();
  }

  #recycle(): void {
    const failure = this.state === 'open' ? this.#options.sink.floor(this.#floor) : undefined;
    this.#floor = 0;
    if (failure !== undefined) this.#fail(failure);
    this.#options.consumer.release();
  }

  /** [GC5] */
  #tellReserve(): void {
    const used = this.#options.sink.reserveUsed();
    if (used === this.reserveUsed) return;
    this.reserveUsed = used;
    this.#options.status.useReserve(used);
  }

  #fail(failure: DiskFailure): void {
    this.state = 'failed';
    this.#options.status.fail(failure);
  }
}
