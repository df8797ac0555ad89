/**
 * The cores of coordinators and replicas, each made from the node's data: in a running node by its
 * worker file, in a replay from what a recording says they were made from.
 */
import { CoordinatorCore } from '@clockwise/coordinator/coordinator-core';
import type { ShardMemory } from '@clockwise/kernel/effects';
import type { Incarnation } from '@clockwise/replica/replica-context';
import type { ThreadContext } from '@clockwise/runtime/worker/actor-thread';
import type { BlockCodecs } from '@clockwise/storage/block-codec';
import type { Checksum } from '@clockwise/storage/checksum';
import type { Disk } from '@clockwise/storage/disk';
import type { NodeData } from './node-data.ts';
import { openShard, type OpenedShard } from './open-shard.ts';
import { ownedPartitions } from './ring-view-of.ts';

/** What only this life of the actor has of a thread's context. */
export type ActorContext = Omit<ThreadContext<NodeData>, 'shardMemories'>;

/** What cores that are no replicas are made from. */
export type CoreContext = Pick<ActorContext, 'data' | 'limits' | 'prng'>;

/** What a replica draws anew for each opening of its store. */
export interface ReplicaLife {
  readonly incarnation: Incarnation;
  readonly secret: Incarnation;
}

export function coordinatorCore(
  { data, limits, prng }: CoreContext,
  shards: readonly ShardMemory[],
): CoordinatorCore {
  return new CoordinatorCore({ ring: data.ring, bootId: data.bootId, limits, prng, shards });
}

/** What a store is opened with that is not pure. */
export interface StoreParts {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly codecs: BlockCodecs;
}

/** Opens the store behind `disk` for the replica of the context's name. */
export function openReplica(
  { name, data, limits, chunks, wallTimeMs }: ActorContext,
  { incarnation, secret }: ReplicaLife,
  { disk, checksum, codecs }: StoreParts,
): OpenedShard {
  return openShard({
    shard: Number(name.slice('replica-'.length)),
    shardCount: data.shardCount,
    coordinatorCount: 1,
    partitionBits: data.ring.partitionBits,
    owned: ownedPartitions(data.ring),
    limits,
    disk,
    checksum,
    codecs,
    storeId: data.storeId,
    mustExist: data.mustExist,
    incarnation,
    openedSeconds: Math.floor(wallTimeMs / 1000),
    secret,
    chunks: chunks.map((words) => words.buffer as SharedArrayBuffer),
  });
}
