/**
 * Ports that are free now, for clusters on one machine: a ring names addresses, so a node cannot take
 * whichever is free when it starts.
 */
import { createServer, type AddressInfo, type Server } from 'node:net';

/** REQUIRES: the ports are taken soon; until then another process may take them. */
export async function freePorts(count: number, host: string): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let index = 0; index < count; index += 1) servers.push(await listen(host));
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  }
}

function listen(host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => resolve(server));
  });
}
