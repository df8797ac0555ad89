/**
 * runner: alone
 * runner: test limit 20s
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Configuration, validateConfiguration } from './configuration.ts';
import { StartError } from './start-error.ts';
import { startNode } from './start-node.ts';

interface Context {
  folder: string;
  servers: Server[];
  ports: number[];
}

const startSuite = suite<Context>('start node');
startSuite.before.each(async (context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-start-'));
  context.servers = await Promise.all([0, 1, 2, 3].map(() => listen()));
  context.ports = context.servers.map((server) => (server.address() as AddressInfo).port);
});
startSuite.after.each(({ folder, servers }) => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function listen(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function configurationOf({ folder, ports }: Context): Configuration {
  const [coordinatorPort, gossiperPort, controlPort, adminPort] = ports;
  const given = {
    nodeId: 'n1',
    dataFolder: path.join(folder, 'n1'),
    shards: 1,
    limits: {
      memtableChunkBytes: 1024 * 1024,
      siblingBytesMax: 64 * 1024,
      memtableChunksMax: 8,
      diskReserveBytes: 1024 * 1024,
    },
    coordinatorPort,
    gossiperPort,
    controlPort,
    adminPort,
    logFile: path.join(folder, 'n1.log'),
  };
  const result = validateConfiguration(given, { processorCount: 2 });
  if (!result.ok) throw new Error(result.faults.join('; '));
  return result.configuration;
}

async function refusal(configuration: Configuration): Promise<StartError> {
  try {
    await startNode(configuration);
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('the node started');
}

startSuite(
  '[SN1, SN2] whichever port is taken, the node ends whole, and starts when it is free',
  async (context) => {
    const configuration = configurationOf(context);
    // One port after the other becomes free, the admin endpoint's first.
    for (const server of context.servers.toReversed()) {
      const error = await refusal(configuration);
      assert.is(error.code, 'START_FAILED');
      assert.match(error.reasons[0]!, 'EADDRINUSE');
      assert.not.ok(readdirSync(configuration.dataFolder).includes('lock'));
      await close(server);
    }
    const node = await startNode(configuration);
    assert.is(node.isReady(), true);
    const report = await node.status();
    assert.equal(report.reasons, []);
    await node.stop();
    assert.not.ok(readdirSync(configuration.dataFolder).includes('lock'));
  },
);

startSuite.run();
