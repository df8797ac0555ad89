/**
 * What a replica does for its store beside answering: flushes, merges, editions, removals,
 * snapshots, partitions that are given up, the reserve.
 * Hands the ends of jobs, timers and the compactor's words to whoever they are for.
 *
 * Boundary: works only within a step of the replica, on its context.
 *
 * Invariants:
 *   SW1 after a fence the end of a job changes nothing: the store belongs to whoever opens it next
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { JobOutput } from '@clockwise/storage/jobs';
import { CompactionControl } from './compaction-control.ts';
import { DiskSpace } from './disk-space.ts';
import { FlushControl } from './flush-control.ts';
import { PartitionDrops } from './partition-drops.ts';
import type { ReplicaContext, ReplicaOptions } from './replica-context.ts';
import { SnapshotControl } from './snapshot-control.ts';
import { StorePublisher } from './store-publisher.ts';

export class StoreWork {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  readonly #flushes: FlushControl;
  readonly #merges: CompactionControl;
  readonly #snapshots: SnapshotControl;
  readonly #space: DiskSpace;
  readonly #partitions: PartitionDrops;

  constructor(context: ReplicaContext, options: ReplicaOptions) {
    this.#context = context;
    this.#publisher = new StorePublisher(context);
    this.#flushes = new FlushControl(context, this.#publisher, options);
    this.#merges = new CompactionControl(context, this.#publisher);
    this.#snapshots = new SnapshotControl(context, this.#publisher, options);
    this.#space = new DiskSpace(context);
    this.#partitions = new PartitionDrops(context, this.#publisher, this.#flushes);
  }

  /** The replica's first step. */
  start(): void {
    this.#space.start();
  }

  /** REQUIRES: the shard is not fenced. */
  afterStep(): void {
    this.#partitions.afterStep();
    this.#flushes.afterStep();
    this.#publisher.afterStep();
    this.#merges.afterStep();
    this.#snapshots.afterStep();
  }

  jobDone(job: number, output: JobOutput): void {
    this.#context.jobs.ended(job);
    if (this.#space.jobDone(job, output)) return;
    // [SW1]
    if (this.#context.fenced) return;
    if (output.kind === 'flush') this.#flushes.written(job, output);
    else if (output.kind === 'merge') this.#merges.jobDone(job, output.output);
    else if (output.kind === 'merge-unreadable') {
      this.#merges.jobFailed(job, output.failure.code, output.fileNumber);
    }
    this.#snapshots.jobDone(job, output);
    if (this.#partitions.jobDone(job)) return;
    if (this.#publisher.jobDone(job) !== 'published') return;
    this.#flushes.published();
    this.#merges.published();
    this.#partitions.published();
    this.#publisher.publish();
  }

  jobFailed(job: number, failure: DiskFailure): void {
    this.#context.jobs.ended(job);
    if (this.#space.jobFailed(job, failure)) return;
    if (failure === 'ENOSPC') this.#space.noRoom();
    // [SW1]
    if (this.#context.fenced) return;
    if (this.#flushes.jobFailed(job, failure) || this.#merges.jobFailed(job, failure)) return;
    if (this.#snapshots.jobFailed(job, failure) || this.#partitions.jobFailed(job)) return;
    if (this.#publisher.jobFailed(job) !== 'failed') return;
    this.#flushes.publishFailed(failure);
    this.#merges.publishFailed(failure);
    this.#partitions.publishFailed();
  }

  onTimer(timer: number): void {
    this.#space.onTimer(timer);
    this.#publisher.onTimer(timer);
    this.#partitions.onTimer(timer);
  }

  /** The log has written on in the room of its reserve. */
  logFull(reserveUsed: number): void {
    this.#space.logFull(reserveUsed);
  }

  /** The compactor's words, main's about snapshots, and the ring-manager's; others are not for the store. */
  takeMessage(from: string, message: ActorMessage): void {
    if (message.kind === 'flush-chunk') {
      this.#flushes.flush(message.chunk);
    } else if (message.kind === 'merge-beat') {
      this.#merges.beat();
    } else if (message.kind === 'frozen-wanted') {
      this.#flushes.reportFrozen();
      this.#merges.reportWanted();
    } else if (message.kind === 'snapshot-wanted') {
      this.#snapshots.wanted(from, message);
    } else if (message.kind === 'snapshots-wanted') {
      this.#snapshots.tellHeld(from, message.request);
    } else if (message.kind === 'snapshot-drop') {
      this.#snapshots.drop(from, message.request, message.snapshotNumber);
    } else if (message.kind === 'partition-given-up') {
      this.#partitions.giveUp(from, message);
    } else if (message.kind === 'partition-filled') {
      this.#partitions.filled(from, message);
    } else if (message.kind === 'ring-decided') {
      const { held } = this.#context;
      if (message.epoch > held.ring.epoch) held.ruledBy(message);
    }
  }

  figures(): Record<string, number> {
    return {
      ...this.#flushes.figures(),
      ...this.#publisher.figures(),
      ...this.#merges.figures(),
      ...this.#snapshots.figures(),
      ...this.#space.figures(),
      ...this.#partitions.figures(),
      ...this.#context.jobs.figures(this.#context.now),
    };
  }
}
