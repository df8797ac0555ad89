/** The thread that ring-manager, compactor and anti-entropy share on small machines. */
import { runActors } from '@clockwise/runtime/worker/actor-thread';
import { smallActor } from '../control-actors.ts';
import type { NodeData } from '../node-data.ts';

await runActors<NodeData>((context) => [
  smallActor('ring-manager', context),
  smallActor('compactor', context),
  smallActor('anti-entropy', context),
]);
