/** The thread of the compactor. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { recordedSmallActor } from '../control-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [recordedSmallActor('compactor', context)]);
