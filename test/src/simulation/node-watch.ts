/** What a simulated node tells of itself while it runs, for those who judge it. */
import type { CoordinatorCore } from '@clockwise/coordinator/coordinator-core';
import type { RingView } from '@clockwise/coordinator/ring-view';
import type { FrameList } from '@clockwise/kernel/core';
import type { Limits } from '@clockwise/kernel/limits';
import type { NodePace } from './configuration.ts';
import type { ShardProcess } from './shard-process.ts';

/** Told of what a node's actors do, for those who judge it. */
export interface NodeWatch {
  append(words: Int32Array, from: number, to: number, shard: number, opening: string): void;
  /** What a step of a shard takes of its coordinator. */
  took(shard: number, opening: string, frames: FrameList): void;
  synced(shard: number, sequence: number): void;
  opened(shard: number, lastSequence: number): void;
  /** [O12] The ring that a process starts with, and each frame that leaves it. */
  started(who: string, ring: RingView): void;
  sent(who: string, frame: Int32Array): void;
  /** [O9] What is queued or held, beside its limit. */
  load(name: string, value: number, limit: number, where: string): void;
}

interface WatchedNode {
  readonly watch: NodeWatch;
  readonly limits: Limits;
  readonly pace: NodePace;
  readonly name: string;
}

/** [O9] After a step of the coordinator: what is under way in it, and on the way to its shards. */
export function watchLoads(
  core: CoordinatorCore,
  shards: readonly (ShardProcess | undefined)[],
  { watch, limits, pace, name }: WatchedNode,
): void {
  const { requestsInFlightMax, replicaOperationsInFlightMax } = limits;
  watch.load('requests in flight', core.requestsInFlight, requestsInFlightMax, name);
  for (let index = 0; index < shards.length; index += 1) {
    const shard = shards[index];
    if (shard === undefined) continue;
    const inFlight = core.operationsInFlight(index);
    // One probe of the data path goes beyond the credit.
    watch.load('operations in flight', inFlight, replicaOperationsInFlightMax + 1, name);
    const wordCount = shard.requests.written - shard.requests.consumed();
    watch.load('words on the way to a shard', wordCount, pace.channelWordsMax, name);
  }
}
