/**
 * Ports for a new local cluster. They are kept for its life, so they are taken from below the range
 * that systems hand out for outgoing connections: there they might be in use at a later start.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

/** Distinct ports that are free on the host now. `begin`: from 0 to 1, where to begin to look. */
export async function freePorts(host: string, count: number, begin: number): Promise<number[]> {
  const span = PORT_MAX - PORT_MIN;
  const ports: number[] = [];
  const first = Math.floor(begin * span);
  for (let step = 0; step < span && ports.length < count; step += 1) {
    const port = PORT_MIN + ((first + step) % span);
    if (await isFree(host, port)) ports.push(port);
  }
  if (ports.length === count) return ports;
  throw new Error(`${host} has no ${count} free ports from ${PORT_MIN} to ${PORT_MAX}`);
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = await listening(host, port);
  if (server === undefined) return false;
  server.close();
  await once(server, 'close');
  return true;
}

/** A server that listens there, or undefined where the port is taken. */
export function listening(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
