/**
 * Commands of operators to this node (control message `adminRequest`): read here, carried out elsewhere,
 * answered as JSON.
 *
 * Invariants:
 *   AC1 a command whose argument was not understood, or that is meant for another node, does nothing
 */
import * as v from 'valibot';
import type { NodeSnapshots } from './node-snapshots.ts';
import type { AdminAnswer, SnapshotArgument } from './snapshot-report.ts';

const ARGUMENT = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({ nodeId: v.string(), name: v.string() }),
);

/** Never rejects for what a client says. */
export async function runAdminCommand(
  { nodeId, snapshots }: { readonly nodeId: string; readonly snapshots: NodeSnapshots },
  command: string,
  argument: string,
): Promise<AdminAnswer<unknown>> {
  const parsed = v.safeParse(ARGUMENT, argument);
  // [AC1]
  if (!parsed.success) return refused(`the argument of ${command} is not what it takes`);
  const wanted: SnapshotArgument = parsed.output;
  if (wanted.nodeId !== nodeId) {
    const reason = `this is node ${nodeId}, not ${wanted.nodeId}`;
    return { ok: false, code: 'WRONG_NODE', reasons: [reason] };
  }
  switch (command) {
    case 'snapshot-create':
      return snapshots.create(wanted.name);
    case 'snapshot-list':
      return snapshots.list();
    case 'snapshot-drop':
      return snapshots.drop(wanted.name);
    default:
      return refused(`there is no command ${command}`);
  }
}

function refused(reason: string): AdminAnswer<never> {
  return { ok: false, code: 'BAD_REQUEST', reasons: [reason] };
}
