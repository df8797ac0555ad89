/** Worker file of the toy coordinator. */
import { runActors } from '../worker/actor-thread.ts';
import { ToyCoordinatorCore } from './toy-coordinator-core.ts';

await runActors(() => [{ name: 'coordinator-0', core: new ToyCoordinatorCore() }]);
