/** The thread of a coordinator. */
import { CoordinatorCore } from '@clockwise/coordinator/coordinator-core';
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>(({ name, data, limits, prng, shardMemories }) => {
  const core = new CoordinatorCore({
    ring: data.ring,
    bootId: data.bootId,
    limits,
    prng,
    shards: shardMemories(data.shardCount),
  });
  return [{ name, core }];
});
