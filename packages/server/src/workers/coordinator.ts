/** The thread of a coordinator. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { coordinatorCore } from '../actor-cores.ts';
import { namedRecords } from '../named-records.ts';
import type { NodeData } from '../node-data.ts';
import { recorderOf } from '../record-actor.ts';

await runActors<NodeData>((context) => {
  const { name, data, shardMemories } = context;
  const shards = shardMemories(data.shardCount);
  const recorded = recorderOf(name, context);
  const core = coordinatorCore(context, shards);
  return [recorded({ name, core }, { recordsNamed: namedRecords(shards) })];
});
