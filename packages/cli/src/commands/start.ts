import { readFileSync } from 'node:fs';
import path from 'node:path';
import { dataFolderOf } from '../cluster/data-folder.ts';
import { runCluster } from '../cluster/run-cluster.ts';
import { runNode } from '../cluster/run-node.ts';
import {
  flag,
  integerOption,
  textOption,
  UsageError,
  type Call,
  type Command,
} from '../command.ts';
import type { ExitCode } from '../exit-code.ts';

const NODES_MAX = 16;
const READY_SECONDS_DEFAULT = 60;

export const start: Command = {
  name: 'start',
  usage: '',
  summary: 'run a cluster on this machine (as npm start does), or one of its nodes',
  positionalsMin: 0,
  positionalsMax: 0,
  options: {
    nodes: { type: 'string', value: 'N', help: `nodes of a new cluster (default 3)` },
    data: {
      type: 'string',
      value: 'DIR',
      help: 'data folder (default .clockwise in the checkout)',
    },
    fresh: { type: 'boolean', help: "erase the cluster's data first" },
    settings: {
      type: 'string',
      value: 'FILE',
      help: 'JSON: further settings for the nodes of a new cluster',
    },
    record: {
      type: 'string',
      value: 'DIR',
      help: 'record what the nodes that start do, for npm run replay',
    },
    node: { type: 'string', value: 'ID', help: 'start only this node of the cluster' },
    detach: { type: 'boolean', help: 'with --node: leave it running in the background' },
    'ready-timeout': {
      type: 'string',
      value: 'S',
      help: `seconds to wait for readiness (default ${READY_SECONDS_DEFAULT})`,
    },
  },
  notes: [
    'Addresses are chosen at the first start and kept in cluster.json beside the data.',
    'Ctrl-C and SIGTERM stop every node of the cluster; one more, a second later, kills them at once.',
  ],
  run,
};

async function run(call: Call): Promise<ExitCode> {
  const nodeId = textOption(call, 'node');
  const nodeCount = integerOption(call, 'nodes', { min: 1, max: NODES_MAX });
  const seconds = integerOption(call, 'ready-timeout', { min: 1, max: 3600 });
  const folder = dataFolderOf(textOption(call, 'data'), call.terminal.folder);
  const recordFolder = textOption(call, 'record');
  const record =
    recordFolder === undefined ? undefined : path.resolve(call.terminal.folder, recordFolder);
  const readyTimeoutMs = (seconds ?? READY_SECONDS_DEFAULT) * 1000;
  if (nodeId !== undefined) {
    refuseTogether(call, ['nodes', 'fresh', 'settings'], '--node');
    const detach = flag(call, 'detach');
    return runNode({ folder, nodeId, detach, readyTimeoutMs, record }, call.terminal);
  }
  if (flag(call, 'detach')) throw new UsageError('--detach goes with --node');
  const settings = settingsOption(call);
  const fresh = flag(call, 'fresh');
  return runCluster({ folder, nodeCount, fresh, settings, readyTimeoutMs, record }, call.terminal);
}

function refuseTogether(call: Call, names: readonly string[], other: string): void {
  const given = names.find((name) => call.options[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} and ${other} exclude each other`);
}

function settingsOption(call: Call): Readonly<Record<string, unknown>> | undefined {
  const file = textOption(call, 'settings');
  if (file === undefined) return undefined;
  let settings: unknown;
  try {
    settings = JSON.parse(readFileSync(path.resolve(call.terminal.folder, file), 'utf8'));
  } catch (error) {
    throw new UsageError(`--settings ${file}: ${(error as Error).message}`);
  }
  if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
    return settings as Readonly<Record<string, unknown>>;
  }
  throw new UsageError(`--settings ${file}: it is no JSON object`);
}
