/**
 * A client process that keeps a number of operations in flight through the SDK, or through ioredis.
 * Arguments as JSON in argv[2]; prints one line of JSON.
 */
import { performance } from 'node:perf_hooks';
import { connect } from '@clockwise/client/index';
import { Redis } from 'ioredis';

export interface SdkLoad {
  readonly target: 'clockwise' | 'redis';
  readonly port: number;
  readonly kind: 'get' | 'put';
  readonly bucket: string;
  readonly inFlight: number;
  readonly valueBytes: number;
  readonly keyCount: number;
  readonly seconds: number;
}

export interface SdkResult {
  readonly operations: number;
  readonly seconds: number;
  readonly processorSeconds: number;
}

interface Subject {
  operation(key: string): Promise<unknown>;
  close(): Promise<unknown> | void;
}

const load = JSON.parse(process.argv[2] ?? '{}') as SdkLoad;
const value = 'x'.repeat(load.valueBytes);

async function clockwise(): Promise<Subject> {
  const database = await connect({ servers: [`127.0.0.1:${load.port}`] });
  const bucket = database.bucket(load.bucket);
  return {
    operation: (key) => (load.kind === 'get' ? bucket.get(key) : bucket.put(key, value)),
    close: () => database.close(),
  };
}

function redis(): Subject {
  const client = new Redis({ port: load.port, host: '127.0.0.1', enableAutoPipelining: true });
  return {
    operation: (key) => (load.kind === 'get' ? client.get(key) : client.set(key, value)),
    close: () => client.disconnect(),
  };
}

const subject = load.target === 'clockwise' ? await clockwise() : redis();
let operations = 0;
let stopAt = Infinity;

async function worker(): Promise<void> {
  while (performance.now() < stopAt) {
    const key = Math.floor(Math.random() * load.keyCount);
    await subject.operation(`key:${String(key).padStart(12, '0')}`);
    operations += 1;
  }
}

const WARM_UP_MS = 1000;
stopAt = performance.now() + WARM_UP_MS;
await Promise.all(Array.from({ length: load.inFlight }, worker));
operations = 0;
const processor = process.cpuUsage();
const start = performance.now();
stopAt = start + load.seconds * 1000;
await Promise.all(Array.from({ length: load.inFlight }, worker));
const seconds = (performance.now() - start) / 1000;
const used = process.cpuUsage(processor);
await subject.close();
const result: SdkResult = {
  operations,
  seconds,
  processorSeconds: (used.user + used.system) / 1e6,
};
console.log(JSON.stringify(result));
