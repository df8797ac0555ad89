/** Worker file that hosts two actors. */
import { runActors } from '../worker/actor-thread.ts';
import { ToyPairCore } from './toy-pair-core.ts';

await runActors(() => [
  { name: 'ring-manager', core: new ToyPairCore('compactor') },
  { name: 'compactor', core: new ToyPairCore('ring-manager') },
]);
