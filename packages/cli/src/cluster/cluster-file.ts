/**
 * cluster.json: what `npm start` leaves beside a local cluster's data, so that a later start uses the
 * same addresses (the ring holds them) and other commands find it.
 *
 *     DATA/cluster.json            this file
 *     DATA/NODE/                   a node's own data
 *     DATA/config/NODE.json        its configuration, written anew at each start
 *     DATA/logs/NODE.log           what it says
 *
 * Invariants:
 *   CL1 what is written reads back equal, and anything else is refused with a reason
 *   CL2 the file is created whole or not at all, and never over another one
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import process from 'node:process';

export interface NodePorts {
  readonly coordinator: number;
  readonly gossiper: number;
  readonly control: number;
  readonly admin: number;
}

export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly ports: NodePorts;
  readonly rack: string;
}

export interface ClusterFile {
  readonly format: 1;
  readonly clusterId: string;
  /** Whoever runs the cluster listens here, so that there is one of him. */
  readonly lockPort: number;
  readonly nodes: readonly ClusterNode[];
  /** Further settings of every node, as a node's configuration file has them. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export type ClusterFileResult =
  | { readonly kind: 'read'; readonly cluster: ClusterFile }
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string };

export function clusterFilePath(dataFolder: string): string {
  return path.join(dataFolder, 'cluster.json');
}

export function readClusterFile(dataFolder: string): ClusterFileResult {
  const file = clusterFilePath(dataFolder);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { kind: 'missing' } : { kind: 'damaged', reason: message };
  }
  return parseClusterFile(text);
}

export function parseClusterFile(text: string): ClusterFileResult {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    return { kind: 'damaged', reason: (error as Error).message };
  }
  const reason = faultOf(content);
  if (reason !== undefined) return { kind: 'damaged', reason };
  return { kind: 'read', cluster: content as ClusterFile };
}

/** [CL2] False: there is one already. A link appears with all of its content, or fails. */
export function createClusterFile(dataFolder: string, cluster: ClusterFile): boolean {
  mkdirSync(dataFolder, { recursive: true });
  const file = clusterFilePath(dataFolder);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, clusterFileText(cluster));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

export function clusterFileText(cluster: ClusterFile): string {
  return `${JSON.stringify(cluster, null, 2)}\n`;
}

export function addressOf(node: ClusterNode, port: keyof NodePorts): string {
  const host = node.host.includes(':') ? `[${node.host}]` : node.host;
  return `${host}:${node.ports[port]}`;
}

const PORT_NAMES = ['coordinator', 'gossiper', 'control', 'admin'] as const;

function faultOf(content: unknown): string | undefined {
  if (!isObject(content)) return 'it is no object';
  const { format, clusterId, lockPort, nodes, settings } = content;
  if (format !== 1) return `its format is ${String(format)}; this program reads format 1`;
  if (typeof clusterId !== 'string' || clusterId === '') return 'clusterId is missing';
  if (!isPort(lockPort)) return 'lockPort is no port';
  if (!isObject(settings)) return 'settings is no object';
  if (!Array.isArray(nodes) || nodes.length === 0) return 'nodes is no list with a node in it';
  const faults = nodes.map(nodeFault).filter((fault) => fault !== undefined);
  if (faults.length > 0) return faults[0];
  const ids = new Set(nodes.map((node: ClusterNode) => node.id));
  return ids.size === nodes.length ? undefined : 'two nodes have one id';
}

function nodeFault(node: unknown): string | undefined {
  if (!isObject(node)) return 'a node is no object';
  const { id, host, ports, rack } = node;
  // The id names folders and files below the data folder.
  if (typeof id !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) {
    return `"${String(id)}" is no node id`;
  }
  if (typeof host !== 'string' || isIP(host) === 0) return `the host of ${id} is no IP address`;
  if (typeof rack !== 'string') return `the rack of ${id} is missing`;
  if (!isObject(ports)) return `the ports of ${id} are missing`;
  const wrong = PORT_NAMES.find((name) => !isPort(ports[name]));
  return wrong === undefined ? undefined : `the ${wrong} port of ${id} is no port`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
}
