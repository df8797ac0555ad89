/**
 * A calm simulated cluster whose story a test tells: who puts and gets what through which node, which
 * nodes are down and who is cut off from whom. All that judges a run hears of it, and `verdict` brings
 * it to rest and says what is wrong.
 */
import { assert } from '@clockwise/kernel/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { CALM_LINKS } from '@clockwise/simulator/link-faults';
import { Simulation } from '@clockwise/simulator/simulation';
import { checkAckedLoss } from '../checkers/acked-loss.ts';
import { checkConvergence } from '../checkers/convergence.ts';
import {
  type FinalState,
  type HistoryEntry,
  nameOfKey,
  type Violation,
} from '../checkers/history.ts';
import { checkNoResurrection } from '../checkers/no-resurrection.ts';
import { checkQuorumReads } from '../checkers/quorum-reads.ts';
import { checkSessionGuarantees } from '../checkers/session-guarantees.ts';
import { sessionOfClient } from '../simulation/client-identity.ts';
import type { OperationResult } from '../simulation/client-requests.ts';
import {
  BUCKET,
  drawConfiguration,
  type SimulationConfiguration,
} from '../simulation/configuration.ts';
import { NO_FAULTS } from '../simulation/fault-schedule.ts';
import type { HiddenRecord } from '../simulation/replica-mirror.ts';
import { RestReads } from '../simulation/rest-reads.ts';
import { SimulatedClient } from '../simulation/simulated-client.ts';
import { CLUSTER_ID, SimulatedCluster } from '../simulation/simulated-cluster.ts';
import type { AskedManner, PlannedOperation } from '../workloads/workload.ts';

export interface ScriptedOptions {
  readonly nodeCount: number;
  readonly copies: number;
  readonly fields?: Partial<SimulationConfiguration>;
  /** Of all that is drawn while it runs. */
  readonly seed?: string;
}

export interface Asked extends AskedManner {
  readonly level?: number;
  /** Of an answer that knew more; left out: an overwrite. */
  readonly context?: Int32Array;
  /** The session; left out: that of the node. */
  readonly client?: number;
  /** Left out: the one of siblings, synced. */
  readonly bucketId?: number;
}

const JUDGE = 1000;
const PATIENCE_MS = 5000;
const REST_ROUNDS_MAX = 6;

export class ScriptedCluster {
  readonly cluster: SimulatedCluster;
  readonly history: HistoryEntry[] = [];
  readonly #simulation: Simulation;
  readonly #configuration: SimulationConfiguration;
  readonly #clients: Map<number, SimulatedClient> = new Map();
  #clientCount = 0;
  #cuts: (() => void)[] = [];

  constructor({ nodeCount, copies, fields = {}, seed = 'scripted' }: ScriptedOptions) {
    const drawn = drawConfiguration('1');
    const { limits } = drawn;
    this.#configuration = {
      ...drawn,
      nodeCount,
      copies,
      dataCentreCount: 1,
      isPerDataCentre: false,
      shardCount: 1,
      partitionBits: 3,
      workload: 'mixed',
      isBeyondBudget: false,
      links: CALM_LINKS,
      faults: NO_FAULTS,
      buggifySiteProbability: 0,
      clockOffsetMaxMs: 0,
      clockDriftMax: 0,
      ...fields,
      clientPace: { attemptMs: 400, patienceMs: PATIENCE_MS, thinkMeanMs: 1, backoffMeanMs: 20 },
      limits: { ...limits, hintBytesMax: 1 << 20, lateAcksMs: 100, ...fields.limits },
    };
    this.#simulation = new Simulation(seed);
    this.cluster = new SimulatedCluster(this.#simulation, this.#configuration);
    this.cluster.start();
    this.pass(1500);
  }

  get now(): number {
    return this.#simulation.now;
  }

  pass(ms: number): void {
    this.#simulation.run(this.#simulation.now + ms);
  }

  /** A key whose primaries are these, in any order; and `first` the first of them. */
  keyOf(primaries: readonly number[]): string {
    for (let index = 0; index < 10_000; index += 1) {
      const key = `key-${index}`;
      const found = this.primariesOf(key);
      if (primaries.every((node) => found.includes(node))) return key;
    }
    return assert(false, `some key lives on ${primaries.join(', ')}`) as never;
  }

  primariesOf(key: string): readonly number[] {
    return this.cluster.primariesOf(BUCKET.sync, key);
  }

  put(via: number, key: string, value: string, asked: Asked = {}): OperationResult {
    const { level = LEVEL.quorum, context, client, bucketId = BUCKET.sync, ...manner } = asked;
    const given =
      context === undefined
        ? ({ kind: 'overwrite' } as const)
        : ({ kind: 'given', words: context } as const);
    const planned = { kind: 'put', bucketId, key, value, level } as const;
    return this.#perform(via, client, { ...planned, context: given, ...manner });
  }

  get(via: number, key: string, asked: Asked = {}): OperationResult {
    const { level = LEVEL.quorum, client, isStrict = false, isMonotonic = false } = asked;
    const { bucketId = BUCKET.sync } = asked;
    const planned = { kind: 'get', bucketId, key, level } as const;
    return this.#perform(via, client, { ...planned, isStrict, isMonotonic });
  }

  /** Begins an operation of a session of its own, and goes on. REQUIRES: it has ended the one before. */
  begin(
    client: number,
    via: number,
    planned: PlannedOperation,
    done: (result: OperationResult) => void,
  ): void {
    const made = this.#client(client);
    made.pin(via);
    made.perform(planned, done);
  }

  /** The process is killed, and stays down until `up`. */
  down(node: number): void {
    const { nodes } = this.cluster;
    nodes[node]!.crash('keep-all');
    nodes[node]!.isHeldDown = true;
    this.pass(200);
  }

  up(node: number): void {
    const { nodes } = this.cluster;
    nodes[node]!.isHeldDown = false;
    nodes[node]!.start();
    this.pass(1500);
  }

  /** REQUIRES: the node is down. Its disks are new. */
  wipe(node: number): void {
    const { nodes, witness } = this.cluster;
    nodes[node]!.wipe();
    witness.mirror.restored(`${nodes[node]!.nodeId}/0`, undefined);
  }

  /** Nodes of different groups do not hear each other, until `join`. */
  split(...groups: readonly (readonly number[])[]): void {
    const { nodes, network } = this.cluster;
    const groupOf = (node: number): number => groups.findIndex((group) => group.includes(node));
    for (const from of nodes.keys()) {
      for (const to of nodes.keys()) {
        if (groupOf(from) === groupOf(to)) continue;
        this.#cuts.push(network.cut(nodes[from]!.nodeId, nodes[to]!.nodeId));
      }
    }
    // Until gossip and links have found out.
    this.pass(12_000);
  }

  join(): void {
    for (const mend of this.#cuts) mend();
    this.#cuts = [];
    this.pass(3000);
  }

  /** What nodes keep for others, of all kinds. */
  kept(): number {
    return this.keptRecords().length;
  }

  keptRecords(): readonly HiddenRecord[] {
    const { nodes, witness } = this.cluster;
    return nodes.flatMap(({ nodeId }) => witness.mirror.hiddenOf(nodeId, 1));
  }

  /** Heals everything, waits until nobody keeps anything for others, reads all, and judges. */
  verdict(): string[] {
    const { cluster, history } = this;
    for (const mend of this.#cuts) mend();
    cluster.heal();
    const { copies } = this.#configuration;
    const judge = this.#makeClient(JUDGE, []);
    const rest = new RestReads({ cluster, judge, copies, shardCount: 1, liveMs: 60_000 });
    const keys = [...new Map(history.map((entry) => [nameOfKey(entry), entry])).values()];
    if (rest.awaitShards() && rest.awaitTaking()) {
      rest.awaitDrained();
      rest.judgeHandedOver(keys);
    }
    const { finals, divergence } = this.#readAtRest(rest, keys);
    rest.awaitSilence();
    const { ledger } = cluster.witness;
    const bucketIds = new Set<number>([BUCKET.sync]);
    const evidence = { history, finals, ledger, sessionOf: sessionOfClient, bucketIds };
    const { dataCentreCount } = this.#configuration;
    return [
      ...cluster.witness.violations,
      ...rest.violations,
      ...divergence,
      ...checkAckedLoss({ ...evidence, oracle: 'O1' }),
      ...checkNoResurrection(evidence),
      ...checkQuorumReads({ ...evidence, copies, dataCentreCount }),
      ...checkSessionGuarantees({ history, bucketIds, copies, dataCentreCount }),
    ].map(({ oracle, text }) => `${oracle} ${text}`);
  }

  /** [O4] A read mends what it may at once; what differs still after some rounds does so for good. */
  #readAtRest(
    rest: RestReads,
    keys: readonly HistoryEntry[],
  ): { readonly finals: readonly FinalState[]; readonly divergence: readonly Violation[] } {
    let finals: readonly FinalState[] = [];
    let divergence: readonly Violation[] = [];
    for (let round = 0; round < REST_ROUNDS_MAX; round += 1) {
      finals = keys.map((key) => rest.readAll(key)).filter((final) => final !== undefined);
      this.pass(500);
      divergence = checkConvergence(rest.readEach(keys) ?? []);
      if (divergence.length === 0) break;
    }
    return { finals, divergence };
  }

  /** The values of a key when all has come to rest, in their order by name. */
  valuesAtRest(key: string): readonly string[] {
    const result = this.get(0, key, { level: LEVEL.all, isStrict: true, client: JUDGE - 1 });
    assert(result.outcome === 'ok', 'what is at rest can be read');
    return result.values.toSorted();
  }

  /** Sends the first operation of a session again, as its retry, through any node. */
  repeatFirst(via: number, client: number, key: string, value: string): OperationResult {
    const again = this.#makeClient(client, this.history);
    const context = { kind: 'overwrite' } as const;
    const planned = {
      kind: 'put',
      bucketId: BUCKET.sync,
      key,
      value,
      level: LEVEL.quorum,
    } as const;
    return this.#do(again, via, { ...planned, context, isRepeated: true });
  }

  #perform(via: number, client: number | undefined, planned: PlannedOperation): OperationResult {
    return this.#do(this.#client(client ?? via), via, planned);
  }

  #do(client: SimulatedClient, via: number, planned: PlannedOperation): OperationResult {
    const results: OperationResult[] = [];
    client.pin(via);
    client.perform(planned, (result) => results.push(result));
    this.#simulation.run(this.now + 2 * PATIENCE_MS, () => results.length > 0);
    const [result] = results;
    assert(result !== undefined, 'an operation ends when its client has no patience left');
    return result;
  }

  #client(client: number): SimulatedClient {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const made = this.#makeClient(client, this.history);
    this.#clients.set(client, made);
    return made;
  }

  #makeClient(client: number, history: HistoryEntry[]): SimulatedClient {
    const { cluster } = this;
    this.#clientCount += 1;
    return new SimulatedClient({
      simulation: this.#simulation,
      network: cluster.network,
      prng: this.#simulation.prng.stream(`client-${this.#clientCount}`),
      client,
      clusterId: CLUSTER_ID,
      addresses: cluster.addresses,
      limits: this.#configuration.limits,
      pace: this.#configuration.clientPace,
      workload: undefined,
      times: undefined,
      history,
      witness: cluster.witness,
      trustsRefusals: true,
    });
  }
}
