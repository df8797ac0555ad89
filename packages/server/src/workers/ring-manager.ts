/** The thread of the ring-manager. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { smallActor } from '../control-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [smallActor('ring-manager', context)]);
