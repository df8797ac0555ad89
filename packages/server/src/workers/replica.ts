/** The thread of a replica: recovers its store, then serves its shard. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { hostReplica } from '../data-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [hostReplica(context.name, context)]);
