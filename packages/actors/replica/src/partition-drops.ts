/**
 * Giving partitions up: their objects leave the store by range drops, all that wait in one go.
 *
 *     told --> refused from now on --> what was written before is in tables --> leaves without them
 *          --> one edition: range drops, and the partition as given up --> memory lets go --> told
 *
 * A drop is bounded by the floor at which it is planned: all that the partition had is below, for nothing
 * of it was written since, and all that will ever come back to it is above. So no crash takes sequences
 * from the log that a drop names, and what is stored when the partition has come back is not eaten by it.
 *
 * Invariants:
 *   GU1 a drop is told as done when the edition that has it is durable, and memory has let go of it
 *   GU2 a partition that the present ring gives to this node is not dropped; nor is one for another epoch
 *   GU3 before the first object of a partition is dropped, dots are made under another name
 *   GU4 a drop has the floor as its bound, and the edition that has it names the partition as given up;
 *       no flush begins between the leaves that the edition names and the edits of it
 */
import type { Instant } from '@clockwise/kernel/core';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { clearLeaves } from '@clockwise/merkle/leaf-table';
import { leavesName } from '@clockwise/storage/file-names';
import type { RangeDrop } from '@clockwise/storage/manifest';
import type { FlushControl } from './flush-control.ts';
import { HOLDING } from './held-partitions.ts';
import type { ReplicaContext } from './replica-context.ts';
import type { StorePublisher } from './store-publisher.ts';

/** The number of this timer, among the replica's. */
export const PARTITION_TIMER = 5;
/** What failed is tried again after so long. */
const AGAIN_MS = 1000;

type Wanted = Extract<ActorMessage, { readonly kind: 'partition-given-up' | 'partition-filled' }>;

interface Asked {
  readonly wants: 'gone' | 'filled';
  readonly from: string;
  readonly request: number;
  readonly partition: number;
}

/** A partition that is on its way out. */
interface Leaving {
  readonly partition: number;
  readonly epoch: number;
}

/** Until the floor has reached the last sequence that any of them may have. */
interface Flushing {
  readonly kind: 'flushing';
  readonly leaving: readonly Leaving[];
  readonly sequence: number;
  /** Some of it is in the chunk that is written to. */
  readonly mustFreeze: boolean;
}

type DropState =
  | { readonly kind: 'idle' }
  | Flushing
  | {
      readonly kind: 'writing';
      readonly leaving: readonly Leaving[];
      readonly job: number;
      readonly fileNumber: number;
      readonly leaves: Int32Array;
    }
  | {
      readonly kind: 'publishing';
      readonly leaving: readonly Leaving[];
      readonly drops: readonly RangeDrop[];
    };

export class PartitionDrops {
  readonly #context: ReplicaContext;
  readonly #publisher: StorePublisher;
  readonly #flushes: FlushControl;
  #state: DropState = { kind: 'idle' };
  #waiting: Leaving[] = [];
  /** Partitions that are filled again, as soon as an edition says so. */
  readonly #filling: Set<number> = new Set();
  /** One of each who asks for one partition: who asks again is answered once. */
  #asked: readonly Asked[] = [];
  #notBefore: Instant = -Infinity;

  constructor(context: ReplicaContext, publisher: StorePublisher, flushes: FlushControl) {
    this.#context = context;
    this.#publisher = publisher;
    this.#flushes = flushes;
  }

  figures(): Record<string, number> {
    const { versions } = this.#context;
    return {
      partitionsGivenUp: versions.manifest.givenUp.length,
      rangeDrops: versions.manifest.rangeDrops.length,
    };
  }

  /** [GU2] */
  giveUp(from: string, { request, partition, epoch }: Wanted): void {
    const { held, book, versions } = this.#context;
    const asked: Asked = { wants: 'gone', from, request, partition };
    const refusal = this.#refusalOf(partition, epoch, false);
    if (refusal !== undefined) {
      this.#tell(asked, refusal);
      return;
    }
    const known = versions.manifest.givenUp.find((other) => other.partition === partition);
    const isLeaving = held.stateOf(partition) === HOLDING.dropping;
    if (!isLeaving && known !== undefined && known.epoch >= epoch) {
      this.#tell(asked, undefined);
      return;
    }
    this.#remember(asked);
    if (isLeaving) return;
    // [GU3]
    book.redrawOwn();
    held.dropping(partition);
    this.#waiting.push({ partition, epoch });
  }

  /** The partition has come back, and all that it should hold has come to it. */
  filled(from: string, { request, partition, epoch }: Wanted): void {
    const { held, versions } = this.#context;
    const asked: Asked = { wants: 'filled', from, request, partition };
    const refusal = this.#refusalOf(partition, epoch, true);
    if (refusal !== undefined) {
      this.#tell(asked, refusal);
      return;
    }
    if (held.stateOf(partition) === HOLDING.whole) {
      this.#tell(asked, undefined);
      return;
    }
    this.#remember(asked);
    if (this.#filling.has(partition)) return;
    this.#filling.add(partition);
    versions.planFilled(partition);
    this.#publisher.publish();
  }

  #refusalOf(partition: number, epoch: number, isOwnersWord: boolean): string | undefined {
    const { held, fenced } = this.#context;
    const { ring } = held;
    if (fenced) return 'the shard serves no longer';
    if (partition >= ring.owned.length) return `there is no partition ${partition}`;
    if (epoch !== ring.epoch) return `the ring that rules here is of epoch ${ring.epoch}`;
    const isOwner = held.isOwned(partition);
    if (isOwner === isOwnersWord) {
      const isBusy = isOwner && held.stateOf(partition) === HOLDING.dropping;
      return isBusy ? 'what it held before is still being dropped' : undefined;
    }
    const whose = isOwner ? 'owns' : 'does not own';
    return `this node ${whose} the partition in the ring of epoch ${epoch}`;
  }

  /** REQUIRES: the shard is not fenced. Before the flushes look at what is frozen. */
  afterStep(): void {
    if (this.#state.kind === 'idle' && this.#waiting.length > 0) {
      const sequence = this.#context.memtable.nextSequence - 1;
      this.#state = { kind: 'flushing', leaving: this.#waiting, sequence, mustFreeze: true };
      this.#waiting = [];
    }
    if (this.#state.kind === 'flushing') this.#advance(this.#state);
  }

  #advance(state: Flushing): void {
    const { memtable } = this.#context;
    const { pool, activeChunk } = memtable;
    const isEmpty = activeChunk === -1 || pool.recordCounts[activeChunk] === 0;
    // Where memory has no room for another chunk now, it is tried again.
    const mustFreeze = state.mustFreeze && !isEmpty && !memtable.freeze();
    this.#state = { ...state, mustFreeze };
    if (!mustFreeze) this.#writeLeaves(state);
  }

  /** [GU4] As of the floor, and without what leaves. */
  #writeLeaves({ leaving, sequence }: Flushing): void {
    const { versions, leaves: live, now } = this.#context;
    const { floorSequence } = versions.manifest;
    if (floorSequence < sequence || now < this.#notBefore) return;
    const floorLeaves = this.#flushes.hold();
    if (floorLeaves === undefined) return;
    const leaves = floorLeaves.slice();
    for (const { partition } of leaving) clearLeaves(leaves, live.partitionBits, partition);
    const fileNumber = versions.takeFileNumbers(1);
    const snapshot = { fileNumber, sequence: floorSequence, leaves };
    const job = this.#context.askJob({ kind: 'leaves', snapshot });
    this.#state = { kind: 'writing', leaving, job, fileNumber, leaves };
  }

  /** False: not a job of this core's. */
  jobDone(job: number): boolean {
    const state = this.#state;
    if (state.kind !== 'writing' || state.job !== job) return false;
    const { versions } = this.#context;
    const { leaving, fileNumber, leaves } = state;
    const drops = leaving.flatMap(({ partition }) => this.#dropsOf(partition));
    // [GU4]
    for (const drop of drops) versions.planRangeDrop(drop, fileNumber);
    for (const givenUp of leaving) versions.planGivenUp(givenUp);
    this.#flushes.release(leaves);
    this.#state = { kind: 'publishing', leaving, drops };
    this.#publisher.publish();
    return true;
  }

  #dropsOf(partition: number): RangeDrop[] {
    const { held, leaves, versions } = this.#context;
    const bits = leaves.partitionBits;
    const fromHigh = bits === 0 ? 0 : partition << (32 - bits);
    const toHigh = fromHigh | (bits === 0 ? -1 : 0xffff_ffff >>> bits);
    const range = { fromHigh, fromLow: 0, toHigh, toLow: -1 };
    const sequence = versions.manifest.floorSequence;
    return held.ring.bucketIds.map((bucketId) => ({ bucketId, ...range, sequence }));
  }

  /** False: not a job of this core's. */
  jobFailed(job: number): boolean {
    const state = this.#state;
    if (state.kind !== 'writing' || state.job !== job) return false;
    const { versions } = this.#context;
    versions.discard([leavesName(state.fileNumber)]);
    this.#flushes.release(undefined);
    const { leaving } = state;
    const sequence = versions.manifest.floorSequence;
    this.#state = { kind: 'flushing', leaving, sequence, mustFreeze: false };
    this.#tryLater();
    return true;
  }

  /** [GU1] An edition is durable. */
  published(): void {
    const { versions, held, memtable, leaves } = this.#context;
    const { givenUp } = versions.manifest;
    for (const partition of this.#filling) {
      if (givenUp.some((other) => other.partition === partition)) continue;
      this.#filling.delete(partition);
      // [GP1] The ring may have taken it again meanwhile.
      if (held.stateOf(partition) !== HOLDING.dropping) held.filled(partition);
      this.#tellEnded('filled', partition);
    }
    const state = this.#state;
    if (state.kind !== 'publishing' || !isIn(state.leaving, givenUp)) return;
    this.#state = { kind: 'idle' };
    for (const drop of state.drops) memtable.dropRange(drop, drop.sequence);
    for (const { partition } of state.leaving) {
      leaves.clear(partition);
      held.dropped(partition);
      this.#tellEnded('gone', partition);
    }
  }

  /** The edits wait for the next edition. */
  publishFailed(): void {
    if (this.#state.kind === 'publishing' || this.#filling.size > 0) this.#tryLater();
  }

  onTimer(timer: number): void {
    if (timer !== PARTITION_TIMER || this.#context.fenced) return;
    if (this.#state.kind === 'publishing' || this.#filling.size > 0) this.#publisher.publish();
  }

  #tryLater(): void {
    const { out, now } = this.#context;
    this.#notBefore = now + AGAIN_MS;
    out.effect({ kind: 'timer', timer: PARTITION_TIMER, at: this.#notBefore });
  }

  #remember(asked: Asked): void {
    const { wants, from, partition } = asked;
    const isSame = (other: Asked): boolean =>
      other.wants === wants && other.from === from && other.partition === partition;
    this.#asked = [...this.#asked.filter((other) => !isSame(other)), asked];
  }

  #tellEnded(wants: Asked['wants'], partition: number): void {
    const isMet = (asked: Asked): boolean => asked.wants === wants && asked.partition === partition;
    for (const asked of this.#asked.filter(isMet)) this.#tell(asked, undefined);
    this.#asked = this.#asked.filter((asked) => !isMet(asked));
  }

  #tell({ from, request, partition }: Asked, refusal: string | undefined): void {
    const ok = refusal === undefined;
    const message = {
      kind: 'partition-answer',
      request,
      partition,
      ok,
      reason: refusal ?? '',
    } as const;
    this.#context.out.effect({ kind: 'tell', to: from, message });
  }
}

function isIn(leaving: readonly Leaving[], givenUp: readonly Leaving[]): boolean {
  return leaving.every(({ partition, epoch }) =>
    givenUp.some((other) => other.partition === partition && other.epoch === epoch),
  );
}
