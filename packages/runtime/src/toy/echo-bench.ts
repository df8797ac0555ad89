/**
 * Micro-benchmark: processor time of the node of toys per frame, by way: `direct` (coordinator
 * only), `now` (both rings), `durable` (log writer, with sync), for single operations on 50
 * connections and for 32 operations a frame, 4 frames in flight, on 8 connections.
 *
 *     node dist/toy/echo-bench.js [seconds a case]
 *
 * The node runs in a process of its own (this file, forked), whose processor time is what is shown;
 * the generator prints its own. It does not measure a store.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER_BYTES_MAX, headerByteCount, writeHeader } from '../link/websocket-header.ts';
import { startToyNode } from './toy-node.ts';
import { TOY_OPCODE, toyFrame } from './toy-protocol.ts';

interface Load {
  readonly name: string;
  readonly opcode: number;
  readonly connections: number;
  readonly framesInFlight: number;
  readonly operations: number;
  readonly wordCount: number;
}

const SHAPES = [
  { name: '50x1', connections: 50, framesInFlight: 1, operations: 1, wordCount: 36 },
  { name: '8x4x32', connections: 8, framesInFlight: 4, operations: 32, wordCount: 36 },
];

/** A lean client: prepared frames with a zero mask, and only as much parsing as counting needs. */
class LeanClient {
  answers = 0;
  readonly #socket: Socket;
  readonly #message: Buffer;
  readonly #load: Load;
  #shaken = false;
  #pending: Buffer = Buffer.alloc(0);
  #stopped = false;

  constructor(port: number, load: Load, firstId: number) {
    this.#load = load;
    const frame = toyFrame(load.opcode, firstId, load.operations, load.wordCount);
    const headerBytes = headerByteCount(frame.byteLength, true);
    this.#message = Buffer.alloc(headerBytes + frame.byteLength + HEADER_BYTES_MAX);
    writeHeader(this.#message, 0, frame.byteLength, true);
    this.#message.set(new Uint8Array(frame.buffer), headerBytes);
    this.#message = this.#message.subarray(0, headerBytes + frame.byteLength);
    this.#socket = connect(port, '127.0.0.1', () => {
      this.#socket.write(
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (data: Buffer) => this.#received(data));
  }

  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  #received(data: Buffer): void {
    if (this.#stopped) return;
    if (!this.#shaken) {
      this.#shaken = true;
      for (let count = 0; count < this.#load.framesInFlight; count += 1) {
        this.#socket.write(this.#message);
      }
      return;
    }
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data]);
    let position = 0;
    let operations = 0;
    for (;;) {
      const size = messageSize(this.#pending, position);
      if (size === 0 || position + size > this.#pending.length) break;
      operations += this.#pending.readInt32LE(position + size - payloadSize + 8);
      position += size;
    }
    this.#pending = this.#pending.subarray(position);
    const before = Math.floor(this.answers / this.#load.operations);
    this.answers += operations;
    const frames = Math.floor(this.answers / this.#load.operations) - before;
    if (frames === 1) this.#socket.write(this.#message);
    else if (frames > 1) {
      this.#socket.write(Buffer.concat(new Array<Buffer>(frames).fill(this.#message)));
    }
  }
}

let payloadSize = 0;

/** Bytes of the message at `position`, 0 where its header is not whole; sets payloadSize. */
function messageSize(bytes: Buffer, position: number): number {
  if (bytes.length < position + 10) return 0;
  const short = bytes[position + 1]! & 0x7f;
  payloadSize =
    short < 126
      ? short
      : short === 126
        ? bytes.readUInt16BE(position + 2)
        : bytes.readUInt32BE(position + 6);
  return payloadSize + (short < 126 ? 2 : short === 126 ? 4 : 10);
}

async function measure(port: number, load: Load, seconds: number, usage: () => Promise<number>) {
  const clients = Array.from(
    { length: load.connections },
    (_, index) => new LeanClient(port, load, index * 1_000_000),
  );
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(1500);
  const count = (): number => clients.reduce((sum, client) => sum + client.answers, 0);
  const startUsage = await usage();
  const own = process.cpuUsage();
  const startCount = count();
  const start = performance.now();
  await pause(seconds * 1000);
  const elapsed = performance.now() - start;
  const operations = count() - startCount;
  const microseconds = (await usage()) - startUsage;
  const ownUsage = process.cpuUsage(own);
  for (const client of clients) client.stop();
  const frames = operations / load.operations;
  console.log(
    `${load.name.padEnd(16)} ${(operations / elapsed).toFixed(1).padStart(8)} k op/s  ` +
      `node ${(microseconds / frames).toFixed(2)} us/frame, ${(microseconds / elapsed / 1000).toFixed(2)} cores; ` +
      `generator ${((ownUsage.user + ownUsage.system) / elapsed / 1000).toFixed(2)} cores`,
  );
  await pause(300);
}

async function child(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'echo-bench-'));
  const node = await startToyNode({ logPath: join(folder, 'log') });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send!({ usage: user + system });
  });
  process.on('disconnect', () => {
    void node.stop().then(() => rmSync(folder, { recursive: true }));
  });
  process.send!({ port: node.supervisor.port('coordinator-0') });
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? '3');
  const node = fork(new URL(import.meta.url), ['child']);
  const receive = (): Promise<Record<string, number>> =>
    new Promise((resolve) => node.once('message', (m) => resolve(m as Record<string, number>)));
  const { port } = await receive();
  const usage = async (): Promise<number> => {
    const received = receive();
    node.send('usage');
    return (await received)['usage']!;
  };
  for (const way of ['direct', 'now', 'durable'] as const) {
    for (const shape of SHAPES) {
      const load = { ...shape, name: `${way} ${shape.name}`, opcode: TOY_OPCODE[way] };
      await measure(port!, load, seconds, usage);
    }
  }
  node.disconnect();
}

if (process.argv[2] === 'child') await child();
else await main();
