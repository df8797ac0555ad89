/**
 * Which cluster a command means: --connect, then --data, then CLOCKWISE_CONNECT, then what `npm start`
 * left in .clockwise. Flags come before the environment, and that before the default.
 *
 * Invariants:
 *   FC1 the first source that is given decides; none is mixed with another
 */
import { addressOf, type ClusterFile } from './cluster/cluster-file.ts';
import { dataFolderOf, type DataFolder } from './cluster/data-folder.ts';
import { storedCluster } from './cluster/local-cluster.ts';
import { Refusal, textOption, UsageError, type Call } from './command.ts';
import { EXIT } from './exit-code.ts';
import { selfCommand, type SelfCommand } from './self-command.ts';

const base = selfCommand();

export interface FoundCluster {
  /** host:port of coordinators. */
  readonly servers: readonly string[];
  /** The local cluster's file, where that is what was found. */
  readonly local: { readonly folder: DataFolder; readonly cluster: ClusterFile } | undefined;
  readonly self: SelfCommand;
}

export function findCluster(call: Call): FoundCluster {
  const { environment, folder: from } = call.terminal;
  const connect = textOption(call, 'connect');
  const data = textOption(call, 'data');
  if (connect !== undefined) {
    const servers = serversOf(connect, '--connect');
    return { servers, local: undefined, self: (args) => `${base(args)} --connect ${connect}` };
  }
  const { CLOCKWISE_CONNECT: fromEnvironment = '' } = environment;
  if (data === undefined && fromEnvironment !== '') {
    const servers = serversOf(fromEnvironment, 'CLOCKWISE_CONNECT');
    return { servers, local: undefined, self: base };
  }
  const folder = dataFolderOf(data, from);
  const cluster = storedCluster(folder);
  if (cluster === undefined) {
    const start = data === undefined ? 'npm start' : `npm start -- --data ${folder.path}`;
    throw new Refusal(
      `there is no cluster in ${folder.shown}, and neither --connect nor CLOCKWISE_CONNECT names ` +
        `one. Next: ${start}`,
      EXIT.unreachable,
    );
  }
  return {
    servers: cluster.nodes.map((node) => addressOf(node, 'coordinator')),
    local: { folder, cluster },
    self: selfCommand(folder.argument),
  };
}

function serversOf(text: string, origin: string): string[] {
  const servers = text.split(',').map((server) => server.trim());
  const wrong = servers.find((server) => !/^(?:wss?:\/\/)?[^/?#\s@]+:\d{1,5}$/.test(server));
  if (wrong === undefined) return servers;
  throw new UsageError(`${origin} is a list of HOST:PORT, separated by commas; not "${wrong}"`);
}
