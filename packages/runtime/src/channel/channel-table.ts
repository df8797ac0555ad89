/**
 * ChannelTable: one actor's in-process channels, by target number. A channel is a sender per lane
 * and the rings that come back. The supervisor attaches and detaches ends as workers come and go.
 *
 * data plane
 *
 * Invariants:
 *   CT1 frames of a ring are borrowed by the core until its step returns, then released
 *   CT2 no target starves: each turn starts with another ring
 */
import { assert } from '@clockwise/kernel/assert';
import type { FrameList, Lane, OperationSink } from '@clockwise/kernel/core';
import { LANE } from '@clockwise/kernel/core';
import type { Sleeper } from '@clockwise/sharedarraybuffer-ring/sleeper';
import { RingConsumer } from '@clockwise/sharedarraybuffer-ring/ring-consumer';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { RingSender } from './ring-sender.ts';

/** What a supervisor hands to one end of a channel. Plain data. */
export interface ChannelEnds {
  readonly target: number;
  /** By lane: `now`, and where this end answers after a log, `durable`. */
  readonly sends: readonly RingHandle[];
  readonly receives: readonly RingHandle[];
  /** The memory that descriptors in the replies name; empty where there are none. */
  readonly chunks: readonly SharedArrayBuffer[];
}

const LANES = 2;
/** In-process targets are below CONNECTION_TARGET; a table has far fewer. */
const TARGETS_MAX = 256;

export class ChannelTable {
  readonly #sleeper: Sleeper;
  readonly #frameWordsTarget: number;
  /** Index: target * LANES + lane. */
  readonly #senders: (RingSender | undefined)[] = [];
  readonly #attached: boolean[] = [];
  readonly #consumers: RingConsumer[] = [];
  readonly #consumerTargets: number[] = [];
  #first = 0;

  constructor(sleeper: Sleeper, frameWordsTarget: number) {
    this.#sleeper = sleeper;
    this.#frameWordsTarget = frameWordsTarget;
  }

  attach(ends: ChannelEnds): void {
    const { target } = ends;
    assert(this.#attached[target] !== true, 'a channel is detached before it is attached anew');
    this.#attached[target] = true;
    ends.sends.forEach((handle, lane) => {
      this.#sender(target, lane).attach(handle);
    });
    for (const handle of ends.receives) {
      this.#consumers.push(new RingConsumer(handle, this.#sleeper));
      this.#consumerTargets.push(target);
    }
  }

  /** False: it was not there. */
  detach(target: number): boolean {
    if (this.#attached[target] !== true) return false;
    this.#attached[target] = false;
    for (let lane = 0; lane < LANES; lane += 1) this.#senders[target * LANES + lane]?.detach();
    for (let index = this.#consumers.length - 1; index >= 0; index -= 1) {
      if (this.#consumerTargets[index] !== target) continue;
      this.#consumers[index]!.close();
      this.#consumers.splice(index, 1);
      this.#consumerTargets.splice(index, 1);
    }
    return true;
  }

  sink(target: number, lane: Lane): OperationSink {
    return (this.#senders[target * LANES + lane] ?? this.#sender(target, lane)).writer;
  }

  written(target: number, lane: number): number {
    return this.#sender(target, lane).written();
  }

  consumed(target: number, lane: number): number {
    return this.#sender(target, lane).consumed();
  }

  /** Moves frames that wait in rings to `frames`, until it has `countMax`, or enough words came. */
  take(frames: FrameList, countMax: number, wordCountTarget: number): void {
    const ringCount = this.#consumers.length;
    if (ringCount === 0) return;
    this.#first = (this.#first + 1) % ringCount;
    let wordCount = 0;
    for (let turn = 0; turn < ringCount; turn += 1) {
      const index = (this.#first + turn) % ringCount;
      const consumer = this.#consumers[index]!;
      while (frames.count < countMax && wordCount < wordCountTarget) {
        const offset = consumer.next();
        if (offset < 0) break;
        wordCount += consumer.length;
        frames.push(consumer.words, offset, consumer.length, this.#consumerTargets[index]!);
      }
    }
  }

  release(): void {
    for (let index = 0; index < this.#consumers.length; index += 1) {
      this.#consumers[index]!.release();
    }
  }

  hasWork(): boolean {
    for (let index = 0; index < this.#consumers.length; index += 1) {
      if (this.#consumers[index]!.hasWork()) return true;
    }
    return false;
  }

  /** Completes the frames under construction, in both lanes. */
  complete(): void {
    for (let index = 0; index < this.#senders.length; index += 1) {
      this.#senders[index]?.writer.flush();
    }
  }

  /** Publishes lane `now`. The other one is the log writer's. */
  publish(): void {
    for (let index = LANE.now; index < this.#senders.length; index += LANES) {
      this.#senders[index]?.publish();
    }
  }

  /** How many targets there may be: the bound of a loop over durable lanes. */
  get targetCount(): number {
    return Math.ceil(this.#senders.length / LANES);
  }

  durableSender(target: number): RingSender | undefined {
    return this.#senders[target * LANES + LANE.durable];
  }

  #sender(target: number, lane: number): RingSender {
    assert(target >= 0 && target < TARGETS_MAX, 'a channel has a small number');
    const index = target * LANES + lane;
    let sender = this.#senders[index];
    if (sender === undefined) {
      while (this.#senders.length <= index) this.#senders.push(undefined);
      sender = new RingSender(this.#frameWordsTarget);
      this.#senders[index] = sender;
    }
    return sender;
  }
}
