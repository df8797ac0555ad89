/**
 * Three Clockwise nodes, each a process with its own folder, on loopback: N = 3, so that every node
 * holds a copy of every key, with a bucket for each pair of levels.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@clockwise/server/free-ports';
import type { StatusReport } from '@clockwise/server/status-report';
import { type Server, startServer } from '../node/child.ts';

export type ClusterDurability = 'interval' | 'sync';

export interface ClusterBucket {
  readonly id: number;
  readonly name: string;
  readonly readLevel: number;
  readonly writeLevel: number;
}

export const CLUSTER_BUCKETS: readonly ClusterBucket[] = [
  { id: 2, name: 'r2w2', readLevel: 2, writeLevel: 2 },
  { id: 3, name: 'r1w1', readLevel: 1, writeLevel: 1 },
];

export const NODE_COUNT = 3;
const HOST = '127.0.0.1';
/** That each node gives to its stores. */
export const MEMORY_BYTES: number = 1024 ** 3;
const POLL_MS = 100;
const POLLS_MAX = 300;

interface ClusterNode {
  readonly id: string;
  readonly port: number;
  readonly adminPort: number;
  readonly server: Server;
}

export class ClusterServers {
  readonly #folder: string;
  #nodes: readonly ClusterNode[];

  constructor(folder: string, nodes: readonly ClusterNode[]) {
    this.#folder = folder;
    this.#nodes = nodes;
  }

  /** Coordinators of the nodes that run. */
  get ports(): number[] {
    return this.#nodes.map((node) => node.port);
  }

  /** Processor time of all nodes so far, in seconds. */
  processorSeconds(): number {
    return this.#nodes.reduce((sum, { server }) => sum + server.processorSeconds(), 0);
  }

  /** Memory that each node has now. */
  residentBytes(): number[] {
    return this.#nodes.map(({ server }) => server.residentBytes());
  }

  /** Kills the last node, and waits until the others have noticed. */
  async loseOne(): Promise<void> {
    const lost = this.#nodes.at(-1)!;
    this.#nodes = this.#nodes.slice(0, -1);
    lost.server.child.kill('SIGKILL');
    await this.#statusesWhen((report) =>
      report.ring.nodes.some(({ nodeId, state }) => nodeId === lost.id && state === 'down'),
    );
  }

  /** Waits until each node sees all nodes. */
  allSeen(): Promise<void> {
    return this.#statusesWhen(
      (report) => report.ready && report.ring.nodes.every(({ state }) => state === 'up'),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map(({ server }) => server.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #statusesWhen(holds: (report: StatusReport) => boolean): Promise<void> {
    for (const { id, adminPort } of this.#nodes) {
      let polls = 0;
      for (;;) {
        const response = await fetch(`http://${HOST}:${adminPort}/status`);
        if (holds((await response.json()) as StatusReport)) break;
        polls += 1;
        if (polls === POLLS_MAX) throw new Error(`${id} does not see the cluster as it is`);
        await sleep(POLL_MS);
      }
    }
  }
}

export async function startCluster(durability: ClusterDurability): Promise<ClusterServers> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-bench-'));
  const ports = await freePorts(NODE_COUNT * 4, HOST);
  const members = Array.from({ length: NODE_COUNT }, (_, index) => ({
    id: `n${index + 1}`,
    ports: ports.slice(index * 4, index * 4 + 4),
    rack: `rack-${index + 1}`,
  }));
  const memberFlags = members.flatMap(({ id, ports: own, rack }) => [
    '--member',
    [`${id}=${HOST}`, ...own, 'dc-1', rack].join(':'),
  ]);
  const buckets = CLUSTER_BUCKETS.map((bucket) => ({ ...bucket, durability }));
  // The CommonJS entry sets the size of libuv's pool in time.
  const entry = fileURLToPath(import.meta.resolve('@clockwise/server/node'));
  const program = entry.replace(/\.js$/, '.cjs');
  const starts = await Promise.allSettled(
    members.map(async ({ id, ports: own }): Promise<ClusterNode> => {
      const server = await startServer(
        process.execPath,
        [
          program,
          ...['--node', id, '--data', path.join(folder, id), '--replicas', String(NODE_COUNT)],
          ...memberFlags,
          ...['--buckets', JSON.stringify(buckets), '--log-level', 'warn'],
          ...['--memory-bytes', String(MEMORY_BYTES)],
        ],
        (line) => line.includes('"ready":true'),
      );
      return { id, port: own[0]!, adminPort: own[3]!, server };
    }),
  );
  const started = starts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const cluster = new ClusterServers(folder, started);
  const failure = starts.find((one) => one.status === 'rejected');
  if (failure === undefined) return cluster;
  await cluster.stop();
  throw failure.reason;
}
