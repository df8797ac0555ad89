/**
 * One process runs a local cluster: it listens on the cluster's lock port and says who it is to
 * whoever asks. The system frees a port with its process, so no lock outlives its holder.
 */
import { connect, type Server } from 'node:net';
import process from 'node:process';
import type { ClusterFile } from './cluster-file.ts';
import { listening } from './free-ports.ts';

const HOST = '127.0.0.1';
const ANSWER_MS_MAX = 1000;
const ANSWER_BYTES_MAX = 1024;

export type LockResult =
  | { readonly kind: 'held'; readonly release: () => Promise<void> }
  /** Another process runs this cluster. */
  | { readonly kind: 'running'; readonly processId: number }
  /** Some other program has the port. */
  | { readonly kind: 'foreign' };

export async function lockCluster(cluster: ClusterFile): Promise<LockResult> {
  const server = await listening(HOST, cluster.lockPort);
  if (server === undefined) return askHolder(cluster);
  server.on('connection', (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${JSON.stringify({ clusterId: cluster.clusterId, processId: process.pid })}\n`);
  });
  // The lock alone keeps no process alive.
  server.unref();
  return { kind: 'held', release: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function askHolder(cluster: ClusterFile): Promise<LockResult> {
  const answer = parsed(await answerOf(cluster.lockPort));
  if (answer?.clusterId !== cluster.clusterId) return { kind: 'foreign' };
  return { kind: 'running', processId: answer.processId };
}

/** What the holder of the port says within the time; empty where it says nothing. */
function answerOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: HOST, port, timeout: ANSWER_MS_MAX });
    socket.setEncoding('utf8');
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_BYTES_MAX) end();
    });
    socket.on('timeout', end);
    socket.on('error', end);
    socket.on('close', end);
  });
}

function parsed(text: string): { clusterId: string; processId: number } | undefined {
  try {
    return JSON.parse(text) as { clusterId: string; processId: number };
  } catch {
    return undefined;
  }
}
