/** The thread of a coordinator. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { hostCoordinator } from '../data-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [hostCoordinator(context.name, context)]);
