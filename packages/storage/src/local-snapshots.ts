/**
 * Snapshots of an embedded store: who pins what while one is made, and what became of it.
 *
 * Invariants:
 *   LSN1 while a snapshot is made its tables are pinned, and no segment of the log is released
 *   LSN3 a snapshot is called done after every byte of it was read and found sound
 *   LSN2 a number is given once, also after a restart; what failed half-way is removed
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskResult } from './disk.ts';
import type { JobInput, JobOutput } from './jobs.ts';
import type { StoreVersions } from './store-versions.ts';

export type SnapshotState = 'running' | 'done' | 'failed';

export interface LocalSnapshotsOptions {
  readonly versions: StoreVersions;
  readonly segmentBytesMax: number;
  /** The highest number in the folder; 0: there is none. */
  readonly lastNumber: number;
  readonly ask: (input: JobInput, whenEnded: (result: DiskResult<JobOutput>) => void) => void;
  /** The log may be released again. */
  readonly released: () => void;
}

export class LocalSnapshots {
  readonly #options: LocalSnapshotsOptions;
  readonly #states = new Map<number, SnapshotState>();
  #lastNumber: number;
  #runningCount = 0;

  constructor(options: LocalSnapshotsOptions) {
    this.#options = options;
    this.#lastNumber = options.lastNumber;
  }

  /** [LSN1] The log must keep its segments. */
  get holdsLog(): boolean {
    return this.#runningCount > 0;
  }

  stateOf(snapshotNumber: number): SnapshotState | undefined {
    return this.#states.get(snapshotNumber);
  }

  /** REQUIRES: the log has a group that ends with `cutSequence`, and nothing behind it. */
  begin(cutSequence: number): number {
    const { versions, ask, segmentBytesMax, released } = this.#options;
    // [LSN2]
    this.#lastNumber += 1;
    const snapshotNumber = this.#lastNumber;
    const pin = versions.pin();
    this.#runningCount += 1;
    this.#states.set(snapshotNumber, 'running');
    const { manifest } = versions;
    const input = { snapshotNumber, manifest, cutSequence, segmentBytesMax };
    ask({ kind: 'snapshot', input }, (result) => {
      versions.unpin(pin);
      this.#runningCount -= 1;
      if (result.ok) this.#check(snapshotNumber, 0);
      else this.#failed(snapshotNumber);
      if (this.#runningCount === 0) released();
    });
    return snapshotNumber;
  }

  /** [LSN3] Part by part. */
  #check(snapshotNumber: number, part: number): void {
    this.#options.ask({ kind: 'check-snapshot', snapshotNumber, part }, (result) => {
      const check =
        result.ok && result.value.kind === 'check-snapshot' ? result.value.check : undefined;
      if (check === undefined || check.fault !== undefined) this.#failed(snapshotNumber);
      else if (part + 1 < check.partCount) this.#check(snapshotNumber, part + 1);
      else this.#states.set(snapshotNumber, 'done');
    });
  }

  #failed(snapshotNumber: number): void {
    this.#states.set(snapshotNumber, 'failed');
    this.#removeFiles(snapshotNumber);
  }

  remove(snapshotNumber: number): void {
    assert(this.#states.get(snapshotNumber) !== 'running', 'a snapshot is removed when it is made');
    this.#states.delete(snapshotNumber);
    this.#removeFiles(snapshotNumber);
  }

  /** What cannot be removed now has no manifest, and goes with the next opening. */
  #removeFiles(snapshotNumber: number): void {
    this.#options.ask({ kind: 'remove-snapshot', snapshotNumber }, () => {});
  }
}
