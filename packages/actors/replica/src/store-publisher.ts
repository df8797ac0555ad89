/**
 * Has what changed in the store published, and what no edition names any more removed: one edition at a
 * time, for flushes, merges and moves alike, and one removal at a time.
 *
 *     planned by flushes and merges --publish--> manifest job --> durable: it counts
 *                                                            '--> failed: waits for the next `publish`
 *
 * Invariants:
 *   SP1 the log's floor rises by editions that are durable, and to their floor
 *   SP2 a file is removed only when the versions give it out (SV2)
 *   SP3 files that wait for one more edition get one when nothing else was published for SETTLE_MS
 */
import type { Instant } from '@clockwise/kernel/core';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ReplicaContext } from './replica-context.ts';

/** The number of the publisher's timer, among the replica's. */
const SETTLE_TIMER = 2;
const SETTLE_MS = 1000;
/** Files that somebody still reads are looked at again after so long. */
const LOOK_AGAIN_MS = 100;

export type PublisherJobEnd = 'published' | 'failed' | 'removed' | 'not-mine';

export class StorePublisher {
  readonly #context: ReplicaContext;
  /** Job under way; 0: none. */
  #publishing = 0;
  #removing = 0;
  #removingNames: readonly string[] = [];
  #publishedAt: Instant = 0;
  #lookAt: Instant = 0;
  #toldFloor: number;
  #isTimerSet = false;
  #isFloorHeld = false;

  constructor(context: ReplicaContext) {
    this.#context = context;
    this.#toldFloor = context.versions.manifest.floorSequence;
  }

  get isPublishing(): boolean {
    return this.#publishing !== 0;
  }

  figures(): Record<string, number> {
    const { manifest, levels, waitingFileCount } = this.#context.versions;
    const { tables, droppedRecordCount } = manifest;
    const deepest = tables.reduce((level, table) => Math.max(level, table.level), 0);
    const tableBytes = tables.reduce((sum, table) => sum + table.byteCount, 0);
    const liveBytesEstimate = tables
      .filter((table) => table.level === deepest)
      .reduce((sum, table) => sum + table.rawBytes, 0);
    return {
      tables: tables.length,
      runs: levels.runCount,
      levels: levels.levelCount,
      tableBytes,
      liveBytesEstimate,
      spaceAmplification: ratio(tableBytes, liveBytesEstimate),
      recordsDropped: droppedRecordCount,
      filesToRemove: waitingFileCount,
    };
  }

  /** What waits becomes an edition, unless one is under way. */
  publish(): void {
    const edition = this.#context.versions.beginPublish();
    if (edition === undefined) return;
    this.#publishing = this.#context.askJob({ kind: 'manifest', ...edition });
  }

  /** REQUIRES: the shard is not fenced. After `published` more may wait: `publish`. */
  jobDone(job: number): PublisherJobEnd {
    if (job === this.#removing) {
      this.#removing = 0;
      return 'removed';
    }
    if (job !== this.#publishing) return 'not-mine';
    this.#publishing = 0;
    this.#published();
    return 'published';
  }

  jobFailed(job: number): PublisherJobEnd {
    const { versions, now } = this.#context;
    if (job === this.#removing) {
      reachable('store: files that nobody needs cannot be removed');
      this.#removing = 0;
      this.#lookAt = now + SETTLE_MS;
      versions.removeFailed(this.#removingNames);
      return 'removed';
    }
    if (job !== this.#publishing) return 'not-mine';
    reachable('store: an edition cannot be published');
    this.#publishing = 0;
    versions.publishFailed();
    return 'failed';
  }

  /** Removes what may go, and asks to be woken where something waits for that. */
  afterStep(): void {
    const { versions, now, out } = this.#context;
    if (versions.waitingFileCount === 0) return;
    if (this.#removing === 0 && now >= this.#lookAt) this.#remove();
    if (this.#isTimerSet || versions.waitingFileCount === 0) return;
    this.#isTimerSet = true;
    out.effect({ kind: 'timer', timer: SETTLE_TIMER, at: now + SETTLE_MS });
  }

  /** [SP3] */
  onTimer(timer: number): void {
    if (timer !== SETTLE_TIMER) return;
    this.#isTimerSet = false;
    const { versions, now, fenced } = this.#context;
    if (fenced || versions.isSettled || versions.isPublishing) return;
    if (now - this.#publishedAt < SETTLE_MS) return;
    reachable('store: an edition is published for what the one before it names');
    versions.planSettle();
    this.publish();
  }

  /** [SP1] */
  #published(): void {
    const { versions, out, now } = this.#context;
    this.#publishedAt = now;
    this.#lookAt = now;
    const { floorSequence } = versions.published();
    if (floorSequence === this.#toldFloor) return;
    // A floor that the log does not hear of is included in the next.
    if (this.#isFloorHeld || buggify('replica: keep a floor from the log')) return;
    this.#toldFloor = floorSequence;
    out.effect({ kind: 'log-floor', sequence: floorSequence });
  }

  /** Until `releaseFloor` the log is told of no floor: somebody reads its segments. */
  holdFloor(): void {
    this.#isFloorHeld = true;
  }

  releaseFloor(): void {
    this.#isFloorHeld = false;
    const { floorSequence } = this.#context.versions.manifest;
    if (floorSequence === this.#toldFloor) return;
    this.#toldFloor = floorSequence;
    this.#context.out.effect({ kind: 'log-floor', sequence: floorSequence });
  }

  /** [SP2] */
  #remove(): void {
    const { versions, now } = this.#context;
    const names = versions.takeRemovable();
    this.#lookAt = now + LOOK_AGAIN_MS;
    sometimes(names.length === 0, 'store: a file that is not needed waits to be removed');
    if (names.length === 0) return;
    this.#removingNames = names;
    this.#removing = this.#context.askJob({ kind: 'remove', names });
  }
}

/** To hundredths; 0 where there is nothing to compare with. */
function ratio(bytes: number, base: number): number {
  return base === 0 ? 0 : Math.round((bytes / base) * 100) / 100;
}
