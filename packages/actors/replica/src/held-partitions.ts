/**
 * Which partitions this shard may answer for. The ring says whose they are, the manifest which of them
 * were given up: their objects were dropped, and nobody has filled them again. data plane
 *
 *     whole --give up--> dropping --the drop is durable--> gone --the ring gives it back--> lacking
 *       ^                                                    ^                                  |
 *       |                                                    '---- the ring takes it again -----'
 *       '------------------------------- filled ----------------------------------------------'
 *
 * Invariants:
 *   GP1 of a partition that is being dropped nothing is read, written or stored; of one that is gone
 *       nothing is written or stored
 *   GP2 of a partition that was dropped and is not filled again no reader is answered, whatever is found,
 *       and nobody hears that a key is not there. Hand-off reads what is found
 *
 * Hidden records belong to others: no rule here is about them.
 */
import { STATUS_OK, ERRORS } from '@clockwise/protocol/errors';
import { REPLICA_OPCODE } from '@clockwise/protocol/frame';
import type { GivenUpPartition } from '@clockwise/storage/manifest';

/** What a replica knows of a ring. */
export interface OwnedPartitions {
  readonly epoch: number;
  /** By partition: 1 where the node is an owner, in any replication class. */
  readonly owned: Uint8Array;
  /** Of all buckets of users. */
  readonly bucketIds: readonly number[];
}

export const HOLDING = { whole: 0, dropping: 1, gone: 2, lacking: 3 } as const;

export class HeldPartitions {
  /** Partitions that are not whole: where there are none, nobody need ask for one. */
  notWholeCount = 0;
  #ring: OwnedPartitions;
  readonly #partitionBits: number;
  readonly #states: Uint8Array;

  constructor(ring: OwnedPartitions, partitionBits: number, givenUp: readonly GivenUpPartition[]) {
    this.#ring = ring;
    this.#partitionBits = partitionBits;
    this.#states = new Uint8Array(2 ** partitionBits);
    for (const { partition } of givenUp) this.dropped(partition);
  }

  get ring(): OwnedPartitions {
    return this.#ring;
  }

  isOwned(partition: number): boolean {
    return this.#ring.owned[partition] === 1;
  }

  stateOf(partition: number): number {
    return this.#states[partition]!;
  }

  /** Another ring rules from now on. */
  ruledBy(ring: OwnedPartitions): void {
    this.#ring = ring;
    for (let partition = 0; partition < this.#states.length; partition += 1) {
      const state = this.#states[partition];
      if (state === HOLDING.gone || state === HOLDING.lacking) this.dropped(partition);
    }
  }

  dropping(partition: number): void {
    this.#set(partition, HOLDING.dropping);
  }

  /** The drop is durable. */
  dropped(partition: number): void {
    this.#set(partition, this.isOwned(partition) ? HOLDING.lacking : HOLDING.gone);
  }

  /** That it is filled is durable. */
  filled(partition: number): void {
    this.#set(partition, HOLDING.whole);
  }

  #set(partition: number, state: number): void {
    const wasWhole = this.#states[partition] === HOLDING.whole;
    this.#states[partition] = state;
    const isWhole = state === HOLDING.whole;
    if (wasWhole !== isWhole) this.notWholeCount += isWhole ? -1 : 1;
  }

  /** STATUS_OK, or why an operation on a key is refused. REQUIRES: the bucket is a user's. */
  refusalOf(opcode: number, tokenHigh: number, isFound: boolean, isForeground: boolean): number {
    const state = this.#states[this.partitionOf(tokenHigh)]!;
    if (state === HOLDING.whole) return STATUS_OK;
    // [GP2]
    const mayAnswer = isFound && !isForeground && state !== HOLDING.dropping;
    const isTaken = opcode === REPLICA_OPCODE.read ? mayAnswer : state === HOLDING.lacking;
    if (isTaken) return STATUS_OK;
    return state === HOLDING.lacking ? ERRORS.NOT_READY.code : ERRORS.STALE_EPOCH.code;
  }

  /** Whether a page of the partition is nobody's answer: hand-off alone may have it. */
  isPageRefused(partition: number, isForeground: boolean): boolean {
    return isForeground && this.#states[partition] !== HOLDING.whole;
  }

  partitionOf(tokenHigh: number): number {
    // Two shifts: one partition has no bits.
    return (tokenHigh >>> 1) >>> (31 - this.#partitionBits);
  }
}

/** A ring of epoch 1 whose every partition is this node's, for worlds of tests. */
export function ownerOfAll(partitionBits: number, bucketIds: readonly number[]): OwnedPartitions {
  return { epoch: 1, owned: new Uint8Array(2 ** partitionBits).fill(1), bucketIds };
}
