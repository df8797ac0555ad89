/**
 * Redis beside us: Debian's redis-server with an append-only file, loaded by redis-benchmark. Where it
 * is not installed, `findRedis` says so and the figures have no peer.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '@clockwise/server/free-ports';
import { runProgram, type Server, startServer } from './child.ts';

export interface RedisPeer {
  readonly port: number;
  readonly server: Server;
  stop(): Promise<void>;
}

/** Its version, or undefined where redis-server or redis-benchmark is not installed. */
export async function findRedis(): Promise<string | undefined> {
  try {
    const said = await runProgram('redis-server', ['--version']);
    await runProgram('redis-benchmark', ['--version']);
    return /v=(\S+)/.exec(said)?.[1];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function startRedis(appendfsync: 'everysec' | 'always'): Promise<RedisPeer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-redis-'));
  const [port = 0] = await freePorts(1, '127.0.0.1');
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    save: '',
    appendonly: 'yes',
    appendfsync,
    dir: folder,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = await startServer('redis-server', args, (line) =>
    line.includes('Ready to accept'),
  );
  return {
    port,
    server,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Puts every key once, as redis-benchmark names them. */
export async function fillRedis(port: number, keyCount: number, valueBytes: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const value = 'x'.repeat(valueBytes);
  let answers = 0;
  const whole = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      for (const byte of chunk) if (byte === NEWLINE) answers += 1;
      if (answers >= keyCount) resolve();
    });
  });
  for (let from = 0; from < keyCount; from += FILL_BATCH) {
    let text = '';
    for (let key = from; key < Math.min(from + FILL_BATCH, keyCount); key += 1) {
      const name = `key:${String(key).padStart(12, '0')}`;
      text += `*3\r\n$3\r\nSET\r\n$16\r\n${name}\r\n$${valueBytes}\r\n${value}\r\n`;
    }
    if (!socket.write(text)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await whole;
  socket.destroy();
}

const NEWLINE = 10;
const FILL_BATCH = 1000;

export interface RedisLoad {
  readonly port: number;
  readonly command: 'set' | 'get';
  readonly connections: number;
  readonly pipeline: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly requests: number;
}

/** Requests per second by redis-benchmark. */
export async function loadRedis(load: RedisLoad): Promise<number> {
  const said = await runProgram('redis-benchmark', [
    ...['-h', '127.0.0.1', '-p', String(load.port), '-c', String(load.connections)],
    ...['-P', String(load.pipeline), '-n', String(load.requests), '-d', String(load.valueBytes)],
    ...['-r', String(load.keyCount), '-t', load.command, '--csv'],
  ]);
  const line = said.split('\n').find((one) => one.toLowerCase().startsWith(`"${load.command}"`));
  const rate = Number(line?.split(',')[1]?.replaceAll('"', ''));
  if (!Number.isFinite(rate)) throw new Error(`redis-benchmark said nothing of use:\n${said}`);
  return rate;
}
