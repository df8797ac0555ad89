/**
 * A snapshot of the shard's store, when somebody asks: the job that makes it, the jobs that read it from
 * end to end, and the answer. One at a time. And what snapshots there are, and their end.
 *
 *     snapshot-wanted --> the log has caught up with the tables --> snapshot job --> check, part by part
 *                                                              --> snapshot-done, with what it holds
 *
 * Invariants:
 *   SC1 while one is made, the tables of its version are pinned and the log is told of no floor
 *   SC2 who asks names a number above those of all snapshots of which a file was found, and of all that
 *       were begun in this life; another is refused. What failed half-way is removed, which is tried until
 *       it is durable. A crash before that may leave it; nobody was told that it is done
 *   SC3 a snapshot is called done after every byte of it was read and found sound
 *   SC4 a shard that is fenced, or whose disk is full, begins none
 *   SC5 whoever asked hears that it failed when a job takes longer than `snapshotJobMsMax`. Such a job may
 *       still read: until it ends what it reads is held, and no other snapshot is begun; then what it
 *       made is removed
 */
import type { Instant } from '@clockwise/kernel/core';
import type { DiskFailure } from '@clockwise/kernel/effects';
import { reachable } from '@clockwise/kernel/probe';
import type {
  ActorMessage,
  ShardSnapshot,
  SnapshotRefusal,
} from '@clockwise/protocol/actor-messages';
import {
  bytesOfSnapshot,
  filesOfSnapshot,
  type HeldSnapshot,
  pinnedBySnapshots,
} from '@clockwise/storage/held-snapshot';
import type { JobOutput } from '@clockwise/storage/jobs';
import type { ReplicaContext, ReplicaOptions } from './replica-context.ts';
import { type Asked, SnapshotRemovals } from './snapshot-removals.ts';
import type { StorePublisher } from './store-publisher.ts';

type SnapshotState =
  | { readonly kind: 'idle' }
  /** For the log: a table may be ahead of it. */
  | { readonly kind: 'waiting'; readonly asked: Asked; readonly until: Instant }
  | {
      readonly kind: 'making';
      readonly asked: Asked;
      readonly until: Instant;
      readonly job: number;
      readonly pin: number;
    }
  | {
      readonly kind: 'checking';
      readonly asked: Asked;
      readonly until: Instant;
      readonly job: number;
      readonly part: number;
      readonly held: HeldSnapshot;
    }
  /** Told of as failed; its job has not ended. [SC5] */
  | { readonly kind: 'late'; readonly job: number; readonly pin: number | undefined };

/** The number of this core's timer, among the replica's. */
const LIMIT_TIMER = 6;

type Wanted = Extract<ActorMessage, { readonly kind: 'snapshot-wanted' }>;

export class SnapshotControl {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  readonly #segmentBytesMax: number;
  readonly #removals: SnapshotRemovals;
  #state: SnapshotState = { kind: 'idle' };
  #lastNumber: number;
  /** Those that are done, also while they are being removed. */
  #held: readonly HeldSnapshot[];

  constructor(context: ReplicaContext, publisher: StorePublisher, options: ReplicaOptions) {
    this.#context = context;
    this.#publisher = publisher;
    this.#removals = new SnapshotRemovals(context);
    const { held, segmentBytesMax } = options.snapshots;
    this.#segmentBytesMax = segmentBytesMax;
    this.#lastNumber = held.at(-1)?.snapshotNumber ?? 0;
    this.#held = held;
  }

  figures(): Record<string, number> {
    const pinned = pinnedBySnapshots(this.#held, this.#context.versions.manifest);
    return { snapshots: this.#held.length, ...pinned };
  }

  wanted(from: string, { request, snapshotNumber }: Wanted): void {
    const asked = { from, request };
    const refusal = this.#refusalOf(snapshotNumber);
    if (refusal !== undefined) {
      this.#refuse(asked, ...refusal);
      return;
    }
    this.#lastNumber = snapshotNumber;
    this.#state = { kind: 'waiting', asked, until: this.#limit() };
  }

  /** [SC5] Until when what begins now may take; a timer brings a step then. */
  #limit(): Instant {
    const { limits, now, out } = this.#context;
    const until = now + limits.snapshotJobMsMax;
    out.effect({ kind: 'timer', timer: LIMIT_TIMER, at: until });
    return until;
  }

  /** [SC2] [SC4] */
  #refusalOf(snapshotNumber: number): readonly [SnapshotRefusal, string] | undefined {
    const { fenced, limits, refusesValues } = this.#context;
    const count = this.#held.length;
    if (fenced) return ['SHARD_DOWN', 'the shard serves no longer'];
    if (this.#state.kind === 'late') {
      return ['BUSY', 'the disk has not ended the job of the snapshot before'];
    }
    if (this.#state.kind !== 'idle') return ['BUSY', 'another snapshot is being made'];
    if (snapshotNumber <= this.#lastNumber) {
      return ['FAILED', `the number ${snapshotNumber} was given before`];
    }
    if (count >= limits.snapshotsMax) {
      return ['TOO_MANY', `there are ${count} snapshots; drop one`];
    }
    return refusesValues ? ['DISK_FULL', 'the disk is full'] : undefined;
  }

  /** What there is, also of a shard that is fenced. */
  tellHeld(from: string, request: number): void {
    const { versions, out } = this.#context;
    const { pinnedBytes } = pinnedBySnapshots(this.#held, versions.manifest);
    const held = this.#held.map(shardSnapshotOf);
    const lastNumber = this.#lastNumber;
    const message = { kind: 'snapshots', request, lastNumber, held, pinnedBytes } as const;
    out.effect({ kind: 'tell', to: from, message });
  }

  /** One that is not there is removed all the same: files of it may be. */
  drop(from: string, request: number, snapshotNumber: number): void {
    const { fenced } = this.#context;
    const isMade = this.#state.kind !== 'idle' && snapshotNumber === this.#lastNumber;
    if (fenced || isMade) {
      const reason = fenced ? 'the shard serves no longer' : this.#whyKept();
      const message = { kind: 'snapshot-dropped', request, ok: false, reason } as const;
      this.#context.out.effect({ kind: 'tell', to: from, message });
    } else {
      this.#removals.add(snapshotNumber, [{ from, request }]);
    }
  }

  #whyKept(): string {
    return this.#state.kind === 'late' ? 'its job has not ended' : 'it is being made';
  }

  /** REQUIRES: the shard is not fenced. */
  afterStep(): void {
    this.#removals.begin();
    this.#endLate();
    const state = this.#state;
    const { versions, releasedSequence } = this.#context;
    const { manifest } = versions;
    if (state.kind !== 'waiting' || manifest.floorSequence > releasedSequence) return;
    // [SC1]
    const pin = versions.pin();
    this.#publisher.holdFloor();
    const snapshotNumber = this.#lastNumber;
    const segmentBytesMax = this.#segmentBytesMax;
    const input = { snapshotNumber, manifest, cutSequence: releasedSequence, segmentBytesMax };
    const job = this.#context.askJob({ kind: 'snapshot', input });
    const until = this.#limit();
    this.#state = { kind: 'making', asked: state.asked, until, job, pin };
  }

  /** [SC5] */
  #endLate(): void {
    const state = this.#state;
    if (state.kind === 'idle' || state.kind === 'late') return;
    const { limits, now } = this.#context;
    if (now < state.until) return;
    const seconds = Math.round(limits.snapshotJobMsMax / 1000);
    const reason = `the disk did not do its part within ${seconds} s (snapshotJobMsMax)`;
    if (state.kind === 'waiting') {
      this.#failed(state.asked, 'FAILED', reason);
      return;
    }
    reachable('snapshot: a job takes longer than it may');
    const pin = state.kind === 'making' ? state.pin : undefined;
    this.#state = { kind: 'late', job: state.job, pin };
    this.#refuse(state.asked, 'FAILED', reason);
  }

  /** False: another job. */
  #lateEnded(job: number): boolean {
    const state = this.#state;
    if (state.kind !== 'late' || state.job !== job) return false;
    if (state.pin !== undefined) this.#made(state.pin);
    this.#state = { kind: 'idle' };
    this.#removals.add(this.#lastNumber, []);
    return true;
  }

  jobDone(job: number, output: JobOutput): void {
    const gone = this.#removals.jobDone(job);
    if (gone !== undefined) {
      this.#held = this.#held.filter(({ snapshotNumber }) => snapshotNumber !== gone);
    }
    if (this.#lateEnded(job)) return;
    const state = this.#state;
    if (state.kind === 'making' && state.job === job && output.kind === 'snapshot') {
      this.#made(state.pin);
      this.#check(state.asked, output.held, 0);
    } else if (state.kind === 'checking' && state.job === job && output.kind === 'check-snapshot') {
      const { fault, partCount } = output.check;
      const { asked, part, held } = state;
      if (fault !== undefined) this.#failed(asked, 'FAILED', fault);
      else if (part + 1 < partCount) this.#check(asked, held, part + 1);
      else this.#done(asked, held);
    }
  }

  /** False: not of a snapshot. */
  jobFailed(job: number, failure: DiskFailure): boolean {
    if (this.#removals.jobFailed(job, failure) || this.#lateEnded(job)) return true;
    const state = this.#state;
    if (state.kind !== 'making' && state.kind !== 'checking') return false;
    if (state.job !== job) return false;
    if (state.kind === 'making') this.#made(state.pin);
    if (failure === 'ENOSPC') this.#failed(state.asked, 'DISK_FULL', 'the disk is full');
    else this.#failed(state.asked, 'FAILED', failure);
    return true;
  }

  /** [SC1] */
  #made(pin: number): void {
    this.#context.versions.unpin(pin);
    this.#publisher.releaseFloor();
  }

  /** [SC3] */
  #check(asked: Asked, held: HeldSnapshot, part: number): void {
    const { snapshotNumber } = held;
    const job = this.#context.askJob({ kind: 'check-snapshot', snapshotNumber, part });
    this.#state = { kind: 'checking', asked, until: this.#limit(), job, part, held };
  }

  #done(asked: Asked, held: HeldSnapshot): void {
    this.#state = { kind: 'idle' };
    this.#held = [...this.#held, held];
    this.#tell(asked, { ok: true, snapshot: shardSnapshotOf(held) });
  }

  #failed(asked: Asked, code: SnapshotRefusal, reason: string): void {
    reachable('snapshot: one fails, and what there is of it is removed');
    this.#state = { kind: 'idle' };
    this.#removals.add(this.#lastNumber, []);
    this.#refuse(asked, code, reason);
  }

  #refuse(asked: Asked, code: SnapshotRefusal, reason: string): void {
    this.#tell(asked, { ok: false, code, reason });
  }

  #tell(
    { from, request }: Asked,
    end: Extract<ActorMessage, { readonly kind: 'snapshot-done' }>['end'],
  ): void {
    const message: ActorMessage = { kind: 'snapshot-done', request, end };
    this.#context.out.effect({ kind: 'tell', to: from, message });
  }
}

function shardSnapshotOf(held: HeldSnapshot): ShardSnapshot {
  return {
    snapshotNumber: held.snapshotNumber,
    sequence: held.sequence,
    fileCount: filesOfSnapshot(held),
    byteCount: bytesOfSnapshot(held),
  };
}
