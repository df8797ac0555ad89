/**
 * Which nodes of a local cluster run, whoever started them. The process id in a node's lock file is
 * believed only while the node itself answers under its own name: ids are used again.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { addressOf, type ClusterFile, type ClusterNode } from './cluster-file.ts';
import type { DataFolder } from './data-folder.ts';
import { probe } from './probe.ts';

const PROBE_MS = 1000;

export interface RunningNode {
  readonly id: string;
  /** Undefined where its lock file does not say. */
  readonly processId: number | undefined;
}

export async function runningNodes(
  folder: DataFolder,
  cluster: ClusterFile,
): Promise<readonly RunningNode[]> {
  const answers = await Promise.all(
    cluster.nodes.map(async (node) => ((await isRunning(cluster, node)) ? node.id : undefined)),
  );
  return answers
    .filter((id) => id !== undefined)
    .map((id) => ({ id, processId: processOf(folder, id) }));
}

export async function isRunning(cluster: ClusterFile, node: ClusterNode): Promise<boolean> {
  const result = await probe(addressOf(node, 'admin'), PROBE_MS);
  if (!result.ok) return false;
  return result.report.nodeId === node.id && result.report.clusterId === cluster.clusterId;
}

/** The process that has the node's data open, if it is alive. */
export function processOf(folder: DataFolder, nodeId: string): number | undefined {
  try {
    const text = readFileSync(path.join(folder.path, nodeId, 'lock'), 'utf8');
    const { pid } = JSON.parse(text) as { pid?: unknown };
    return typeof pid === 'number' && pid > 1 && isAlive(pid) ? pid : undefined;
  } catch {
    // No lock, or none that can be read: nobody is known to have it open.
    return undefined;
  }
}

export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
