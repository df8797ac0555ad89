/**
 * `npm run bench -- cluster`: three nodes in three processes, N = 3, loaded by 50 connections from a
 * fourth process, all on one machine and dealt out to all nodes: gets, puts, and both in turn, at
 * R = W = 2 and R = W = 1. What is not measured: a network, machines of their own, a peer, values of
 * other sizes. The generator competes with the nodes for processors; what it uses is said.
 *
 * `--without-one`: one node is killed once the keys are there.
 */
import { parseArgs } from 'node:util';
import {
  type BenchOutcome,
  type BenchResult,
  type Benchmark,
  medianOf,
  resultOf,
} from '../report.ts';
import type { LoadOptions, LoadResult } from '../node/generator.ts';
import type { LoadKind } from '../node/prepared-frames.ts';
import { runGenerator, tryGenerator } from '../node/run-generator.ts';
import {
  CLUSTER_BUCKETS,
  type ClusterBucket,
  type ClusterDurability,
  type ClusterServers,
  NODE_COUNT,
  startCluster,
} from './cluster-servers.ts';

const CONNECTIONS = 50;
const FILL_BATCH = 32;
const VALUE_BYTES = 100;
const WARM_UP_SECONDS = 1;
const LINK_TRIES_MAX = 50;
const KIND_NAMES = { get: 'gets', put: 'puts', mixed: 'half and half' } as const;
type MeasuredKind = keyof typeof KIND_NAMES;

interface Settings {
  readonly runs: number;
  readonly seconds: number;
  readonly keyCount: number;
  readonly operationsPerFrame: number;
  readonly durability: ClusterDurability;
  readonly withoutOne: boolean;
}

/** Of one run. */
interface Figures {
  readonly throughput: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  readonly latencyUsP999: number;
  /** Of all nodes together. */
  readonly processorUsPerOperation: number;
  /** Of a core. */
  readonly generatorShare: number;
}

export const clusterBenchmark: Benchmark = {
  name: 'cluster',
  description: 'three nodes, N=3, R=W=2 and R=W=1, 50 clients: gets, puts, half and half',
  run: (args) => runCluster(settingsOf(args)),
};

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      keys: { type: 'string', default: '200000' },
      frame: { type: 'string', default: '1' },
      durability: { type: 'string', default: 'interval' },
      'without-one': { type: 'boolean', default: false },
    },
  });
  const { durability } = values;
  if (durability !== 'interval' && durability !== 'sync') {
    throw new Error('--durability is interval or sync');
  }
  return {
    runs: Number(values.runs),
    seconds: Number(values.seconds),
    keyCount: Number(values.keys),
    operationsPerFrame: Number(values.frame),
    durability,
    withoutOne: values['without-one'],
  };
}

async function runCluster(settings: Settings): Promise<BenchOutcome> {
  const cluster = await startCluster(settings.durability);
  try {
    await allLinked(cluster);
    for (const bucket of CLUSTER_BUCKETS) {
      await runGenerator(fillLoadOf(cluster, bucket, settings.keyCount));
    }
    if (settings.withoutOne) await cluster.loseOne();
    const results: BenchResult[] = [];
    for (const bucket of CLUSTER_BUCKETS) {
      for (const kind of ['get', 'put', 'mixed'] as const) {
        results.push(...(await measure(cluster, bucket, kind, settings)));
      }
    }
    return { results };
  } finally {
    await cluster.stop();
  }
}

/** Nodes that see one another by gossip may lack links between coordinators for a moment. */
async function allLinked(cluster: ClusterServers): Promise<void> {
  await cluster.allSeen();
  const load = fillLoadOf(cluster, CLUSTER_BUCKETS[0]!, NODE_COUNT);
  for (let tries = 0; ; tries += 1) {
    const result = await tryGenerator(load);
    if (result.failed === 0) return;
    if (tries === LINK_TRIES_MAX) {
      throw new Error(`the nodes do not reach one another: status ${result.lastFailure}`);
    }
  }
}

/**
 * Each key once, on all nodes: what a node lacked would be repaired by the gets that are measured. So
 * few at once that even nodes that have just started refuse none.
 */
function fillLoadOf(cluster: ClusterServers, bucket: ClusterBucket, keyCount: number): LoadOptions {
  return {
    ...loadOf(cluster, bucket, 'fill', keyCount, 0),
    connections: NODE_COUNT,
    operationsPerFrame: Math.min(FILL_BATCH, keyCount),
    level: NODE_COUNT,
  };
}

async function measure(
  cluster: ClusterServers,
  bucket: ClusterBucket,
  kind: MeasuredKind,
  settings: Settings,
): Promise<BenchResult[]> {
  const { keyCount, seconds, operationsPerFrame } = settings;
  const load = { ...loadOf(cluster, bucket, kind, keyCount, seconds), operationsPerFrame };
  await runGenerator({ ...load, seconds: WARM_UP_SECONDS });
  const runs: Figures[] = [];
  for (let run = 0; run < settings.runs; run += 1) {
    const before = cluster.processorSeconds();
    const result = await runGenerator(load);
    runs.push(figuresOf(result, cluster.processorSeconds() - before));
  }
  return resultsOf(`${KIND_NAMES[kind]} R=W=${bucket.readLevel} ${settings.durability}`, runs);
}

function figuresOf(result: LoadResult, nodesSeconds: number): Figures {
  return {
    throughput: result.operations / result.seconds,
    latencyUsP50: result.latencyUsP50,
    latencyUsP99: result.latencyUsP99,
    latencyUsP999: result.latencyUsP999,
    processorUsPerOperation: (nodesSeconds * 1e6) / result.operations,
    generatorShare: result.processorSeconds / result.seconds,
  };
}

/** The median of the runs, figure by figure. */
function resultsOf(name: string, runs: readonly Figures[]): BenchResult[] {
  const median = (figure: keyof Figures): number => medianOf(runs.map((run) => run[figure]));
  const generator = median('generatorShare');
  const bound = generator > 0.9 ? ' (bound by the generator)' : '';
  const note = `generator ${generator.toFixed(2)} of a core${bound}`;
  const latency = { unit: 'us', better: 'lower' } as const;
  return [
    resultOf({
      name,
      value: median('throughput'),
      unit: 'operations/s',
      better: 'higher',
      note,
    }),
    resultOf({ name: `${name}, p50`, value: median('latencyUsP50'), ...latency }),
    resultOf({ name: `${name}, p99`, value: median('latencyUsP99'), ...latency }),
    resultOf({ name: `${name}, p99.9`, value: median('latencyUsP999'), ...latency }),
    resultOf({
      name: `${name}, processor time of the nodes`,
      value: median('processorUsPerOperation'),
      unit: 'us/operation',
      better: 'lower',
    }),
  ];
}

function loadOf(
  cluster: ClusterServers,
  bucket: ClusterBucket,
  kind: LoadKind,
  keyCount: number,
  seconds: number,
): LoadOptions {
  return {
    host: '127.0.0.1',
    ports: cluster.ports,
    connections: CONNECTIONS,
    framesInFlight: 1,
    operationsPerFrame: 1,
    kind,
    bucketId: bucket.id,
    level: 0,
    keyCount,
    valueBytes: VALUE_BYTES,
    seconds,
  };
}
