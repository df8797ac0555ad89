/**
 * The availability run: five real nodes under an open load through the SDK while one node after the
 * other is killed, stopped or cut off from another one; then what was acknowledged is looked for, and
 * that all nodes have come to hold the same.
 *
 * Invariants:
 *   AV1 every put that was acknowledged is there at rest, or a later one of its key (put-ledger)
 *   AV2 nodes hand over what they kept for others, and their hash trees become equal
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '@clockwise/kernel/prng';
import type { Violation } from '../../checkers/history.ts';
import { ChaosClient } from '../chaos/chaos-client.ts';
import {
  BUCKET,
  BUCKET_NAMES,
  type ChaosCluster,
  makeChaosCluster,
} from '../chaos/chaos-cluster.ts';
import { Cleanup } from '../chaos/cleanup.ts';
import type { ClientWrite } from '../chaos/client-history.ts';
import { connectCounted, type CountedDatabase } from '../chaos/counted-world.ts';
import { FaultDirector } from '../chaos/fault-director.ts';
import { type HostNetwork, makeHostNetwork } from '../chaos/host-network.ts';
import { comeToRest } from '../chaos/rest.ts';
import { type AvailabilityFamily, drawSchedule, FaultSpans } from './fault-schedule.ts';
import { drained } from './hand-off-end.ts';
import { PutLedger } from './put-ledger.ts';
import { RequestLoad } from './request-load.ts';
import { type FaultSpan, RequestWindows, type WindowRow } from './request-windows.ts';

export interface AvailabilityOptions {
  readonly seed: string;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly families: readonly AvailabilityFamily[];
  readonly log: (line: string) => void;
}

export interface AvailabilityResult {
  readonly rows: readonly WindowRow[];
  readonly faults: readonly FaultSpan[];
  readonly violations: readonly Violation[];
  readonly keys: number;
  /** Keys that hold concurrent values at rest: puts that were repeated at another node, mostly. */
  readonly keysWithSiblings: number;
  /** Seconds from the end of the faults until nobody owed anybody anything. */
  readonly drainedSeconds: number;
  /** Partitions whose trees differed then, over all pairs: what only a read or a comparison mends. */
  readonly partitionsDiffering: number;
  readonly skipped: readonly string[];
  /** Data and logs of a run that failed. */
  readonly folder: string | undefined;
}

/** Of the requests of each second. */
export const SUCCESS_SHARE = 0.999;
/** Within which a request must succeed, retries included. */
const TIMEOUT_MS = 2000;

const NODE_COUNT = 5;
const CLIENT_COUNT = 10;
const KEYS_PER_CLIENT = 400;
const WARM_UP_SECONDS = 3;
const LIVE_MS = 60_000;
const JUDGE_TIMEOUT_MS = 5000;
/** As users have them, but for the memory of five nodes on one machine. */
const SETTINGS = { heartbeatMs: 1000 };

export async function runAvailability(options: AvailabilityOptions): Promise<AvailabilityResult> {
  const cleanup = new Cleanup();
  try {
    return await new AvailabilityRun(options, cleanup).run();
  } finally {
    cleanup.close();
  }
}

class AvailabilityRun {
  readonly #options: AvailabilityOptions;
  readonly #cleanup: Cleanup;
  readonly #prng: Prng;
  readonly #root: string;
  readonly #ledger: PutLedger = new PutLedger();
  readonly #skipped: string[] = [];
  readonly #connections: CountedDatabase[] = [];
  #connectionCount = 0;
  #keysWithSiblings = 0;
  #violations: readonly Violation[] = [];
  #families: readonly AvailabilityFamily[];

  constructor(options: AvailabilityOptions, cleanup: Cleanup) {
    this.#options = options;
    this.#cleanup = cleanup;
    this.#prng = new Prng(options.seed);
    this.#families = options.families;
    this.#root = mkdtempSync(path.join(tmpdir(), 'clockwise-availability-'));
  }

  async run(): Promise<AvailabilityResult> {
    const keptFolder = `${this.#root}-failed`;
    this.#cleanup.add('the folder', () => {
      if (this.#violations.length > 0) renameSync(this.#root, keptFolder);
      else rmSync(this.#root, { recursive: true, force: true });
    });
    const cluster = await makeChaosCluster({
      nodeCount: NODE_COUNT,
      root: this.#root,
      network: this.#network(),
      hasSmallDisks: false,
      prng: this.#prng,
      cleanup: this.#cleanup,
      settings: SETTINGS,
    });
    await cluster.start();
    try {
      return await this.#measure(cluster, keptFolder);
    } finally {
      for (const { database } of this.#connections) database.close();
      await cluster.end();
    }
  }

  /** Without hosts of their own links cannot be cut, and the run says so. */
  #network(): HostNetwork | undefined {
    if (!this.#families.includes('cut')) return undefined;
    const answer = makeHostNetwork(NODE_COUNT, this.#cleanup);
    if (answer.ok) return answer.network;
    this.#families = this.#families.filter((family) => family !== 'cut');
    this.#skipped.push(`cut: ${answer.reason}`);
    this.#options.log(`SKIPPED cut: ${answer.reason}`);
    return undefined;
  }

  async #measure(cluster: ChaosCluster, keptFolder: string): Promise<AvailabilityResult> {
    const { seconds, requestsPerSecond, log } = this.#options;
    const windows = new RequestWindows(seconds, SUCCESS_SHARE);
    const load = new RequestLoad({
      connections: await this.#connectAll(cluster),
      keysPerClient: KEYS_PER_CLIENT,
      requestsPerSecond,
      seconds,
      warmUpSeconds: WARM_UP_SECONDS,
      windows,
      ledger: this.#ledger,
      prng: this.#prng.stream('load'),
    });
    await load.fill();
    const spans = new FaultSpans(() => load.now);
    const plan = drawSchedule(this.#prng.stream('faults'), {
      families: this.#families,
      nodeCount: NODE_COUNT,
      seconds,
    });
    const director = new FaultDirector({
      cluster,
      log,
      fillDisk: () => Promise.reject(new Error('no disk is filled here')),
      watch: (text) => spans.begin(text),
    });
    const loaded = load.run();
    await sleep(WARM_UP_SECONDS * 1000);
    await Promise.all([loaded, director.run(plan)]);
    const rows = windows.rows(spans.spans);
    log('the load has ended; waiting until nobody owes anybody anything');
    const end = await drained(cluster.nodes, LIVE_MS);
    this.#violations = [
      ...end.violations,
      ...(await this.#judge(cluster)),
      ...cluster.nodes.flatMap((node) => node.violations),
      ...cluster.nodes.flatMap((node) =>
        node.crashes().map((text) => ({ oracle: 'assert', text })),
      ),
    ];
    return {
      rows,
      faults: spans.spans,
      violations: this.#violations,
      keys: this.#ledger.keys.length,
      keysWithSiblings: this.#keysWithSiblings,
      drainedSeconds: end.seconds,
      partitionsDiffering: end.partitionsDiffering,
      skipped: this.#skipped,
      folder: this.#violations.length > 0 ? keptFolder : undefined,
    };
  }

  async #connectAll(cluster: ChaosCluster): Promise<readonly CountedDatabase[]> {
    const places = Array.from({ length: CLIENT_COUNT }, (_, index) => index);
    return Promise.all(places.map(() => this.#connect(cluster, TIMEOUT_MS)));
  }

  /** As users connect. `only`: the address of the node that this client is held to. */
  async #connect(
    cluster: ChaosCluster,
    timeoutMs: number,
    only?: string,
  ): Promise<CountedDatabase> {
    const servers = only === undefined ? cluster.addresses : [only];
    const prng = this.#prng.stream(`connection-${this.#connectionCount}`);
    this.#connectionCount += 1;
    const connection = await connectCounted({ servers, timeoutMs }, prng, only);
    this.#connections.push(connection);
    return connection;
  }

  /** [AV1] [AV2] */
  async #judge(cluster: ChaosCluster): Promise<Violation[]> {
    const reader = async (client: number, only?: string): Promise<ChaosClient> =>
      new ChaosClient({
        connection: await this.#connect(cluster, JUDGE_TIMEOUT_MS, only),
        client,
        buckets: BUCKET_NAMES,
        history: [],
        timeoutMs: JUDGE_TIMEOUT_MS,
      });
    const rest = await comeToRest({
      nodes: cluster.nodes,
      liveMs: LIVE_MS,
      history: this.#history(),
      client: await reader(0),
      clientOfNode: await Promise.all(
        cluster.addresses.map((address, node) => reader(1 + node, address)),
      ),
    });
    this.#keysWithSiblings = rest.finals.filter(({ values }) => values.length > 1).length;
    return [
      ...rest.violations,
      ...rest.finals.flatMap(({ key, values }) => this.#ledger.judge(key, values)),
    ];
  }

  /** What rest must know: each key, and what may be there twice. */
  #history(): ClientWrite[] {
    const once = this.#ledger.keys.map((key) => writeOf(key, undefined, 1));
    return [...once, ...this.#ledger.late.map(({ key, value }) => writeOf(key, value, 2))];
  }
}

function writeOf(key: string, value: string | undefined, tries: number): ClientWrite {
  return {
    kind: 'put',
    client: 0,
    operation: 0,
    invokedAt: 0,
    completedAt: 0,
    bucketId: BUCKET.sync,
    key,
    level: 0,
    context: undefined,
    value,
    outcome: 'ok',
    answer: [],
    tries,
    code: '',
  };
}
