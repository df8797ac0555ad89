/** The thread that a coordinator and a replica share on small machines. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { hostCoordinator, hostReplica } from '../data-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [
  hostCoordinator('coordinator-0', context),
  hostReplica(context.name, context),
]);
