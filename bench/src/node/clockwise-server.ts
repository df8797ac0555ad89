/** One Clockwise node, N = 1, in a process of its own, with a bucket for each figure. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@clockwise/server/free-ports';
import { type Server, startServer } from './child.ts';

export interface BenchBucket {
  readonly id: number;
  readonly name: string;
  readonly conflictPolicy: 'siblings' | 'lww';
  readonly durability: 'interval' | 'sync';
}

export const BENCH_BUCKETS: readonly BenchBucket[] = [
  { id: 2, name: 'siblings-interval', conflictPolicy: 'siblings', durability: 'interval' },
  { id: 3, name: 'siblings-sync', conflictPolicy: 'siblings', durability: 'sync' },
  { id: 4, name: 'lww-interval', conflictPolicy: 'lww', durability: 'interval' },
  { id: 5, name: 'lww-sync', conflictPolicy: 'lww', durability: 'sync' },
];

/** Redis holds in memory all that is put; what is superseded here takes room until its chunk is recycled. */
const MEMORY_BYTES = 3 * 1024 ** 3;

export interface ClockwiseServer {
  readonly port: number;
  readonly server: Server;
  stop(): Promise<void>;
}

export async function startClockwise(): Promise<ClockwiseServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-bench-'));
  const [coordinator = 0, gossiper = 0, control = 0, admin = 0] = await freePorts(4, '127.0.0.1');
  // The CommonJS entry sets the size of libuv's pool in time.
  const entry = fileURLToPath(import.meta.resolve('@clockwise/server/node'));
  const program = entry.replace(/\.js$/, '.cjs');
  const server = await startServer(
    process.execPath,
    [
      program,
      ...['--node', 'n1', '--data', folder, '--replicas', '1'],
      ...['--coordinator-port', String(coordinator), '--gossiper-port', String(gossiper)],
      ...['--control-port', String(control), '--admin-port', String(admin)],
      ...['--buckets', JSON.stringify(BENCH_BUCKETS), '--log-level', 'warn'],
      ...['--memory-bytes', String(MEMORY_BYTES)],
    ],
    (line) => line.includes('"ready":true'),
  );
  return {
    port: coordinator,
    server,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
