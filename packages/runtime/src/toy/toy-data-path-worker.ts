/** Worker file of the toy coordinator and the toy replica in one thread. */
import { runActors } from '../worker/actor-thread.ts';
import { ToyCoordinatorCore } from './toy-coordinator-core.ts';
import { ToyReplicaCore } from './toy-replica-core.ts';

await runActors((context) => [
  { name: 'coordinator-0', core: new ToyCoordinatorCore() },
  { name: context.name, core: new ToyReplicaCore(context.chunks[0]!), logStart: 'the beginning' },
]);
