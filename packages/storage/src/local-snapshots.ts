/**
 * Snapshots of an embedded store: who pins what while one is made, and what became of it.
 *
 * Invariants:
 *   LSN1 while a snapshot is made its tables are pinned, and no segment of the log is released
 *   LSN2 a number is given once in an opening, and is above those of all snapshots of which it found a
 *        file; the number of one that is gone may be given again by a later opening
 *   LSN3 what is said of a snapshot at its end, no crash changes: `done` after every byte of it was read
 *        and found sound, `failed`, or nothing at all, after its removal is durable, which is tried until
 *        it is. Before that, while it is `running` or `removing`, a crash may leave it as a snapshot:
 *        whole as by its manifest (SN1), but perhaps not read by anybody
 */
import { assert } from '@clockwise/kernel/assert';
import type { DiskResult } from './disk.ts';
import { JobRetry } from './job-retry.ts';
import type { JobInput, JobOutput } from './jobs.ts';
import { SEGMENT_BYTES_MAX } from './log-format.ts';
import type { StoreVersions } from './store-versions.ts';

/** `removing`: it failed, or was to be removed, and its removal is not durable yet. [LSN3] */
export type SnapshotState = 'running' | 'done' | 'removing' | 'failed';

export interface LocalSnapshotsOptions {
  readonly versions: StoreVersions;
  /** The highest number in the folder; 0: there is none. */
  readonly lastNumber: number;
  readonly ask: (input: JobInput, whenEnded: (result: DiskResult<JobOutput>) => void) => void;
  /** The log may be released again. */
  readonly released: () => void;
}

export class LocalSnapshots {
  readonly #options: LocalSnapshotsOptions;
  readonly #states = new Map<number, SnapshotState>();
  /** What is being removed, longest waiting first, and what is said of it then. */
  readonly #removals = new Map<number, 'failed' | undefined>();
  readonly #removalRetry: JobRetry = new JobRetry();
  #isRemoving = false;
  #nowMs = 0;
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
    const { versions, ask, released } = this.#options;
    // [LSN2]
    this.#lastNumber += 1;
    const snapshotNumber = this.#lastNumber;
    const pin = versions.pin();
    this.#runningCount += 1;
    this.#states.set(snapshotNumber, 'running');
    const { manifest } = versions;
    const input = { snapshotNumber, manifest, cutSequence, segmentBytesMax: SEGMENT_BYTES_MAX };
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

  /** Tries removals again. */
  goOn(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#beginRemoval();
  }

  /** Nothing waits for its time any more. */
  retryNow(): void {
    this.#removalRetry.atMs = 0;
  }

  #failed(snapshotNumber: number): void {
    this.#remove(snapshotNumber, 'failed');
  }

  remove(snapshotNumber: number): void {
    assert(this.#states.get(snapshotNumber) !== 'running', 'a snapshot is removed when it is made');
    this.#remove(snapshotNumber, undefined);
  }

  #remove(snapshotNumber: number, stateThen: 'failed' | undefined): void {
    this.#states.set(snapshotNumber, 'removing');
    this.#removals.set(snapshotNumber, stateThen);
    this.#beginRemoval();
  }

  /** [LSN3] One at a time. */
  #beginRemoval(): void {
    const [snapshotNumber] = this.#removals.keys();
    if (snapshotNumber === undefined || this.#isRemoving) return;
    if (this.#nowMs < this.#removalRetry.atMs) return;
    this.#isRemoving = true;
    this.#options.ask({ kind: 'remove-snapshot', snapshotNumber }, (result) => {
      this.#isRemoving = false;
      const stateThen = this.#removals.get(snapshotNumber);
      this.#removals.delete(snapshotNumber);
      if (!result.ok) {
        // Behind the others: one that cannot be removed holds up none of them.
        this.#removals.set(snapshotNumber, stateThen);
        this.#removalRetry.failed(this.#nowMs);
        return;
      }
      this.#removalRetry.succeeded();
      if (stateThen === undefined) this.#states.delete(snapshotNumber);
      else this.#states.set(snapshotNumber, stateThen);
    });
  }
}
