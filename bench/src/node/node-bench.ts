/**
 * `npm run bench -- node`: one node beside Redis, both loaded from another process on the same
 * machine, pipelined alike. What is not measured: a network, values of other sizes, more than one
 * node (that is `cluster`).
 */
import { parseArgs } from 'node:util';
import {
  type BenchOutcome,
  type BenchResult,
  type Benchmark,
  medianOf,
  resultOf,
} from '../report.ts';
import {
  BENCH_BUCKETS,
  type BenchBucket,
  type ClockwiseServer,
  startClockwise,
} from './clockwise-server.ts';
import type { LoadOptions, LoadResult } from './generator.ts';
import { fillRedis, findRedis, loadRedis, type RedisPeer, startRedis } from './redis-peer.ts';
import { runGenerator } from './run-generator.ts';
import { measureSdk } from './sdk-bench.ts';

const CONNECTIONS = 50;
const BATCH = 32;
const VALUE_BYTES = 100;
const WARM_UP_SECONDS = 1;

interface Settings {
  readonly runs: number;
  readonly seconds: number;
  readonly keyCount: number;
}

export const nodeBenchmark: Benchmark = {
  name: 'node',
  description: 'one node, N=1, beside Redis 7: puts and gets, single and batched, then the SDK',
  run: (args) => runNode(settingsOf(args)),
};

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      keys: { type: 'string', default: '1000000' },
    },
  });
  return {
    runs: Number(values.runs),
    seconds: Number(values.seconds),
    keyCount: Number(values.keys),
  };
}

async function runNode(settings: Settings): Promise<BenchOutcome> {
  const redis = await findRedis();
  const results: BenchResult[] = [];
  for (const durability of ['interval', 'sync'] as const) {
    const peer =
      redis === undefined
        ? undefined
        : await startRedis(durability === 'sync' ? 'always' : 'everysec');
    if (peer !== undefined) await fillRedis(peer.port, settings.keyCount, VALUE_BYTES);
    for (const bucket of BENCH_BUCKETS.filter((one) => one.durability === durability)) {
      // A node of its own for each bucket: its million keys are the node's.
      const clockwise = await startClockwise();
      results.push(...(await measureBucket(clockwise, peer, bucket, settings)));
      if (bucket.name === 'siblings-interval') {
        results.push(...(await measureSdk(clockwise, peer, bucket.name, settings)));
      }
      await clockwise.stop();
    }
    await peer?.stop();
  }
  return { results, versions: { redis: redis ?? 'not installed: the point is not met' } };
}

async function measureBucket(
  clockwise: ClockwiseServer,
  peer: RedisPeer | undefined,
  bucket: BenchBucket,
  settings: Settings,
): Promise<BenchResult[]> {
  // So few at once that even a node that has just started refuses none.
  await generate(clockwise, { ...loadOf(bucket, 'fill', BATCH, settings), connections: 1 });
  const results: BenchResult[] = [];
  for (const kind of ['get', 'put'] as const) {
    for (const operationsPerFrame of [1, BATCH]) {
      const load = loadOf(bucket, kind, operationsPerFrame, settings);
      results.push(await measureOne(clockwise, peer, bucket, load, settings.runs));
    }
  }
  return results;
}

function loadOf(
  bucket: BenchBucket,
  kind: LoadOptions['kind'],
  operationsPerFrame: number,
  settings: Settings,
): Omit<LoadOptions, 'host' | 'ports'> {
  return {
    connections: CONNECTIONS,
    framesInFlight: 1,
    operationsPerFrame,
    kind,
    bucketId: bucket.id,
    level: 0,
    keyCount: settings.keyCount,
    valueBytes: VALUE_BYTES,
    seconds: settings.seconds,
  };
}

/** Ours and the peer's in turn, so that a drift of the machine meets both. */
async function measureOne(
  clockwise: ClockwiseServer,
  peer: RedisPeer | undefined,
  bucket: BenchBucket,
  load: Omit<LoadOptions, 'host' | 'ports'>,
  runs: number,
): Promise<BenchResult> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const generators: number[] = [];
  const servers: number[] = [];
  let last: LoadResult | undefined;
  await generate(clockwise, { ...load, seconds: WARM_UP_SECONDS });
  for (let run = 0; run < runs; run += 1) {
    const before = clockwise.server.processorSeconds();
    last = await generate(clockwise, load);
    ours.push(last.operations / last.seconds);
    generators.push(last.processorSeconds / last.seconds);
    servers.push((clockwise.server.processorSeconds() - before) / last.seconds);
    if (peer === undefined) continue;
    const pipeline = load.operationsPerFrame;
    theirs.push(
      await loadRedis({
        port: peer.port,
        command: load.kind === 'get' ? 'get' : 'set',
        connections: load.connections,
        pipeline,
        keyCount: load.keyCount,
        valueBytes: load.valueBytes,
        requests: Math.round(load.seconds * (pipeline === 1 ? 90_000 : 600_000)),
      }),
    );
  }
  const shape = load.operationsPerFrame === 1 ? '50 x 1' : `50 x ${load.operationsPerFrame}`;
  return resultOf({
    name: `${load.kind} ${bucket.name} ${shape}`,
    value: medianOf(ours),
    unit: 'operations/s',
    better: 'higher',
    peer: 'redis',
    ...(theirs.length === 0 ? {} : { peerValue: medianOf(theirs) }),
    note: noteOf(medianOf(generators), medianOf(servers), last),
  });
}

function noteOf(generator: number, server: number, last: LoadResult | undefined): string {
  const bound = generator > 0.9 ? ' (bound by the generator)' : '';
  const latency =
    last === undefined ? '' : `; p50 ${last.latencyUsP50} us, p99 ${last.latencyUsP99} us`;
  return `generator ${generator.toFixed(2)} of a core${bound}, server ${server.toFixed(2)}${latency}`;
}

function generate(
  clockwise: ClockwiseServer,
  load: Omit<LoadOptions, 'host' | 'ports'>,
): Promise<LoadResult> {
  return runGenerator({ ...load, host: '127.0.0.1', ports: [clockwise.port] });
}
