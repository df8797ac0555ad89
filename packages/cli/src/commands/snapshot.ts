import { nameFault } from '@clockwise/server/snapshots/snapshot-index';
import {
  choiceOption,
  CONNECTION_OPTIONS,
  integerOption,
  OUTPUT_OPTION,
  textOption,
  UsageError,
  type Call,
  type Command,
} from '../command.ts';
import type { ExitCode } from '../exit-code.ts';
import { findCluster } from '../find-cluster.ts';
import { nodesMeant } from '../snapshot/ask-nodes.ts';
import {
  createSnapshots,
  dropSnapshots,
  listSnapshots,
  type SnapshotAction,
} from '../snapshot/snapshot-actions.ts';

/** A snapshot is read from end to end before it is called made. */
const CHANGE_TIMEOUT_MS = 600_000;
const LIST_TIMEOUT_MS = 10_000;
const TIMEOUT_MS_MAX = 86_400_000;

export const snapshotCommand: Command = {
  name: 'snapshot',
  usage: 'ACTION [NAME]',
  summary: 'create, list or drop snapshots of running nodes',
  positionalsMin: 1,
  positionalsMax: 2,
  options: {
    node: { type: 'string', value: 'ID', help: 'only of this node (default: of every node)' },
    ...OUTPUT_OPTION,
    connect: CONNECTION_OPTIONS['connect']!,
    data: CONNECTION_OPTIONS['data']!,
    timeout: {
      type: 'string',
      value: 'MS',
      help: `for each node (default ${CHANGE_TIMEOUT_MS}; list: ${LIST_TIMEOUT_MS})`,
    },
  },
  notes: [
    'ACTION is create, list or drop. create takes the time for a NAME where none is given. A snapshot',
    "is of one node: all its shards under one name, in the node's data folder, as links to files that",
    'never change. Nodes are asked at once and each cuts at its own moment: together they are no cut',
    'of the cluster. The files of a snapshot stay until it is dropped. "clockwise store copy-snapshot"',
    'makes a data folder of one.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const [actionName = '', given] = call.positionals;
  const action = ACTIONS.get(actionName);
  if (action === undefined)
    throw new UsageError(`"${actionName}" is none of create, list and drop`);
  const name = nameFor(actionName, given);
  const isJson = choiceOption(call, 'output', ['table', 'json']) === 'json';
  const timeoutMs =
    integerOption(call, 'timeout', { min: 1, max: TIMEOUT_MS_MAX }) ??
    (actionName === 'list' ? LIST_TIMEOUT_MS : CHANGE_TIMEOUT_MS);
  const found = findCluster(call);
  const nodes = await nodesMeant(found, textOption(call, 'node'));
  return action({ call, found, nodes, name, timeoutMs, isJson });
}

const ACTIONS: ReadonlyMap<string, (action: SnapshotAction) => Promise<ExitCode>> = new Map([
  ['create', createSnapshots],
  ['list', listSnapshots],
  ['drop', dropSnapshots],
]);

/** Of a drop it may also be a number's. */
function nameFor(action: string, given: string | undefined): string {
  if (action === 'list') {
    if (given !== undefined) throw new UsageError('list takes no NAME');
    return '';
  }
  if (action === 'drop') {
    if (given === undefined) throw new UsageError('drop takes the NAME of a snapshot');
    return given;
  }
  const name = given ?? nameOfNow(new Date());
  const fault = nameFault(name);
  if (fault !== undefined) throw new UsageError(fault);
  return name;
}

/** `20261120-193005`, by universal time. */
function nameOfNow(now: Date): string {
  return now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
}
