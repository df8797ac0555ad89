/**
 * One round of chaos: clients at work on keys of their own, a plan of faults, then rest and verdict.
 */
import { Prng } from '@clockwise/kernel/prng';
import { LEVEL } from '@clockwise/protocol/frame';
import type { Violation } from '../../checkers/history.ts';
import {
  BLIND_PUTS,
  CONTEXTUAL,
  MIXED,
  MixedOperations,
  REGISTER,
} from '../../workloads/mixed-operations.ts';
import { DeleteAndRecreate } from '../../workloads/delete-and-recreate.ts';
import { SetAdd } from '../../workloads/set-add.ts';
import type { Workload } from '../../workloads/workload.ts';
import { ChaosClient } from './chaos-client.ts';
import { BUCKET, BUCKET_NAMES, type ChaosCluster, VALUE_BYTES_LIMIT } from './chaos-cluster.ts';
import { type ClientEntry, type ClientFinal, isClientWrite } from './client-history.ts';
import { connectCounted } from './counted-world.ts';
import { FaultDirector } from './fault-director.ts';
import { type ChaosFault, drawPlan, type FaultFamily } from './fault-plan.ts';
import { fillDisk } from './full-disk.ts';
import { judge } from './judge.ts';
import { comeToRest } from './rest.ts';

export interface RoundParts {
  readonly cluster: ChaosCluster;
  readonly seed: string;
  /** From 1 on, over all lives of the run. */
  readonly round: number;
  readonly families: readonly FaultFamily[];
  readonly kills: number;
  readonly gapMeanMs: number;
  readonly log: (line: string) => void;
}

export interface RoundCounters {
  operations: number;
  succeeded: number;
  acknowledgedWrites: number;
  /** Writes that left the client more than once. */
  repeatedWrites: number;
  /** Acknowledged puts that were judged by their dots, and by the answer's context only. */
  judgedInFull: number;
  judgedInPart: number;
}

export interface RoundResult {
  readonly violations: readonly Violation[];
  readonly counters: RoundCounters;
  readonly faults: ReadonlyMap<string, number>;
}

const SET_CLIENTS = 4;
const MIXED_CLIENTS = 8;
const SET_KEYS = 6;
const MIXED_KEYS = 30;
const VALUE_SIZES = { byteCountMax: 1500, byteCountLimit: VALUE_BYTES_LIMIT };
const TIMEOUT_MS = 2500;
const JUDGE_TIMEOUT_MS = 5000;
const LIVE_MS = 60_000;
/** Short: whoever writes to a full disk waits for it each time. */
const PROBE_TIMEOUT_MS = 700;
const SILENCE_MS = 600;
const THINK_MEAN_MS = 8;
/** Numbers of clients, so that no two of a run are alike. */
const CLIENTS_PER_ROUND = 100;

export class ChaosRound {
  readonly history: ClientEntry[] = [];
  readonly plan: readonly ChaosFault[];
  finals: readonly ClientFinal[] = [];
  violations: readonly Violation[] = [];
  readonly #parts: RoundParts;
  readonly #prng: Prng;
  readonly #clients: ChaosClient[] = [];
  #clientCount = 0;
  /** Before each key. */
  readonly #prefix: string;

  constructor(parts: RoundParts) {
    const { seed, round, cluster } = parts;
    this.#parts = parts;
    this.#prng = new Prng(`${seed}/round-${round}`);
    this.#prefix = `r${round}-`;
    this.plan = drawPlan(this.#prng.stream('faults'), {
      ...parts,
      nodeCount: cluster.nodes.length,
    });
  }

  async run(): Promise<RoundResult> {
    try {
      return await this.#run();
    } finally {
      for (const client of this.#clients) client.close();
    }
  }

  async #run(): Promise<RoundResult> {
    const { cluster, log } = this.#parts;
    const over = new AbortController();
    const working = this.#startWork(over.signal);
    const director = new FaultDirector({
      cluster,
      log,
      fillDisk: (node, isKilledMeanwhile) => this.#fillDisk(node, isKilledMeanwhile),
    });
    await director.run(this.plan);
    over.abort();
    await working;
    const workEntries = [...this.history];
    const rest = await comeToRest({
      nodes: cluster.nodes,
      liveMs: LIVE_MS,
      history: workEntries,
      client: await this.#connect(JUDGE_TIMEOUT_MS),
      clientOfNode: await Promise.all(
        cluster.addresses.map((address) => this.#connect(JUDGE_TIMEOUT_MS, address)),
      ),
    });
    this.finals = rest.finals;
    const { nodes, copies } = cluster;
    const judgement = judge({
      history: this.history,
      finals: rest.finals,
      copies,
      isSingleHop: copies === nodes.length,
      siblingBuckets: new Set([BUCKET.sync, BUCKET.interval]),
      isSetKey: (key) => key.startsWith(`${this.#prefix}set-`),
    });
    const counters = countersOf(workEntries, judgement.judgedInFull, judgement.judgedInPart);
    this.violations = [
      ...nodes.flatMap((node) => node.violations.splice(0)),
      ...nodes.flatMap((node) => node.crashes().map((text) => ({ oracle: 'assert', text }))),
      ...director.violations,
      ...rest.violations,
      ...judgement.violations,
      ...enoughSucceeded(counters),
    ];
    return { violations: this.violations, counters, faults: director.counts };
  }

  async #startWork(signal: AbortSignal): Promise<void> {
    const set = this.#setWorkload();
    const mixed = this.#mixedWorkload();
    const workloads = [
      ...new Array<Workload>(SET_CLIENTS).fill(set),
      ...new Array<Workload>(MIXED_CLIENTS).fill(mixed),
    ];
    await Promise.all(
      workloads.map(async (workload, index) => {
        const client = await this.#connect(TIMEOUT_MS);
        const prng = this.#prng.stream(`client-${index}`);
        const keyPrefix = this.#prefix;
        await client.work({ workload, prng, keyPrefix, thinkMeanMs: THINK_MEAN_MS, signal });
      }),
    );
  }

  #setWorkload(): Workload {
    const prng = this.#prng.stream('set');
    const isStale = prng.chance(0.4);
    // Whoever writes with the context of a put must read what was acknowledged before.
    const [readLevels, writeLevels] = isStale
      ? [[LEVEL.quorum], [LEVEL.quorum]]
      : this.#drawLevels(prng);
    return new SetAdd(
      {
        seed: this.#valueSeed,
        bucketIds: [BUCKET.sync],
        keyCount: SET_KEYS,
        readLevels,
        writeLevels,
        valueSizes: VALUE_SIZES,
      },
      isStale,
    );
  }

  #mixedWorkload(): Workload {
    const prng = this.#prng.stream('mixed');
    const [readLevels, writeLevels] = this.#drawLevels(prng);
    const options = {
      seed: this.#valueSeed,
      bucketIds: prng.pick([[BUCKET.sync], [BUCKET.sync, BUCKET.interval, BUCKET.lww]]),
      keyCount: MIXED_KEYS,
      readLevels,
      writeLevels,
      valueSizes: VALUE_SIZES,
    };
    const mix = prng.pick([MIXED, MIXED, CONTEXTUAL, BLIND_PUTS, REGISTER, undefined]);
    return mix === undefined ? new DeleteAndRecreate(options) : new MixedOperations(options, mix);
  }

  #drawLevels(prng: Prng): [readonly number[], readonly number[]] {
    const any = Array.from({ length: this.#parts.cluster.copies }, (_, index) => index + 1);
    return prng.pick<[readonly number[], readonly number[]]>([
      [[LEVEL.quorum], [LEVEL.quorum]],
      [[LEVEL.bucketDefault], [LEVEL.bucketDefault]],
      [any, any],
      [[LEVEL.one], [LEVEL.one, LEVEL.all]],
    ]);
  }

  get #valueSeed(): string {
    return `${this.#parts.seed}-${this.#parts.round}`;
  }

  async #fillDisk(node: number, isKilledMeanwhile: boolean): ReturnType<typeof fillDisk> {
    const { cluster } = this.#parts;
    const client = await this.#connect(PROBE_TIMEOUT_MS, cluster.addresses[node]);
    const keyPrefix = this.#prefix;
    const seed = this.#valueSeed;
    return fillDisk({ cluster, node, isKilledMeanwhile, client, keyPrefix, seed });
  }

  /** `only`: the address of the node that this client is held to. */
  async #connect(timeoutMs: number, only?: string): Promise<ChaosClient> {
    const { cluster, round } = this.#parts;
    const place = this.#clientCount;
    this.#clientCount += 1;
    const client = round * CLIENTS_PER_ROUND + place;
    const options = {
      servers: only === undefined ? cluster.addresses : [only],
      timeoutMs,
      connectTimeoutMs: 30_000,
      silenceTimeoutMs: SILENCE_MS,
    };
    const prng = this.#prng.stream(`connection-${place}`);
    const connection = await connectCounted(options, prng, only);
    const made = new ChaosClient({
      connection,
      client,
      buckets: BUCKET_NAMES,
      history: this.history,
      timeoutMs,
    });
    this.#clients.push(made);
    return made;
  }
}

function countersOf(
  entries: readonly ClientEntry[],
  judgedInFull: number,
  judgedInPart: number,
): RoundCounters {
  const writes = entries.filter(isClientWrite);
  const acknowledgedWrites = writes.filter(({ outcome }) => outcome === 'ok').length;
  const reads = entries.filter((entry) => !isClientWrite(entry) && entry.values !== undefined);
  return {
    operations: entries.length,
    succeeded: acknowledgedWrites + reads.length,
    acknowledgedWrites,
    repeatedWrites: writes.filter(({ tries }) => tries > 1).length,
    judgedInFull,
    judgedInPart,
  };
}

/** A round in which most operations failed has shown nothing. */
function enoughSucceeded({ operations, succeeded }: RoundCounters): Violation[] {
  if (operations > 0 && succeeded * 2 >= operations) return [];
  const text = `of ${operations} operations ${succeeded} succeeded: the round does not count`;
  return [{ oracle: 'L', text }];
}
