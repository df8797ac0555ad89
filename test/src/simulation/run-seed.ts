/**
 * One seed from its configuration to its verdict: work under faults, then healing, then rest, then the
 * oracles. Everything that happens follows from the seed.
 */
import type { Dot } from '@clockwise/record/build';
import { LEVEL } from '@clockwise/protocol/frame';
import { Simulation } from '@clockwise/simulator/simulation';
import { checkAckedLoss } from '../checkers/acked-loss.ts';
import type { HighestLoad } from '../checkers/bounded.ts';
import { checkConvergence } from '../checkers/convergence.ts';
import {
  type FinalState,
  type HistoryEntry,
  isWriteEntry,
  type KeyName,
  nameOfKey,
  type Violation,
} from '../checkers/history.ts';
import type { DotLedger } from '../checkers/dot-ledger.ts';
import { checkHonestReads } from '../checkers/honest-reads.ts';
import { checkRegisterHistory, O5_UNDECIDED } from '../checkers/linearizability-history.ts';
import { checkLiveness } from '../checkers/liveness.ts';
import { checkNoResurrection } from '../checkers/no-resurrection.ts';
import { checkQuorumReads } from '../checkers/quorum-reads.ts';
import { checkRefusals } from '../checkers/refusals.ts';
import { checkSeenStays } from '../checkers/seen-stays.ts';
import { checkSessionGuarantees } from '../checkers/session-guarantees.ts';
import { checkSetUnion } from '../checkers/set-union.ts';
import { makeWorkload } from '../workloads/make-workload.ts';
import { addedBy, elementsOf } from '../workloads/set-add.ts';
import type { Workload } from '../workloads/workload.ts';
import { BUCKET, type SimulationConfiguration } from './configuration.ts';
import { type FaultEvent, hasPowerLoss, losesUnsynced } from './fault-schedule.ts';
import { LivenessPhase } from './liveness-phase.ts';
import { planOf, type PlannedTime, type RunPlan } from './run-plan.ts';
import { sessionOfClient } from './client-identity.ts';
import { ProbeRun } from './probe-run.ts';
import { RestReads } from './rest-reads.ts';
import { SimulatedClient } from './simulated-client.ts';
import { CLUSTER_ID, SimulatedCluster } from './simulated-cluster.ts';

export interface RunCounters {
  readonly virtualMs: number;
  readonly events: number;
  readonly faults: number;
  readonly operations: number;
  /** Of those, what was answered as done. */
  readonly succeeded: number;
  readonly records: number;
  readonly dots: number;
  readonly boots: number;
  readonly frames: number;
  readonly chunksPoisoned: number;
  /** Of records: those that made a dot; the others are joins. */
  readonly writes: number;
  /** Of records: what is kept for others. */
  readonly hidden: number;
  /** Greetings and starts that named a ring. */
  readonly ringClaims: number;
  /** Registers without a verdict of O5: their operations overlap too much. */
  readonly undecidedKeys: number;
  /** [O4] Keys whose primaries had to agree at rest before anybody read them. */
  readonly wholeKeys: number;
}

export interface RunResult {
  readonly seed: string;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly configuration: SimulationConfiguration;
  readonly schedule: readonly FaultEvent[];
  /** Virtual time at which the work began: faults count from there. */
  readonly begunAt: number;
  readonly counters: RunCounters;
  /** Marks of the cores that were hit and sites that fired, and how often. */
  readonly hits: ReadonlyMap<string, number>;
  /** [O9] The highest of each load, and its limit. */
  readonly loads: Readonly<Record<string, HighestLoad>>;
  /** What the verdict rests on, for whoever reads a failure. */
  readonly evidence: RunEvidence;
}

export interface RunEvidence {
  readonly history: readonly HistoryEntry[];
  readonly finals: readonly FinalState[];
  readonly ledger: DotLedger;
}

export interface RunOptions {
  /** Hears in words what happens. */
  readonly log?: (line: string) => void;
  /** In place of what the seed draws. */
  readonly configuration?: SimulationConfiguration;
}

export interface PlanOptions {
  /** Hears in words what happens. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Virtual milliseconds after healing within which all must work again: T_live. */
const LIVE_MS = 60_000;
/** Rounds of reading at rest after which no fewer keys differ than before. */
const REST_ROUNDS_MAX = 6;
/** Numbers of clients: those of the liveness phase, and the one that reads at rest. */
const FIRST_CORE_CLIENT = 500;
const JUDGE = 1000;

export function runSeed(seed: string, { log, configuration }: RunOptions = {}): RunResult {
  return runPlan(planOf(seed, configuration), { log });
}

export function runPlan(plan: RunPlan, { log }: PlanOptions = {}): RunResult {
  const { seed, buggifySiteProbability: siteProbability } = plan.configuration;
  const probes = new ProbeRun({ seed, siteProbability });
  return probes.observe(() => new SeedRun(plan, probes, log).run());
}

class SeedRun {
  readonly #configuration: SimulationConfiguration;
  readonly #simulation: Simulation;
  readonly #cluster: SimulatedCluster;
  readonly #schedule: readonly FaultEvent[];
  readonly #history: HistoryEntry[] = [];
  readonly #clients: readonly SimulatedClient[];
  readonly #violations: Violation[] = [];
  readonly #probes: ProbeRun;
  readonly #operations: RunPlan['operations'];
  /** What was read at rest. */
  readonly #restHistory: HistoryEntry[] = [];
  #finals: readonly FinalState[] = [];
  #begunAt = 0;
  /** [O5] Keys whose operations overlap too much for a verdict. */
  #undecidedKeys = 0;
  /** [O4] Whether primaries had to agree before anybody read. */
  #isWhole = false;
  /** Of the liveness phase. */
  #coreClients: readonly SimulatedClient[] = [];

  constructor(plan: RunPlan, probes: ProbeRun, log: PlanOptions['log']) {
    const { configuration } = plan;
    this.#configuration = configuration;
    this.#operations = plan.operations;
    this.#probes = probes;
    this.#simulation = new Simulation(configuration.seed, log);
    this.#cluster = new SimulatedCluster(this.#simulation, configuration);
    this.#schedule = plan.schedule;
    const workload = makeWorkload(configuration);
    this.#clients = Array.from({ length: configuration.clientCount }, (_, client) =>
      this.#client(client, workload, this.#history),
    );
  }

  run(): RunResult {
    try {
      this.#work();
      this.#proveLiveness();
      if (this.#heal()) this.#judge();
    } catch (error) {
      // A failed assertion anywhere is a failed run, whatever the oracles would have said.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#violations.push({ oracle: 'assert', text });
    }
    this.#violations.push(...this.#cluster.witness.violations);
    return {
      seed: this.#configuration.seed,
      violations: this.#violations,
      traceHash: this.#simulation.trace.digest(),
      configuration: this.#configuration,
      schedule: this.#schedule,
      begunAt: this.#begunAt,
      counters: this.#counters(),
      hits: this.#probes.hits,
      loads: this.#cluster.witness.bounded.highest(),
      evidence: {
        history: this.#history,
        finals: this.#finals,
        ledger: this.#cluster.witness.ledger,
      },
    };
  }

  #client(
    client: number,
    workload: Workload | undefined,
    history: HistoryEntry[],
  ): SimulatedClient {
    const { links, limits, clientPace } = this.#configuration;
    return new SimulatedClient({
      simulation: this.#simulation,
      network: this.#cluster.network,
      prng: this.#simulation.prng.stream(`client-${client}`),
      client,
      clusterId: CLUSTER_ID,
      addresses: this.#cluster.addresses,
      limits,
      pace: clientPace,
      workload,
      times: this.#timesOf(client),
      history,
      witness: this.#cluster.witness,
      trustsRefusals: links.mode === 'stream',
    });
  }

  /** Clients of the liveness phase, and the judge, have no times of their own. */
  #timesOf(client: number): readonly PlannedTime[] | undefined {
    if (client >= this.#configuration.clientCount) return undefined;
    return this.#operations?.filter((planned) => planned.client === client);
  }

  #work(): void {
    this.#cluster.start();
    this.#simulation.run(300);
    for (const client of this.#clients) client.start();
    this.#begunAt = this.#simulation.now;
    for (const fault of this.#schedule) {
      this.#simulation.at(this.#begunAt + fault.atMs, () => this.#cluster.inject(fault));
    }
    this.#simulation.run(this.#begunAt + this.#configuration.workMs);
  }

  /** [O11] With a core healed, and the rest out for good, clients of the core get on. */
  #proveLiveness(): void {
    const configuration = this.#configuration;
    const { atlas } = this.#cluster;
    for (const client of this.#clients) client.stop();
    this.#probes.calm();
    const phase = new LivenessPhase(
      this.#cluster,
      this.#simulation.prng.stream('liveness'),
      configuration.copies,
    );
    phase.begin();
    // A quorum is promised where as many replicas as make one have disks that never lied.
    const spareCount = (configuration.copies - 1) >> 1;
    if (atlas.isBeyondBudget || atlas.damagedCount > spareCount) return;
    const levels = { readLevels: [LEVEL.quorum], writeLevels: [LEVEL.quorum] };
    const workload = makeWorkload({ ...configuration, ...levels });
    const clients = phase.core.map((node) => {
      const client = this.#client(FIRST_CORE_CLIENT + node, workload, this.#history);
      client.pin(node);
      client.start();
      return client;
    });
    const until = this.#simulation.now + LIVE_MS;
    this.#simulation.run(until, () => clients.every((client) => client.progressCount > 0));
    this.#violations.push(...phase.judge(clients));
    for (const client of clients) client.stop();
    this.#coreClients = clients;
  }

  /** [O11] After healing, what was under way ends. */
  #heal(): boolean {
    this.#simulation.note('healed');
    this.#cluster.heal();
    const until = this.#simulation.now + LIVE_MS;
    const clients = [...this.#clients, ...this.#coreClients];
    this.#simulation.run(until, () => clients.every((client) => client.isIdle));
    const unended = checkLiveness(clients);
    this.#violations.push(...unended);
    return unended.length === 0;
  }

  #judge(): void {
    const { copies, shardCount } = this.#configuration;
    const cluster = this.#cluster;
    const judge = this.#client(JUDGE, undefined, this.#restHistory);
    const rest = new RestReads({ cluster, judge, copies, shardCount, liveMs: LIVE_MS });
    const isReady = rest.awaitShards() && rest.awaitTaking();
    if (isReady) {
      rest.awaitDrained();
      this.#isWhole = rest.isWholeWithoutReads;
      rest.judgeHandedOver(this.#keys());
    }
    const divergence = isReady ? this.#comeToRest(rest) : undefined;
    if (divergence !== undefined) rest.awaitSilence();
    this.#violations.push(...rest.violations);
    if (divergence === undefined) return;
    if (!cluster.atlas.isBeyondBudget) this.#violations.push(...divergence);
    const found = this.#check(this.#finals);
    this.#violations.push(...found.filter(({ oracle }) => oracle !== O5_UNDECIDED));
    this.#undecidedKeys =
      found.length - found.filter(({ oracle }) => oracle !== O5_UNDECIDED).length;
  }

  #keys(): KeyName[] {
    return [...new Map(this.#history.map((entry) => [nameOfKey(entry), entry])).values()];
  }

  /** [O4] What differs still after some rounds of mending. Undefined: what must be readable is not. */
  #comeToRest(rest: RestReads): Violation[] | undefined {
    const keys = this.#keys();
    const { isBeyondBudget } = this.#cluster.atlas;
    let divergence: Violation[] = [];
    let fewest = Infinity;
    // A replica that is slow to take them is mended of a few keys in each round.
    for (let round = 0, left = REST_ROUNDS_MAX; left > 0; round += 1, left -= 1) {
      const finals = keys.map((key) => rest.readAll(key));
      if (finals.includes(undefined) && !isBeyondBudget) return undefined;
      this.#finals = finals.filter((state) => state !== undefined);
      this.#simulation.run(this.#simulation.now + 500);
      const states = rest.readEach(keys);
      if (states === undefined) return undefined;
      divergence = checkConvergence(states);
      if ((divergence.length === 0 && round > 0) || isBeyondBudget) break;
      if (divergence.length < fewest) left = REST_ROUNDS_MAX;
      fewest = Math.min(fewest, divergence.length);
    }
    return divergence;
  }

  #check(finals: readonly FinalState[]): Violation[] {
    const powerLoss = hasPowerLoss(this.#schedule);
    const isUnsyncedSafe = !losesUnsynced(this.#schedule);
    const bucketIds = new Set<number>([BUCKET.sync, ...(isUnsyncedSafe ? [BUCKET.interval] : [])]);
    const history = this.#history;
    const { atlas, witness } = this.#cluster;
    const { ledger, mirror } = witness;
    const { copies, dataCentreCount, limits, workload } = this.#configuration;
    const { valueBytesMax } = limits;
    const evidence = { history, finals, ledger, sessionOf: sessionOfClient };
    const ackedLoss = { ...evidence, bucketIds, oracle: powerLoss ? 'O8' : 'O1' } as const;
    // What a context means holds whatever was lost; where there is one copy, `lww` orders writes too.
    const contextual = new Set<number>([BUCKET.sync, BUCKET.interval]);
    const lwwBucketIds = new Set<number>([BUCKET.lww]);
    const registers = new Set<number>(copies === 1 ? [...bucketIds, BUCKET.lww] : []);
    const hasClockFaults = this.#schedule.some(({ kind }) => kind.startsWith('clock'));
    const rememberedIds = hasClockFaults ? 0 : limits.recentOperationsMax;
    const isSet = workload.startsWith('set-add');
    const safety = [
      ...checkNoResurrection({ ...evidence, bucketIds: contextual }),
      ...checkHonestReads([...history, ...this.#restHistory]),
      ...checkRefusals({ ...evidence, copies, valueBytesMax }),
    ];
    // Beyond the budget anything may be lost, and nothing may be made up.
    if (atlas.isBeyondBudget) {
      return [...safety, ...checkAckedLoss(ackedLoss).filter(({ oracle }) => oracle === 'P3')];
    }
    const damagedBefore = ({ bucketId, key }: KeyName, at: number): number =>
      atlas.damagedCount === 0
        ? 0
        : atlas.damagedBefore(this.#cluster.primariesOf(bucketId, key), at);
    // A dot that only a disk that lied ever held may be gone; all else that was seen stays.
    const mayVanish = (key: KeyName, dot: Dot): boolean =>
      atlas.damagedCount > 0 && !mirror.isSyncedOnSoundDisk(nameOfKey(key), dot);
    return [
      ...safety,
      ...checkAckedLoss(ackedLoss),
      ...checkRegisterHistory({ ...evidence, bucketIds: registers, lwwBucketIds, rememberedIds }),
      ...checkQuorumReads({ ...evidence, bucketIds, copies, dataCentreCount, damagedBefore }),
      ...checkSessionGuarantees({ history, bucketIds, copies, dataCentreCount, damagedBefore }),
      ...checkSeenStays(history, finals, bucketIds, mayVanish),
      ...(isSet ? checkSetUnion(history, finals, elementsOf, addedBy) : []),
    ];
  }

  #counters(): RunCounters {
    const { nodes, witness, network, faultCount } = this.#cluster;
    const { ledger, recordCount } = witness;
    const isDone = (entry: HistoryEntry): boolean =>
      isWriteEntry(entry) ? entry.outcome === 'ok' : entry.values !== undefined;
    return {
      virtualMs: Math.round(this.#simulation.now),
      events: this.#simulation.eventCount,
      faults: faultCount,
      operations: this.#history.length,
      succeeded: this.#history.filter(isDone).length,
      records: recordCount,
      dots: ledger.size,
      boots: nodes.reduce((sum, node) => sum + node.bootCount, 0),
      frames: network.counters.frames,
      writes: witness.causal.writeCount,
      hidden: witness.hiddenCount,
      ringClaims: witness.oneRing.claimCount,
      undecidedKeys: this.#undecidedKeys,
      wholeKeys: this.#isWhole ? this.#keys().length : 0,
      chunksPoisoned: nodes.reduce((sum, node) => sum + node.poisonedCount, 0),
    };
  }
}
