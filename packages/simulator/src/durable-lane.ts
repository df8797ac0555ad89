/**
 * The simulated log writer of one shard: it gathers what waits into a group, writes it, syncs it if
 * any of it asks for that, each at an instant of its own, and only then releases what rests on it.
 * Files are the real commit log's, on the simulated disk, handed in as a sink.
 *
 * Invariants:
 *   DL1 what a step wrote on lane `durable` is released after the write, and where asked the sync,
 *       that covers all that was appended up to the end of that step
 *   DL2 after a failure, and after `stop`, nothing is released any more
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Prng } from '@clockwise/kernel/prng';
import type { DiskTempo } from './disk-tempo.ts';
import type { Gate } from './gate.ts';
import type { Simulation } from './simulation.ts';

export interface AppendedRange {
  readonly chunk: number;
  readonly fromWord: number;
  readonly toWord: number;
}

/** What one step of the replica leaves to the log. */
export interface LoggedStep {
  readonly ranges: readonly AppendedRange[];
  /** The highest sequence in the ranges; 0 where there are none. */
  readonly lastSequence: number;
  readonly needsSync: boolean;
  /** Hands the step's durable frames over; `isSynced` where all before it was synced. */
  readonly release: (isSynced: boolean) => void;
}

export interface LogSink {
  write(ranges: readonly AppendedRange[], lastSequence: number): DiskFailure | undefined;
  sync(): DiskFailure | undefined;
  /** Segments whose records are all at or below this sequence are free. */
  floor(sequence: number): DiskFailure | undefined;
  /** Reserve files that a full disk has cost since the opening. */
  reserveUsed(): number;
}

export interface LogPace {
  readonly writeMeanMs: number;
  readonly syncMinMs: number;
  readonly syncMeanMs: number;
  /** Probability that a group takes only a part of what waits. */
  readonly partialProbability: number;
}

export interface DurableLaneOptions {
  readonly simulation: Simulation;
  /** Of the process: a paused one asks its disk for nothing, and hears nothing. */
  readonly gate: Gate;
  readonly tempo: DiskTempo;
  readonly prng: Prng;
  readonly pace: LogPace;
  readonly sink: LogSink;
  readonly intervalMs: number;
  readonly onFailed: (failure: DiskFailure) => void;
  /** The disk was full, and the sink went on in the room of its reserve: told when more is used. */
  readonly onFull: (reserveUsed: number) => void;
}

export class DurableLane {
  releasedSequence = 0;
  groupCount = 0;
  syncCount = 0;
  readonly #options: DurableLaneOptions;
  #waiting: LoggedStep[] = [];
  /** Written, and waiting for its sync: there is one at a time. */
  #unsynced: readonly LoggedStep[] = [];
  #isBusy = false;
  #isOver = false;
  #hasUnsynced = false;
  #reserveUsed = 0;

  constructor(options: DurableLaneOptions, releasedSequence: number) {
    this.#options = options;
    this.releasedSequence = releasedSequence;
  }

  submit(step: LoggedStep): void {
    if (this.#isOver) return;
    this.#waiting.push(step);
    this.#begin();
  }

  floor(sequence: number): void {
    if (this.#isOver) return;
    const failure = this.#options.sink.floor(sequence);
    if (failure !== undefined) this.#fail(failure);
  }

  /** Something has been asked of the disk that has not ended. */
  get isBusy(): boolean {
    return this.#isBusy && !this.#isOver;
  }

  /** The process is gone. `writing`: what waited had reached the disk's cache, as chance would have it. */
  stop(writing: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (writing && this.#waiting.length > 0 && !this.#isBusy) this.#write(this.#waiting);
    this.#waiting = [];
  }

  /** A call of the disk that takes so long on one that is well. */
  #after(delayMs: number, run: () => void): void {
    const { tempo, gate } = this.#options;
    tempo.after('write', delayMs, run, gate);
  }

  #begin(): void {
    if (this.#isBusy || this.#isOver || this.#waiting.length === 0) return;
    this.#isBusy = true;
    const { prng, pace } = this.#options;
    this.#after(prng.exponential(pace.writeMeanMs), this.#writeGroup);
  }

  readonly #writeGroup = (): void => {
    if (this.#isOver) return;
    const { prng, pace } = this.#options;
    const waiting = this.#waiting.length;
    const isPartial = waiting > 1 && prng.chance(pace.partialProbability);
    const group = this.#takeWaiting(isPartial ? prng.between(1, waiting - 1) : waiting);
    const failure = this.#write(group);
    if (failure !== undefined) {
      this.#fail(failure);
      return;
    }
    this.groupCount += 1;
    if (!needsSync(group)) {
      this.#release(group, false);
      this.#syncLater();
      return;
    }
    this.#unsynced = group;
    this.#after(pace.syncMinMs + prng.exponential(pace.syncMeanMs), this.#syncGroup);
  };

  readonly #syncGroup = (): void => {
    if (this.#isOver) return;
    const group = this.#unsynced;
    this.#unsynced = NO_STEPS;
    if (this.#sync()) this.#release(group, true);
  };

  #takeWaiting(count: number): LoggedStep[] {
    const all = this.#waiting;
    if (count < all.length) return all.splice(0, count);
    this.#waiting = [];
    return all;
  }

  #write(group: readonly LoggedStep[]): DiskFailure | undefined {
    let lastSequence = 0;
    for (const step of group) lastSequence = Math.max(lastSequence, step.lastSequence);
    const ranges = rangesOf(group);
    if (ranges.length === 0) return undefined;
    this.#hasUnsynced = true;
    const { sink, onFull } = this.#options;
    const failure = sink.write(ranges, lastSequence);
    const used = sink.reserveUsed();
    if (used !== this.#reserveUsed && !this.#isOver) onFull(used);
    this.#reserveUsed = used;
    return failure;
  }

  #sync(): boolean {
    const failure = this.#options.sink.sync();
    this.syncCount += 1;
    if (failure !== undefined) this.#fail(failure);
    else this.#hasUnsynced = false;
    return failure === undefined;
  }

  /** What was written without a sync is synced within the interval. */
  #syncLater(): void {
    const { simulation, prng, intervalMs } = this.#options;
    simulation.after(prng.unit() * intervalMs, this.#intervalOver);
  }

  readonly #intervalOver = (): void => {
    if (!this.#isOver && this.#hasUnsynced) this.#after(0, this.#syncInterval);
  };

  readonly #syncInterval = (): void => {
    if (this.#isOver || !this.#hasUnsynced) return;
    // A group under way may sync, or fail, by itself: then there is nothing left to do here.
    if (this.#isBusy) this.#syncLater();
    else this.#sync();
  };

  #release(group: readonly LoggedStep[], isSynced: boolean): void {
    for (const step of group) {
      assert(step.ranges.length === 0 || step.lastSequence > 0, 'an append has a sequence');
      this.releasedSequence = Math.max(this.releasedSequence, step.lastSequence);
    }
    for (const step of group) step.release(isSynced);
    this.#isBusy = false;
    this.#begin();
  }

  #fail(failure: DiskFailure): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#options.onFailed(failure);
  }
}

const NO_STEPS: readonly LoggedStep[] = [];

function needsSync(group: readonly LoggedStep[]): boolean {
  for (const step of group) if (step.needsSync) return true;
  return false;
}

function rangesOf(group: readonly LoggedStep[]): readonly AppendedRange[] {
  const [only] = group;
  if (only !== undefined && group.length === 1) return only.ranges;
  const ranges: AppendedRange[] = [];
  for (const step of group) for (const range of step.ranges) ranges.push(range);
  return ranges;
}
