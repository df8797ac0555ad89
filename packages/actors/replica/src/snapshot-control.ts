/**
 * A snapshot of the shard's store, when somebody asks: the job that makes it, the jobs that read it from
 * end to end, and the answer. One at a time.
 *
 *     snapshot-wanted --> the log has caught up with the tables --> snapshot job --> check, part by part
 *                                                              --> snapshot-done, with its number
 *
 * Invariants:
 *   SC1 while one is made, the tables of its version are pinned and the log is told of no floor
 *   SC2 a number is given once in a life, and is above those of all snapshots of which a file was found;
 *       what failed half-way is removed, which is tried until it is durable. A crash before that may leave
 *       it; nobody was told that it is done
 *   SC3 a snapshot is called done after every byte of it was read and found sound
 */
import type { DiskFailure } from '@clockwise/kernel/effects';
import { reachable } from '@clockwise/kernel/probe';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import type { JobOutput } from '@clockwise/storage/jobs';
import type { ReplicaContext, ReplicaOptions } from './replica-context.ts';
import type { StorePublisher } from './store-publisher.ts';

interface Asked {
  readonly from: string;
  readonly request: number;
}

type SnapshotState =
  | { readonly kind: 'idle' }
  /** For the log: a table may be ahead of it. */
  | { readonly kind: 'waiting'; readonly asked: Asked }
  | { readonly kind: 'making'; readonly asked: Asked; readonly job: number; readonly pin: number }
  | {
      readonly kind: 'checking';
      readonly asked: Asked;
      readonly job: number;
      readonly part: number;
    };

/** Of a removal that failed, until it is tried again. */
const REMOVE_AGAIN_MS = 1000;
/** The number of this core's timer, among the replica's. */
const SNAPSHOT_TIMER = 4;

export class SnapshotControl {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  readonly #segmentBytesMax: number;
  #state: SnapshotState = { kind: 'idle' };
  #lastNumber: number;
  #count: number;
  /** Of snapshots that failed, and of which files may be there. */
  #toRemove: readonly number[] = [];
  /** Of the first of them; 0: none is under way. */
  #removal = 0;
  #removeAt = 0;

  constructor(context: ReplicaContext, publisher: StorePublisher, options: ReplicaOptions) {
    this.#context = context;
    this.#publisher = publisher;
    const { numbers, segmentBytesMax } = options.snapshots;
    this.#segmentBytesMax = segmentBytesMax;
    this.#lastNumber = numbers.at(-1) ?? 0;
    this.#count = numbers.length;
  }

  figures(): Record<string, number> {
    return { snapshots: this.#count };
  }

  wanted(from: string, request: number): void {
    const { fenced, limits } = this.#context;
    const asked = { from, request };
    if (fenced) this.#tell(asked, 0, 'the shard serves no longer');
    else if (this.#state.kind !== 'idle') this.#tell(asked, 0, 'another snapshot is being made');
    else if (this.#count >= limits.snapshotsMax) {
      this.#tell(asked, 0, `there are ${this.#count} snapshots; remove one`);
    } else {
      this.#state = { kind: 'waiting', asked };
    }
  }

  /** REQUIRES: the shard is not fenced. */
  afterStep(): void {
    this.#beginRemoval();
    const state = this.#state;
    const { versions, releasedSequence } = this.#context;
    const { manifest } = versions;
    if (state.kind !== 'waiting' || manifest.floorSequence > releasedSequence) return;
    // [SC1] [SC2]
    const pin = versions.pin();
    this.#publisher.holdFloor();
    this.#lastNumber += 1;
    const snapshotNumber = this.#lastNumber;
    const segmentBytesMax = this.#segmentBytesMax;
    const input = { snapshotNumber, manifest, cutSequence: releasedSequence, segmentBytesMax };
    const job = this.#context.askJob({ kind: 'snapshot', input });
    this.#state = { kind: 'making', asked: state.asked, job, pin };
  }

  jobDone(job: number, output: JobOutput): void {
    if (job === this.#removal) {
      this.#removal = 0;
      this.#toRemove = this.#toRemove.slice(1);
    }
    const state = this.#state;
    if (state.kind === 'making' && state.job === job) {
      this.#made(state.pin);
      this.#check(state.asked, 0);
    } else if (state.kind === 'checking' && state.job === job && output.kind === 'check-snapshot') {
      const { fault, partCount } = output.check;
      if (fault !== undefined) this.#failed(state.asked, fault);
      else if (state.part + 1 < partCount) this.#check(state.asked, state.part + 1);
      else this.#done(state.asked);
    }
  }

  /** False: not of a snapshot. */
  jobFailed(job: number, failure: DiskFailure): boolean {
    if (job === this.#removal) {
      this.#removalFailed();
      return true;
    }
    const state = this.#state;
    if (state.kind !== 'making' && state.kind !== 'checking') return false;
    if (state.job !== job) return false;
    if (state.kind === 'making') this.#made(state.pin);
    this.#failed(state.asked, failure);
    return true;
  }

  /** [SC1] */
  #made(pin: number): void {
    this.#context.versions.unpin(pin);
    this.#publisher.releaseFloor();
  }

  /** [SC3] */
  #check(asked: Asked, part: number): void {
    const job = this.#context.askJob({
      kind: 'check-snapshot',
      snapshotNumber: this.#lastNumber,
      part,
    });
    this.#state = { kind: 'checking', asked, job, part };
  }

  #done(asked: Asked): void {
    this.#state = { kind: 'idle' };
    this.#count += 1;
    this.#tell(asked, this.#lastNumber, '');
  }

  #failed(asked: Asked, reason: string): void {
    reachable('snapshot: one fails, and what there is of it is removed');
    this.#state = { kind: 'idle' };
    this.#toRemove = [...this.#toRemove, this.#lastNumber];
    this.#beginRemoval();
    this.#tell(asked, 0, reason);
  }

  /** [SC2] */
  #beginRemoval(): void {
    const snapshotNumber = this.#toRemove[0];
    if (snapshotNumber === undefined || this.#removal !== 0) return;
    if (this.#context.now < this.#removeAt) return;
    this.#removal = this.#context.askJob({ kind: 'remove-snapshot', snapshotNumber });
  }

  /** The timer brings a step, and behind it the next try. */
  #removalFailed(): void {
    const { now, out } = this.#context;
    this.#removal = 0;
    // Behind the others: one that cannot be removed holds up none of them.
    this.#toRemove = [...this.#toRemove.slice(1), ...this.#toRemove.slice(0, 1)];
    this.#removeAt = now + REMOVE_AGAIN_MS;
    out.effect({ kind: 'timer', timer: SNAPSHOT_TIMER, at: this.#removeAt });
  }

  /** `snapshotNumber` 0: there is none. */
  #tell({ from, request }: Asked, snapshotNumber: number, reason: string): void {
    const ok = snapshotNumber > 0;
    const message: ActorMessage = { kind: 'snapshot-done', request, snapshotNumber, ok, reason };
    this.#context.out.effect({ kind: 'tell', to: from, message });
  }
}
