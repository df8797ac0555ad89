/**
 * The merges of one shard, as its replica sees them: tells the compactor how urgent they are, runs one
 * beat when it is told to, and has the tables that come of it published.
 *
 *     merge-wanted --> merge-beat --> merge job --'more'--> merge-ended {more}
 *                                          '--'ended'--> an edition --> merge-ended
 *
 * Every merge-beat is answered by one merge-ended, but where the shard is fenced: whoever opens it next
 * says so. What is to be merged, and whether the counts agree, is merge-control's (storage).
 *
 * Invariants:
 *   CC1 a beat is asked of the pool only when the compactor said so, and one at a time
 *   CC2 after a fence no beat begins and nothing that a beat made is published
 *   CC3 a merge never raises the log's floor
 *   CC4 a merge that cannot be done, because a table is damaged, refuses no write; nor do runs found at
 *       the opening, before a merge of this life has shown that they can be read
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { Instant } from '@clockwise/kernel/core';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable, sometimes } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { MergeControl, NO_HORIZON } from '@clockwise/storage/compaction/merge-control';
import type { DropHorizon } from '@clockwise/storage/compaction/version-merge';
import type { JobOutput } from '@clockwise/storage/jobs';
import type { ReplicaContext } from './replica-context.ts';
import type { StorePublisher } from './store-publisher.ts';

/** Levels below 0; with a fanout of 8 the last is beyond any disk. */
const LEVELS_MAX = 6;
/** A value must have expired for so long, by this node's clock, before a merge takes it away. */
const EXPIRED_SECONDS_MIN = 3600;
/** Values expire though no table changes. */
const LOOK_AGAIN_MS = 60_000;
/** What an edition that failed is asked for with. */
const EDITION_SCORE = 1000;
/** What folds deltas. Nothing writes them yet. */
const COMBINE = 'none';

type MergeOutput = Extract<JobOutput, { readonly kind: 'merge' }>['output'];

type BeatState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'merging'; readonly job: number; readonly beganAt: Instant }
  /** The tables of a merge, or of one that moved, wait for their edition. */
  | { readonly kind: 'publishing'; readonly bytes: number; readonly elapsedMs: number };

export class CompactionControl {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  readonly #merges: MergeControl;
  #state: BeatState = { kind: 'idle' };
  /** What the compactor was told last. */
  #toldScore = 0;
  #toldRuns = 0;
  #lookedAtVersion = -1;
  #lookedAt: Instant = 0;
  /** [CC4] The last merge failed. */
  #isFailing = false;
  /** [CC4] Runs that were there at the opening, until a merge of runs has ended. */
  #unprovenRuns: number;
  /** The clocks when merges were looked for first. */
  #first: { readonly now: Instant; readonly wallTimeMs: number } | undefined = undefined;

  constructor(context: ReplicaContext, publisher: StorePublisher) {
    this.#context = context;
    this.#publisher = publisher;
    const { limits, versions } = context;
    this.#unprovenRuns = versions.levels.runCount;
    this.#merges = new MergeControl(versions, {
      ...limits,
      levelsMax: LEVELS_MAX,
      combine: COMBINE,
      horizon: () => this.#horizon(),
      nowMs: () => context.now,
    });
  }

  figures(): Record<string, number> {
    const { counters } = this.#context;
    const { figures } = this.#merges;
    const bytesToTables = counters.bytesFlushed + figures.bytesMergedOut;
    const bytesOut = counters.bytesLogged + bytesToTables;
    return {
      ...figures,
      mergeScore: this.#merges.wanted(),
      writeAmplification: ratio(bytesOut, counters.bytesWritten),
    };
  }

  /** The compactor, after its own restart, asks what waits. */
  reportWanted(): void {
    this.#toldScore = 0;
    this.#toldRuns = 0;
    this.#lookedAtVersion = -1;
  }

  /** Tells the compactor when merges became more or less urgent. REQUIRES: the shard is not fenced. */
  afterStep(): void {
    const { versions, now } = this.#context;
    this.#context.pressingRuns = this.#pressingRuns();
    if (this.#state.kind !== 'idle') return;
    const isSeen =
      versions.version === this.#lookedAtVersion && now < this.#lookedAt + LOOK_AGAIN_MS;
    if (isSeen) return;
    this.#lookedAtVersion = versions.version;
    this.#lookedAt = now;
    const score = this.#merges.wanted();
    const runs = this.#merges.runsToLower();
    if (score !== this.#toldScore || runs !== this.#toldRuns) this.#tellWanted();
  }

  /** [CC4] Where merges cannot help, refusing writes does not either. */
  #pressingRuns(): number {
    return this.#isFailing ? 0 : Math.max(0, this.#merges.runsToLower() - this.#unprovenRuns);
  }

  /** The compactor's word: run the next beat now. */
  beat(): void {
    const { fenced, now, refusesValues } = this.#context;
    // [CC2]
    if (fenced) return;
    sometimes(this.#state.kind !== 'idle', 'merge: a beat is asked for while another is under way');
    // A merge needs room before it gives any back: on a full disk it waits.
    const isPutOff = refusesValues || buggify('replica: put a beat of a merge off');
    if (this.#state.kind !== 'idle' || isPutOff) {
      this.#tellEnded({ bytes: 0, elapsedMs: 0, ok: false });
      return;
    }
    // [CC1] An edition that failed, or is under way for others, goes first.
    const job = this.#context.versions.areTablesChanging ? undefined : this.#merges.beginBeat();
    if (job !== undefined) {
      this.#state = { kind: 'merging', job: this.#context.askJob(job), beganAt: now };
      return;
    }
    this.#publishOrEnd(0, 0);
  }

  /** False: not a beat. */
  jobDone(job: number, output: MergeOutput): void {
    const state = this.#state;
    if (state.kind !== 'merging' || state.job !== job) return;
    const elapsedMs = this.#context.now - state.beganAt;
    const bytes = output.bytesRead + output.bytesWritten;
    this.#state = { kind: 'idle' };
    const { takesRuns } = this.#merges;
    switch (this.#merges.beatDone(output)) {
      case 'more':
        reachable('merge: it goes on with another beat');
        this.#tellEnded({ bytes, elapsedMs, ok: true });
        return;
      case 'thrown-away':
        this.#isFailing = true;
        this.#tellEnded({ bytes, elapsedMs, ok: false });
        return;
      case 'ended':
        this.#isFailing = false;
        if (takesRuns) this.#unprovenRuns = 0;
        this.#publishOrEnd(bytes, elapsedMs);
        return;
    }
  }

  /** False: not a beat. `unreadable`: the number of the table that it could not read, if it was that. */
  jobFailed(job: number, failure: DiskFailure, unreadable?: number): boolean {
    const state = this.#state;
    if (state.kind !== 'merging' || state.job !== job) return false;
    reachable('merge: a beat fails and its inputs stay');
    this.#state = { kind: 'idle' };
    this.#context.lastDiskFailure = failure;
    this.#isFailing = true;
    this.#merges.beatFailed(failure, unreadable);
    this.#tellEnded({ bytes: 0, elapsedMs: this.#context.now - state.beganAt, ok: false });
    return true;
  }

  /** An edition is durable: whether ours was in it, the versions know. */
  published(): void {
    const state = this.#state;
    if (state.kind !== 'publishing' || this.#context.versions.areTablesChanging) return;
    sometimes(state.bytes === 0, 'merge: an edition without a beat counts');
    this.#state = { kind: 'idle' };
    this.#tellEnded({ bytes: state.bytes, elapsedMs: state.elapsedMs, ok: true });
  }

  publishFailed(failure: DiskFailure): void {
    const state = this.#state;
    if (state.kind !== 'publishing') return;
    reachable('merge: the edition of a merge fails and is tried again');
    this.#state = { kind: 'idle' };
    this.#context.lastDiskFailure = failure;
    this.#tellEnded({ bytes: state.bytes, elapsedMs: state.elapsedMs, ok: false });
  }

  #publishOrEnd(bytes: number, elapsedMs: number): void {
    if (!this.#context.versions.areTablesChanging) {
      reachable('merge: a beat is asked for and there is nothing to merge');
      this.#tellEnded({ bytes, elapsedMs, ok: true });
      return;
    }
    this.#state = { kind: 'publishing', bytes, elapsedMs };
    this.#publisher.publish();
  }

  #tellWanted(): void {
    const { shard, out, latency, now } = this.#context;
    const latencyMs = latency.latencyMs(now);
    this.#toldScore = this.#wanted();
    this.#toldRuns = this.#merges.runsToLower();
    const [score, runs] = [this.#toldScore, this.#toldRuns];
    const message: ActorMessage = { kind: 'merge-wanted', shard, score, runs, latencyMs };
    out.effect({ kind: 'tell', to: 'compactor', message });
  }

  /** What waits for an edition that failed is asked for as a beat. */
  #wanted(): number {
    return this.#context.versions.areTablesChanging ? EDITION_SCORE : this.#merges.wanted();
  }

  #tellEnded(end: {
    readonly bytes: number;
    readonly elapsedMs: number;
    readonly ok: boolean;
  }): void {
    const { shard, out } = this.#context;
    this.#tellWanted();
    const more = this.#toldScore > 0;
    const message: ActorMessage = { kind: 'merge-ended', shard, more, ...end };
    out.effect({ kind: 'tell', to: 'compactor', message });
  }

  /**
   * No tombstone is dropped before owners agree on a horizon. That expired values may go, at each replica
   * when it likes, is the versions' law (docs/internals/versioning.md).
   */
  #horizon(): DropHorizon {
    const { now, wallTimeMs } = this.#context;
    this.#first ??= { now, wallTimeMs };
    // A wall clock that jumps ahead takes nothing away before its time has passed.
    const latestMs = Math.min(wallTimeMs, this.#first.wallTimeMs + (now - this.#first.now));
    const seconds = Math.floor(latestMs / 1000) - EXPIRED_SECONDS_MIN;
    return { ...NO_HORIZON, expiredBeforeSeconds: Math.max(0, seconds) };
  }
}

/** To hundredths; 0 where there is nothing to compare with. */
function ratio(bytes: number, base: number): number {
  return base === 0 ? 0 : Math.round((bytes / base) * 100) / 100;
}
