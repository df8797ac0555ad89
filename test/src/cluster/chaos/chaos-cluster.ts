/**
 * The cluster that a run torments: real node processes on loopback, or each on a host of its own; their
 * data in one folder, on small disks where that is asked for.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import type { Prng } from '@clockwise/kernel/prng';
import { SMALL_LIMITS, TestNode, type Settings, type TestMember } from '../test-node.ts';
import { ChaosNode } from './chaos-node.ts';
import type { Cleanup } from './cleanup.ts';
import type { HostNetwork } from './host-network.ts';
import { SmallDisk } from './small-disk.ts';

export const BUCKET_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'default'],
  [2, 'interval'],
  [3, 'lww'],
]);
export const BUCKET = { sync: 1, interval: 2, lww: 3 } as const;

const LOOPBACK = '127.0.0.1';
const DISK_BYTES = 96 * 1024 * 1024;
const PORTS_PER_NODE = 4;
const COPIES_MAX = 3;

/** What is longer must be refused. */
export const VALUE_BYTES_LIMIT = 8192;

/** Nodes are down after about a second of silence. */
const HEARTBEAT_MS = 300;

const SETTINGS: Settings = {
  limits: { ...SMALL_LIMITS, valueBytesMax: VALUE_BYTES_LIMIT },
  shards: 1,
  heartbeatMs: HEARTBEAT_MS,
  compareMs: 500,
  insecure: true,
  buckets: [
    { id: BUCKET.interval, name: 'interval', durability: 'interval' },
    { id: BUCKET.lww, name: 'lww', conflictPolicy: 'lww' },
  ],
};

export interface ClusterParts {
  readonly nodeCount: number;
  readonly root: string;
  readonly network: HostNetwork | undefined;
  readonly hasSmallDisks: boolean;
  readonly prng: Prng;
  readonly cleanup: Cleanup;
  /** Win over the harness's own. */
  readonly settings?: Settings;
}

export class ChaosCluster {
  readonly nodes: readonly ChaosNode[];
  readonly disks: readonly SmallDisk[];
  readonly network: HostNetwork | undefined;

  constructor(
    nodes: readonly ChaosNode[],
    disks: readonly SmallDisk[],
    network: HostNetwork | undefined,
  ) {
    this.nodes = nodes;
    this.disks = disks;
    this.network = network;
  }

  get addresses(): readonly string[] {
    return this.nodes.map(({ node }) => node.address);
  }

  get copies(): number {
    return Math.min(COPIES_MAX, this.nodes.length);
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()));
  }
}

/** Made, and not started yet. */
export async function makeChaosCluster(parts: ClusterParts): Promise<ChaosCluster> {
  const { nodeCount, root, network, hasSmallDisks, cleanup } = parts;
  const members = await makeMembers(parts);
  const replicas = Math.min(COPIES_MAX, nodeCount);
  const settings = { ...SETTINGS, replicas, ...parts.settings, members };
  const folders = members.map(({ id }) => path.join(root, id));
  const disks = hasSmallDisks
    ? folders.map((folder) => new SmallDisk(folder, DISK_BYTES, cleanup))
    : [];
  const endsWithUs = endingWithParent();
  const nodes = members.map((member, index) => {
    // The lock and the ring of a node are in a folder of its own on the small disk.
    const folder = path.join(folders[index]!, 'data');
    const launcher = [...(network?.launcherOf(index) ?? []), ...endsWithUs];
    const node = new TestNode(member, folder, settings, launcher);
    return new ChaosNode(node, path.join(root, `${member.id}.log`), cleanup);
  });
  return new ChaosCluster(nodes, disks, network);
}

/** What makes the system kill a node whose run was itself killed, where there is such a tool. */
function endingWithParent(): readonly string[] {
  const launcher = ['setpriv', '--pdeathsig', 'KILL'];
  const { status } = spawnSync(launcher[0]!, [...launcher.slice(1), 'true']);
  return status === 0 ? launcher : [];
}

async function makeMembers({ nodeCount, network, prng }: ClusterParts): Promise<TestMember[]> {
  const onLoopback =
    network === undefined ? await quietPorts(nodeCount * PORTS_PER_NODE, prng) : [];
  return Array.from({ length: nodeCount }, (_, index) => {
    const ports = network === undefined ? onLoopback : [7400, 7401, 7402, 7403];
    const from = network === undefined ? index * PORTS_PER_NODE : 0;
    return {
      id: `n${index + 1}`,
      host: network?.hostOf(index) ?? LOOPBACK,
      ports: {
        coordinator: ports[from]!,
        gossiper: ports[from + 1]!,
        control: ports[from + 2]!,
        admin: ports[from + 3]!,
      },
      rack: `rack-${index + 1}`,
    };
  });
}

/**
 * Ports that no connection is given of its own accord: while a node is down, its ports must not become
 * somebody's, and clients dial all the time.
 */
async function quietPorts(count: number, prng: Prng): Promise<number[]> {
  const ephemeral = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim();
  const lowest = Number(ephemeral.split(/\s+/, 1)[0]);
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > 50 * count) throw new Error(`there are no ${count} free ports below ${lowest}`);
    const port = prng.between(10_000, lowest - 1);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}
