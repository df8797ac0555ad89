/**
 * `npm run bench -- overload`: what becomes of three nodes (N = 3, R = W = 2, gets and puts in turn) that
 * are asked for far more than they can do, and how long it lasts (H1, DESIGN.md section 11).
 *
 *     calm     a light load through the SDK alone, the foreground, which goes on through all that follows
 *     peak     the best goodput of a few loads, each with more requests in flight than the one before
 *     crowd    ten times the connections of that load, that ask again at once where they are refused
 *     after    the foreground alone again
 *
 * Met: goodput in the crowd at least 70 % of the peak's; the foreground's p99 back at what it was within
 * 30 s; the nodes' memory within their budget. Generator and nodes share the machine's processors, so
 * that a crowd also takes what it is served with: its share is said.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { errorName } from '@clockwise/protocol/errors';
import {
  CLUSTER_BUCKETS,
  type ClusterServers,
  MEMORY_BYTES,
  startCluster,
} from '../cluster/cluster-servers.ts';
import type { LoadOptions, LoadResult } from '../node/generator.ts';
import { tryGenerator } from '../node/run-generator.ts';
import { type BenchOutcome, type Benchmark, type BenchResult, resultOf } from '../report.ts';
import { Foreground } from './foreground.ts';

const BUCKET = CLUSTER_BUCKETS[0]!;
const CROWD_TIMES = 10;
/** Requests in flight on each connection, of the loads of which the best is the peak. */
const FLIGHTS = [1, 8, 32] as const;
const GOODPUT_SHARE_WANTED = 0.7;
const BACK_SECONDS_WANTED = 30;
/** So many seconds in a row as before count as back. */
const CALM_ROW = 3;
/** Of the longest p99 of the calm seconds, and so many milliseconds more, for the noise of machines. */
const BACK_FACTOR = 1.25;
const BACK_GRACE_MS = 1;
const SETTLE_SECONDS = 3;
const VALUE_BYTES = 100;
const SAMPLE_MS = 200;
/** Beside what a node gives to its stores: code, stacks, buffers of connections. */
const MEMORY_BESIDE_BYTES = 512 * 2 ** 20;

interface Settings {
  readonly connections: number;
  readonly seconds: number;
  readonly keyCount: number;
  readonly foregroundPerSecond: number;
}

export const overloadBenchmark: Benchmark = {
  name: 'overload',
  description: 'three nodes asked for ten times what they can do: goodput, recovery, memory',
  run: (args) => runOverload(settingsOf(args)),
};

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      connections: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '10' },
      keys: { type: 'string', default: '50000' },
      foreground: { type: 'string', default: '400' },
    },
  });
  return {
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    keyCount: Number(values.keys),
    foregroundPerSecond: Number(values.foreground),
  };
}

async function runOverload(settings: Settings): Promise<BenchOutcome> {
  const cluster = await startCluster('interval');
  try {
    await cluster.allSeen();
    await filled(cluster, settings);
    const servers = cluster.ports.map((port) => `127.0.0.1:${port}`);
    const foreground = await Foreground.start(servers, BUCKET.name, settings.foregroundPerSecond);
    try {
      return { results: await measure(cluster, foreground, settings) };
    } finally {
      foreground.stop();
    }
  } finally {
    await cluster.stop();
  }
}

/** Nodes that see one another by gossip may lack links between coordinators for a moment. */
async function filled(cluster: ClusterServers, settings: Settings): Promise<void> {
  const fill = loadOf(cluster, settings, { kind: 'fill', connections: 3, framesInFlight: 1 });
  for (let tries = 0; tries < 20; tries += 1) {
    if ((await tryGenerator(fill)).failed === 0) return;
  }
  throw new Error('the keys could not be put');
}

async function measure(
  cluster: ClusterServers,
  foreground: Foreground,
  settings: Settings,
): Promise<BenchResult[]> {
  const { connections, seconds } = settings;
  const light = { kind: 'mixed', connections, framesInFlight: 1 } as const;
  await tryGenerator({ ...loadOf(cluster, settings, light), seconds: SETTLE_SECONDS });
  await sleep(SETTLE_SECONDS * 1000);
  const calmFrom = foreground.second;
  await sleep(seconds * 1000);
  const calmP99 = longestP99(foreground, calmFrom, foreground.second);
  const peak = await findPeak(cluster, settings);
  const memoryBefore = largest(cluster.residentBytes());
  const memory = new MemorySampler(cluster);
  const crowd = loadOf(cluster, settings, {
    kind: 'mixed',
    connections: CROWD_TIMES * connections,
    framesInFlight: peak.framesInFlight,
  });
  const crowdFrom = foreground.second;
  const inCrowd = await tryGenerator(crowd);
  const crowdP99 = longestP99(foreground, crowdFrom + 1, foreground.second);
  const backAfter = await secondsUntilCalm(foreground, calmP99);
  memory.stop();
  return [
    ...goodputResults(peak, inCrowd),
    ...recoveryResults(calmP99, crowdP99, backAfter),
    memoryResult(memoryBefore, memory.largest),
  ];
}

interface Peak {
  readonly atPeak: LoadResult;
  readonly framesInFlight: number;
}

async function findPeak(cluster: ClusterServers, settings: Settings): Promise<Peak> {
  const { connections } = settings;
  const seconds = Math.max(1, Math.ceil(settings.seconds / FLIGHTS.length));
  let best: Peak | undefined;
  for (const framesInFlight of FLIGHTS) {
    const load = loadOf(cluster, settings, { kind: 'mixed', connections, framesInFlight });
    const atPeak = await tryGenerator({ ...load, seconds });
    if (best === undefined || goodputOf(atPeak) > goodputOf(best.atPeak)) {
      best = { atPeak, framesInFlight };
    }
  }
  return best!;
}

function goodputResults({ atPeak, framesInFlight }: Peak, inCrowd: LoadResult): BenchResult[] {
  const peak = goodputOf(atPeak);
  const crowd = goodputOf(inCrowd);
  const offered = inCrowd.operations / inCrowd.seconds;
  const perSecond = { unit: 'operations/s', better: 'higher' } as const;
  const share = crowd / peak;
  return [
    resultOf({
      name: 'peak, goodput',
      value: peak,
      ...perSecond,
      note: `${framesInFlight} in flight on each connection; ${shareNote(atPeak)}`,
    }),
    resultOf({
      name: 'crowd, answered in all',
      value: offered,
      ...perSecond,
      note: `${failuresOf(inCrowd)}; ${shareNote(inCrowd)}`,
    }),
    resultOf({ name: 'crowd, goodput', value: crowd, ...perSecond }),
    resultOf({
      name: 'crowd, goodput by the peak',
      value: share,
      unit: 'of the peak',
      better: 'higher',
      note: verdict(share >= GOODPUT_SHARE_WANTED, `at least ${GOODPUT_SHARE_WANTED}`),
    }),
  ];
}

function recoveryResults(calm: number, crowd: number, backAfter: number): BenchResult[] {
  const latency = { unit: 'ms', better: 'lower' } as const;
  return [
    resultOf({ name: 'foreground p99, calm', value: calm, ...latency }),
    resultOf({ name: 'foreground p99, in the crowd', value: crowd, ...latency }),
    resultOf({
      name: 'foreground p99, back as before after',
      value: backAfter,
      unit: 's',
      better: 'lower',
      note: verdict(backAfter <= BACK_SECONDS_WANTED, `within ${BACK_SECONDS_WANTED} s`),
    }),
  ];
}

function memoryResult(before: number, most: number): BenchResult {
  const bound = MEMORY_BYTES + MEMORY_BESIDE_BYTES;
  const told = `${Math.round(before / 2 ** 20)} MiB before the crowd; `;
  return resultOf({
    name: 'memory of the largest node',
    value: most / 2 ** 20,
    unit: 'MiB',
    better: 'lower',
    note: told + verdict(most <= bound, `at most ${bound / 2 ** 20} MiB`),
  });
}

function verdict(isMet: boolean, wanted: string): string {
  return `${isMet ? 'met' : 'NOT MET'}: ${wanted}`;
}

function goodputOf({ operations, failed, seconds }: LoadResult): number {
  return (operations - failed) / seconds;
}

function failuresOf({ failed, seconds, lastFailure }: LoadResult): string {
  if (failed === 0) return 'none failed';
  return `${Math.round(failed / seconds)} a second failed, the last as ${errorName(lastFailure)}`;
}

function shareNote({ processorSeconds, seconds }: LoadResult): string {
  return `generator ${(processorSeconds / seconds).toFixed(2)} of a core`;
}

/** From one second up to another one, which is not over. */
function longestP99(foreground: Foreground, from: number, to: number): number {
  let longest = 0;
  for (let second = from; second < to; second += 1) {
    const { latencyMsP99 } = foreground.at(second);
    if (latencyMsP99 > longest) longest = latencyMsP99;
  }
  return longest;
}

/** Seconds from now until the foreground is as it was; Infinity where that takes too long. */
async function secondsUntilCalm(foreground: Foreground, calmP99: number): Promise<number> {
  const from = foreground.second;
  const bound = calmP99 * BACK_FACTOR + BACK_GRACE_MS;
  let row = 0;
  for (let second = from; second < from + BACK_SECONDS_WANTED + CALM_ROW; second += 1) {
    while (foreground.second <= second) await sleep(SAMPLE_MS);
    const { latencyMsP99, failed } = foreground.at(second);
    row = failed === 0 && latencyMsP99 <= bound ? row + 1 : 0;
    if (row === CALM_ROW) return second + 1 - CALM_ROW - from;
  }
  return Infinity;
}

class MemorySampler {
  largest = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(cluster: ClusterServers) {
    this.#timer = setInterval(() => {
      this.largest = Math.max(this.largest, largest(cluster.residentBytes()));
    }, SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function largest(values: readonly number[]): number {
  return Math.max(0, ...values);
}

function loadOf(
  cluster: ClusterServers,
  { keyCount, seconds }: Settings,
  load: Pick<LoadOptions, 'kind' | 'connections' | 'framesInFlight'>,
): LoadOptions {
  return {
    host: '127.0.0.1',
    ports: cluster.ports,
    operationsPerFrame: 1,
    bucketId: BUCKET.id,
    level: 0,
    keyCount,
    valueBytes: VALUE_BYTES,
    seconds,
    ...load,
  };
}
