/**
 * What happens at once in an explored world because no oracle and no core could tell when it happened.
 * This is what keeps the number of states small; each rule says why nothing is lost by it.
 *
 *     A log is synced at once in a node that cannot lose what is unsynced. When a step is synced shows
 *     in one thing only: whether an answer leaves by lane `now` or waits on lane `durable`; and both
 *     lanes are taken at any later time, in any order.
 *     A client takes an answer at once when every operation has begun. When an operation ended counts
 *     only for what begins later; and an answer that is lost leaves an outcome unknown, of which less
 *     is demanded than of the one it would have had. (Not where the client may still try elsewhere.)
 *     A client hears of the end of a connection at once when nothing is under way on it. What then
 *     begins may as well begin later.
 */
import { answeredBy, mayRetry } from './client-operations.ts';
import type { CrashPlan, ExplorerCase } from './explorer-case.ts';
import {
  type Connection,
  type OperationState,
  replaceNode,
  underWay,
  type WorldState,
} from './world-state.ts';

/** REQUIRES: the connection is a client's. Whether what is under way to it is taken at once. */
export function isTakenAtOnce(state: WorldState, connection: Connection): boolean {
  const operation = answeredNext(state, connection);
  if (operation === undefined) return false;
  if (operation.phase === 'ended') return true;
  return !mayRetry(operation) && state.operations.every(({ phase }) => phase !== 'waiting');
}

/** The operation that the next answer on a client's connection belongs to. */
export function answeredNext(
  state: WorldState,
  { acceptor }: Connection,
): OperationState | undefined {
  const [frame] = underWay(state, acceptor);
  return frame === undefined ? undefined : state.operations[answeredBy(frame).index];
}

/** Syncs every log whose node cannot lose what is unsynced. */
export function syncSafeLogs(explorerCase: ExplorerCase, state: WorldState): WorldState {
  let next = state;
  for (const [index, node] of state.nodes.entries()) {
    const { length } = node.replica.output.logged;
    if (!node.isUp || node.syncedSteps === length) continue;
    const mayLose =
      state.budget.crashes > 0 &&
      explorerCase.crashes.some(({ node: victim, when }) => victim === index && loses(when));
    if (!mayLose) next = replaceNode(next, index, { ...node, syncedSteps: length });
  }
  return next;
}

/** Whether it counts for a crash what was not synced. */
function loses(when: CrashPlan['when']): boolean {
  return when === 'unsynced-lost' || when === 'unsynced-kept';
}
