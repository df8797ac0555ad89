/**
 * Takes snapshots away that failed, or that somebody dropped: one after the other, each until its removal
 * is durable.
 *
 * Invariants:
 *   SR1 who asked for a drop hears `ok` only after the removal is durable
 *   SR2 a removal that failed is tried again, behind the others: one that cannot be done holds up none.
 *       Who asked hears of the first failure
 *   SR3 who asked hears within `snapshotJobMsMax` of a job that does not end; it goes on
 */
import type { Instant } from '@clockwise/kernel/core';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { ReplicaContext } from './replica-context.ts';

/** Somebody who waits for an answer. */
export interface Asked {
  readonly from: string;
  readonly request: number;
}

interface Removal {
  readonly snapshotNumber: number;
  readonly asked: readonly Asked[];
}

/** Of a removal that failed, until it is tried again. */
const REMOVE_AGAIN_MS = 1000;
/** The number of this core's timer, among the replica's. */
const SNAPSHOT_TIMER = 4;

export class SnapshotRemovals {
  readonly #context: ReplicaContext;
  #waiting: readonly Removal[] = [];
  /** The job of the first of them; 0: none is under way. */
  #job = 0;
  #beginAt = 0;
  /** Until when the job under way may take before whoever asked hears of it. */
  #until: Instant = 0;

  constructor(context: ReplicaContext) {
    this.#context = context;
  }

  /** REQUIRES: the snapshot is not being made. */
  add(snapshotNumber: number, asked: readonly Asked[]): void {
    const index = this.#waiting.findIndex((one) => one.snapshotNumber === snapshotNumber);
    const known = this.#waiting[index];
    if (known === undefined) {
      this.#waiting = [...this.#waiting, { snapshotNumber, asked }];
    } else {
      const joined = { snapshotNumber, asked: [...known.asked, ...asked] };
      this.#waiting = this.#waiting.with(index, joined);
    }
    this.begin();
  }

  /** With each step, and when one is added. */
  begin(): void {
    const [next, ...others] = this.#waiting;
    if (next === undefined) return;
    const { now, limits, out } = this.#context;
    const { snapshotNumber, asked } = next;
    if (this.#job === 0 && now >= this.#beginAt) {
      this.#job = this.#context.askJob({ kind: 'remove-snapshot', snapshotNumber });
      this.#until = now + limits.snapshotJobMsMax;
      out.effect({ kind: 'timer', timer: SNAPSHOT_TIMER, at: this.#until });
    } else if (this.#job !== 0 && now >= this.#until && asked.length > 0) {
      // [SR3]
      const seconds = Math.round(limits.snapshotJobMsMax / 1000);
      this.#tell(asked, `the disk has not removed it within ${seconds} s; it goes on`);
      this.#waiting = [{ snapshotNumber, asked: [] }, ...others];
    }
  }

  /** The number of the snapshot that is gone now; undefined: the job is not of a removal. */
  jobDone(job: number): number | undefined {
    const [first, ...others] = this.#waiting;
    if (job !== this.#job || first === undefined) return undefined;
    this.#job = 0;
    this.#waiting = others;
    // [SR1]
    this.#tell(first.asked, '');
    return first.snapshotNumber;
  }

  /** False: not of a removal. The timer brings a step, and behind it the next try. [SR2] */
  jobFailed(job: number, failure: DiskFailure): boolean {
    const [first, ...others] = this.#waiting;
    if (job !== this.#job || first === undefined) return false;
    const { now, out } = this.#context;
    this.#job = 0;
    this.#waiting = [...others, { snapshotNumber: first.snapshotNumber, asked: [] }];
    this.#tell(first.asked, failure);
    this.#beginAt = now + REMOVE_AGAIN_MS;
    out.effect({ kind: 'timer', timer: SNAPSHOT_TIMER, at: this.#beginAt });
    return true;
  }

  #tell(asked: readonly Asked[], reason: string): void {
    const { out } = this.#context;
    for (const { from, request } of asked) {
      const message = { kind: 'snapshot-dropped', request, ok: reason === '', reason } as const;
      out.effect({ kind: 'tell', to: from, message });
    }
  }
}
