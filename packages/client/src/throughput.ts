/**
 * How many operations a second the SDK itself can issue and settle: 1,000 callers that each await one
 * operation after another, 16-byte keys, 100-byte values, against a node in another thread that
 * answers at once. Does not measure any store, nor a network.
 *
 *     node packages/client/dist/throughput.js [ROUNDS]
 */
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { connect } from './connect.ts';

const CALLER_COUNT = 1000;
const OPERATIONS_PER_CALLER = 500;
const rounds = Number(process.argv[2] ?? 5);

const worker = new Worker(new URL('./throughput-node.js', import.meta.url));
const port = await new Promise((resolve) => worker.once('message', resolve));
const db = await connect({ servers: `127.0.0.1:${String(port)}`, timeoutMs: 10_000 });
const bucket = db.bucket();
const keys = Array.from({ length: 10_000 }, (_, index) => `key:${String(index).padStart(12, '0')}`);
const value = 'v'.repeat(100);

async function run(name: string, operation: (key: string) => Promise<unknown>): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const beganAt = performance.now();
  await Promise.all(
    Array.from({ length: CALLER_COUNT }, async (_, caller) => {
      for (let count = 0; count < OPERATIONS_PER_CALLER; count += 1) {
        await operation(keys[(caller * 7919 + count * 31) % keys.length]!);
      }
    }),
  );
  const seconds = (performance.now() - beganAt) / 1000;
  const operationCount = CALLER_COUNT * OPERATIONS_PER_CALLER;
  const { user, system } = process.cpuUsage(cpuBefore);
  const rate = Math.round(operationCount / seconds);
  const cpuMicroseconds = ((user + system) / operationCount).toFixed(2);
  console.log(`${name}: ${rate} operations/s, ${cpuMicroseconds} us of CPU each, both threads`);
}

for (let round = 0; round < rounds; round += 1) {
  await run('put', (key) => bucket.put(key, value));
  await run('get', (key) => bucket.get(key));
}
db.close();
await worker.terminate();
