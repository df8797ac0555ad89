/**
 * LogOutlet: the replica's end of the ring to its log writer. It gathers what one step appended and
 * which durable replies rest on it, and hands both over as one descriptor.
 *
 * data plane
 *
 * Invariants:
 *   LO1 a step runs only when its descriptor has room: nothing appended is ever not handed over
 *   LO2 descriptors are handed over in the order of the steps
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { DoorbellHandle } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { createRing } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingProducer } from '@clockwise/sharedarraybuffer-ring/ring-producer';
import type { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import type { ChannelTable } from './channel-table.ts';
import {
  COORDINATORS_MAX,
  DESCRIPTOR,
  DESCRIPTOR_HEADER_WORDS,
  DESCRIPTOR_KIND,
  DESCRIPTOR_WORDS_MAX,
  LANE_ENTRY,
  LANE_ENTRY_WORDS,
  RANGE,
  RANGE_WORDS,
  RANGES_PER_STEP_MAX,
} from './log-descriptor.ts';
import { LogStatusReader } from './log-status.ts';

/** What a supervisor hands to a replica for its log. Plain data. */
export interface LogOutletEnds {
  readonly ring: RingHandle;
  readonly status: SharedArrayBuffer;
}

export interface LogRingOptions {
  readonly capacityWords: number;
  readonly generation: number;
  readonly writerDoorbell: DoorbellHandle;
  readonly replicaDoorbell: DoorbellHandle;
}

export function createLogRing(options: LogRingOptions): RingHandle {
  return createRing({
    capacityWords: options.capacityWords,
    recordWordsMax: DESCRIPTOR_WORDS_MAX,
    generation: options.generation,
    doorbell: options.writerDoorbell,
    producerDoorbell: options.replicaDoorbell,
  });
}

export class LogOutlet {
  readonly #producer: RingProducer;
  readonly #status: LogStatusReader;
  readonly #floors: number[] = [];
  #offset = -1;
  #rangeCount = 0;
  #needsSync = false;
  #lastSequence = 0;
  #released = 0;
  #failureTold = false;
  #reserveTold = 0;

  constructor(ends: LogOutletEnds, sleeper: Sleeper) {
    this.#producer = new RingProducer(ends.ring);
    this.#status = new LogStatusReader(ends.status);
    sleeper.watch(this.#producer);
  }

  /** Room for one descriptor, kept until `hand`. False: the log is behind; the thread is woken. */
  prepare(): boolean {
    if (this.#offset >= 0) return true;
    this.#offset = this.#producer.reserve(DESCRIPTOR_WORDS_MAX);
    if (this.#offset >= 0) return true;
    if (!this.#producer.isClosed()) this.#producer.wantRoom(DESCRIPTOR_WORDS_MAX);
    return false;
  }

  append(
    chunk: number,
    fromWord: number,
    toWord: number,
    lastSequence: number,
    needsSync: boolean,
  ): void {
    const { words } = this.#producer;
    assert(this.#offset >= 0 && fromWord < toWord, 'an append has room and words');
    assert(lastSequence > this.#lastSequence, 'sequences rise from append to append');
    this.#lastSequence = lastSequence;
    if (needsSync) this.#needsSync = true;
    const next = this.#offset + DESCRIPTOR_HEADER_WORDS + this.#rangeCount * RANGE_WORDS;
    const latest = next - RANGE_WORDS;
    if (
      this.#rangeCount > 0 &&
      words[latest + RANGE.chunk] === chunk &&
      words[latest + RANGE.to] === fromWord
    ) {
      words[latest + RANGE.to] = toWord;
      return;
    }
    assert(this.#rangeCount < RANGES_PER_STEP_MAX, 'a step appends to few places');
    words[next + RANGE.chunk] = chunk;
    words[next + RANGE.from] = fromWord;
    words[next + RANGE.to] = toWord;
    words[next + RANGE.reserved] = 0;
    this.#rangeCount += 1;
  }

  /** The step has ended and its frames are complete: hands over what it appended and promised. */
  hand(channels: ChannelTable): void {
    const { words } = this.#producer;
    const start = this.#offset;
    let position = start + DESCRIPTOR_HEADER_WORDS + this.#rangeCount * RANGE_WORDS;
    let laneCount = 0;
    for (let target = 0; target < channels.targetCount; target += 1) {
      const sender = channels.durableSender(target);
      if (sender === undefined || !sender.takeCommitted()) continue;
      assert(laneCount < COORDINATORS_MAX, 'a replica answers few coordinators');
      words[position + LANE_ENTRY.target] = target;
      words[position + LANE_ENTRY.generation] = sender.generation;
      words[position + LANE_ENTRY.position] = sender.position();
      words[position + LANE_ENTRY.reserved] = 0;
      position += LANE_ENTRY_WORDS;
      laneCount += 1;
    }
    if (this.#rangeCount === 0 && laneCount === 0) return;
    const sequence = this.#rangeCount === 0 ? 0 : this.#lastSequence;
    const kind = DESCRIPTOR_KIND.append | (this.#needsSync ? 1 << 8 : 0);
    this.#header(start, kind, laneCount, sequence);
    this.#commit(position - start);
    this.#rangeCount = 0;
    this.#needsSync = false;
  }

  /** Asks for segments to be recycled; handed over as soon as there is room. */
  floor(sequence: number): void {
    this.#floors[0] = Math.max(this.#floors[0] ?? 0, sequence);
    this.handFloor();
  }

  handFloor(): void {
    const sequence = this.#floors[0];
    if (sequence === undefined || this.#rangeCount > 0 || !this.prepare()) return;
    this.#floors.length = 0;
    this.#header(this.#offset, DESCRIPTOR_KIND.floor, 0, sequence);
    this.#commit(DESCRIPTOR_HEADER_WORDS);
  }

  releasedSequence(): number {
    this.#released = this.#status.released(this.#released);
    return this.#released;
  }

  /** The writer's failure, told once. */
  takeFailure(): DiskFailure | undefined {
    if (this.#failureTold) return undefined;
    const failure = this.#status.failure();
    if (failure !== undefined) this.#failureTold = true;
    return failure;
  }

  /** Reserve files that the writer has given up, told when they are more than before; else 0. */
  takeReserveUsed(): number {
    const used = this.#status.reserveUsed();
    if (used === this.#reserveTold) return 0;
    this.#reserveTold = used;
    return used;
  }

  #header(start: number, kind: number, laneCount: number, sequence: number): void {
    const { words } = this.#producer;
    words[start + DESCRIPTOR.kind] = kind;
    words[start + DESCRIPTOR.rangeCount] = this.#rangeCount;
    words[start + DESCRIPTOR.laneCount] = laneCount;
    words[start + DESCRIPTOR.sequenceLow] = sequence | 0;
    words[start + DESCRIPTOR.sequenceHigh] = Math.floor(sequence / 0x1_0000_0000);
    words[start + DESCRIPTOR.reserved] = 0;
  }

  #commit(wordCount: number): void {
    this.#producer.commit(wordCount);
    this.#producer.publish();
    this.#offset = -1;
  }
}
