/**
 * A local cluster on disk: found, made new, or erased. Nothing here starts a process.
 *
 * Invariants:
 *   LC1 only what belongs to the cluster is erased, and nothing while somebody runs it
 */
import { randomInt, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Refusal } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import type { SelfCommand } from '../self-command.ts';
import {
  clusterFilePath,
  createClusterFile,
  readClusterFile,
  type ClusterFile,
  type ClusterNode,
} from './cluster-file.ts';
import { lockCluster } from './cluster-lock.ts';
import type { DataFolder } from './data-folder.ts';
import { freePorts } from './free-ports.ts';
import { runningNodes } from './running-nodes.ts';

const HOST = '127.0.0.1';
const NODES_DEFAULT = 3;
const PORTS_PER_NODE = 4;

export interface ClusterWish {
  readonly nodeCount: number | undefined;
  readonly fresh: boolean;
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}

/** The cluster in the folder, made now where there is none. */
export async function openCluster(
  folder: DataFolder,
  wish: ClusterWish,
  start: SelfCommand,
): Promise<ClusterFile> {
  if (wish.fresh) await eraseCluster(folder);
  const stored = storedCluster(folder);
  if (stored === undefined) return createCluster(folder, wish);
  if (wish.nodeCount !== undefined && wish.nodeCount !== stored.nodes.length) {
    throw new Refusal(
      `${folder.shown} holds a cluster of ${stored.nodes.length} nodes, not ${wish.nodeCount}. ` +
        `Next: leave --nodes out, or erase its data: ${start(`--nodes ${wish.nodeCount} --fresh`)}`,
      EXIT.refused,
    );
  }
  if (wish.settings !== undefined && !isEqual(wish.settings, stored.settings)) {
    throw new Refusal(
      `the cluster in ${folder.shown} was made with other settings. ` +
        `Next: leave --settings out, or erase its data: ${start('--fresh')}`,
      EXIT.refused,
    );
  }
  return stored;
}

/** The cluster in the folder; undefined where there is none; refused where its file is damaged. */
export function storedCluster(folder: DataFolder): ClusterFile | undefined {
  const result = readClusterFile(folder.path);
  if (result.kind === 'missing') return undefined;
  if (result.kind === 'read') return result.cluster;
  throw new Refusal(
    `${clusterFilePath(folder.path)} cannot be used: ${result.reason}. ` +
      'Next: restore the file, or move the folder away and start anew: npm start',
    EXIT.refused,
  );
}

async function createCluster(folder: DataFolder, wish: ClusterWish): Promise<ClusterFile> {
  const nodeCount = wish.nodeCount ?? NODES_DEFAULT;
  const begin = randomInt(0, 2 ** 32) / 2 ** 32;
  const ports = await freePorts(HOST, 1 + nodeCount * PORTS_PER_NODE, begin);
  const [lockPort = 0, ...nodePorts] = ports;
  const cluster: ClusterFile = {
    format: 1,
    clusterId: `local-${randomUUID().slice(0, 8)}`,
    lockPort,
    nodes: Array.from({ length: nodeCount }, (_, index) => nodeOf(index, nodePorts)),
    settings: wish.settings ?? {},
  };
  if (createClusterFile(folder.path, cluster)) return cluster;
  throw new Refusal(
    `another start is just making a cluster in ${folder.shown}. Next: npm run clockwise -- status`,
    EXIT.refused,
  );
}

function nodeOf(index: number, ports: readonly number[]): ClusterNode {
  const [coordinator = 0, gossiper = 0, control = 0, admin = 0] = ports.slice(
    index * PORTS_PER_NODE,
  );
  return {
    id: `n${index + 1}`,
    host: HOST,
    ports: { coordinator, gossiper, control, admin },
    rack: `rack-${index + 1}`,
  };
}

/** [LC1] The lock is held while the data goes, and the cluster's file goes last. */
async function eraseCluster(folder: DataFolder): Promise<void> {
  const cluster = storedCluster(folder);
  if (cluster === undefined) return;
  const lock = await lockCluster(cluster);
  if (lock.kind === 'running') throw alreadyRunning(folder, lock.processId);
  const running = await runningNodes(folder, cluster);
  if (running.length > 0) {
    const stop = running.map((node) => node.processId ?? '?').join(' ');
    throw new Refusal(
      `${running.map((node) => node.id).join(', ')} of the cluster in ${folder.shown} still runs. ` +
        `Next: kill ${stop}`,
      EXIT.refused,
    );
  }
  for (const name of [...cluster.nodes.map((node) => node.id), 'config', 'logs']) {
    rmSync(path.join(folder.path, name), { recursive: true, force: true });
  }
  rmSync(clusterFilePath(folder.path), { force: true });
  if (lock.kind === 'held') await lock.release();
}

export function alreadyRunning(folder: DataFolder, processId: number): Refusal {
  return new Refusal(
    `the cluster in ${folder.shown} runs already (process ${processId}). ` +
      `Next: npm run clockwise -- status${folder.argument === undefined ? '' : ` --data ${folder.argument}`}`,
    EXIT.refused,
  );
}

function isEqual(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
