/** Worker file of the toy replica. */
import { runActors } from '../worker/actor-thread.ts';
import { ToyReplicaCore } from './toy-replica-core.ts';

await runActors((context) => [
  { name: context.name, core: new ToyReplicaCore(context.chunks[0]!), logStart: 'the beginning' },
]);
