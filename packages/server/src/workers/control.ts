/** The thread that ring-manager, compactor and anti-entropy share on small machines. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { recordedSmallActor } from '../control-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [
  recordedSmallActor('ring-manager', context),
  recordedSmallActor('compactor', context),
  recordedSmallActor('anti-entropy', context),
]);
