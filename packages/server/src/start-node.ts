/**
 * startNode: a whole node within this process: locks its folder, opens its ring, starts its threads
 * and its admin endpoint. The process file (node.ts), tests and benchmarks use it.
 *
 * Invariants:
 *   SN1 whatever fails on the way, what was opened before is closed again
 *   SN2 a node that cannot listen does not start; one that cannot serve a shard does, and says so
 */
import { Prng } from '@clockwise/kernel/prng';
import type { ActorMessage } from '@clockwise/protocol/actor-messages';
import { JobPool } from '@clockwise/runtime/pool/job-pool';
import { randomSeed } from '@clockwise/runtime/random-seed';
import { Supervisor } from '@clockwise/runtime/supervisor/supervisor';
import type { UnitState } from '@clockwise/runtime/supervisor/unit';
import type { FailureMode } from '@clockwise/runtime/thread-messages';
import type { DiskResult } from '@clockwise/storage/disk';
import type { JobInput } from '@clockwise/storage/jobs';
import { Admin } from './admin.ts';
import type { Configuration } from './configuration.ts';
import { type Identity, lockFolder, markOpened, openIdentity, storeIdOf } from './data-folder.ts';
import { FigureCollector } from './figure-collector.ts';
import { givenUpShard } from './given-up-shard.ts';
import type { NodeData } from './node-data.ts';
import { NodeLog } from './node-log.ts';
import { addressesOf, type NodePlan, planNode, shardFolder } from './node-plan.ts';
import { NodeStatus } from './node-status.ts';
import type { StorageTask } from './pool/storage-job.ts';
import { randomWords } from './random-words.ts';
import { ringViewOf } from './ring-view-of.ts';
import { runAdminCommand } from './snapshots/admin-commands.ts';
import { NodeSnapshots } from './snapshots/node-snapshots.ts';
import { indexIn } from './snapshots/snapshot-index.ts';
import { StartError } from './start-error.ts';
import { StartWatch } from './start-watch.ts';
import type { StatusReport } from './status-report.ts';
import { openRing, type StoredRing } from './stored-ring.ts';
import { VERSION } from './version.ts';

export interface RunningNode {
  readonly configuration: Configuration;
  /** Every actor runs and every shard serves. */
  isReady(): boolean;
  status(): Promise<StatusReport>;
  /** For tests: makes the named thread (`replica-0`, `log-0`, `coordinator-0` ...) fail. */
  fail(thread: string, mode: FailureMode | 'terminate'): void;
  /** Stops intake, drains, closes the logs after their last sync. */
  stop(): Promise<void>;
}

/** Flushes at once, each on a thread of its own. */
const POOL_THREADS_MAX = 2;
const POOL_IDLE_MS = 10_000;
const FIGURES_TIMEOUT_MS = 500;

/** Throws StartError. */
export async function startNode(configuration: Configuration): Promise<RunningNode> {
  const { dataFolder, log: logOptions, nodeId } = configuration;
  const lock = lockFolder(dataFolder);
  let parts: NodeParts | undefined;
  try {
    const stored = openRing(dataFolder, configuration.ring);
    const { ring } = configuration;
    const identity = openIdentity(dataFolder, { ...configuration, clusterId: ring.clusterId });
    const log = new NodeLog({ ...logOptions, nodeId });
    parts = new NodeParts({ configuration, stored, identity, log });
    await parts.start();
    if (!identity.opened && parts.status.isReady()) markOpened(dataFolder, identity);
  } catch (error) {
    // [SN1]
    await parts?.stop();
    lock.release();
    throw error;
  }
  const running = parts;
  return {
    configuration,
    isReady: () => running.status.isReady(),
    status: () => running.report(),
    fail: (thread, mode) => running.fail(thread, mode),
    stop: async () => {
      await running.stop();
      lock.release();
    },
  };
}

interface NodePartsOptions {
  readonly configuration: Configuration;
  readonly stored: StoredRing;
  readonly identity: Identity;
  readonly log: NodeLog;
}

/** The parts of a running node and what goes on between them. */
class NodeParts {
  readonly status: NodeStatus;
  readonly #configuration: Configuration;
  readonly #log: NodeLog;
  readonly #pool: JobPool;
  readonly #supervisor: Supervisor;
  readonly #figures: FigureCollector;
  readonly #snapshots: NodeSnapshots;
  readonly #admin: Admin;
  readonly #watch: StartWatch;
  #stopping = false;

  constructor({ configuration, stored, identity, log }: NodePartsOptions) {
    const { self, runtimeLimits } = configuration;
    const data = nodeData(configuration, stored, identity);
    const plan = planNode(configuration, data);
    this.#configuration = configuration;
    this.#log = log;
    this.status = new NodeStatus({
      nodeId: configuration.nodeId,
      version: VERSION,
      ring: stored.ring,
      ringHash: stored.hash,
      shardCount: identity.shardCount,
      units: plan.units,
      now: () => performance.now(),
    });
    this.#watch = new StartWatch(plan.units);
    this.#pool = new JobPool({
      module: new URL('./pool/storage-job.js', import.meta.url),
      threadsMax: POOL_THREADS_MAX,
      jobsQueuedMax: runtimeLimits.jobsQueuedMax,
      idleTimeoutMs: POOL_IDLE_MS,
    });
    this.#supervisor = this.#makeSupervisor(configuration, plan);
    this.#figures = new FigureCollector({
      actors: plan.actors,
      timeoutMs: FIGURES_TIMEOUT_MS,
      tell: (to, message) => this.#supervisor.tell(to, message),
    });
    this.#snapshots = new NodeSnapshots({
      nodeId: configuration.nodeId,
      dataFolder: configuration.dataFolder,
      shardCount: identity.shardCount,
      index: indexIn(configuration.dataFolder),
      tell: (to, message) => this.#supervisor.tell(to, message),
      now: () => new Date(),
    });
    this.#admin = new Admin({
      host: self.host,
      port: self.ports.admin,
      isReady: () => this.status.isReady(),
      report: () => this.report(),
    });
  }

  /** [SN2] */
  async start(): Promise<void> {
    await this.#admin.listen().catch((error: unknown) => {
      const reason = `the admin port: ${(error as Error).message}`;
      throw new StartError('START_FAILED', [reason], { cause: error });
    });
    // How the start ends is the watch's to say: for it, a shard that is given up is no failure.
    this.#supervisor.start().catch(() => undefined);
    await this.#watch.ended;
  }

  async report(): Promise<StatusReport> {
    return this.status.report(await this.#figures.collect());
  }

  fail(thread: string, mode: FailureMode | 'terminate'): void {
    this.#supervisor.fail(thread, mode);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#supervisor.stop();
    await this.#snapshots.stop();
    await this.#admin.close();
    await this.#pool.close();
    this.#log.write('info', 'stopped');
    await this.#log.close();
  }

  #makeSupervisor(configuration: Configuration, plan: NodePlan): Supervisor {
    const { limits, runtimeLimits, dataFolder } = configuration;
    return new Supervisor({
      limits,
      runtimeLimits,
      prng: new Prng(randomSeed()),
      seed: randomSeed,
      now: () => performance.now(),
      coordinators: plan.coordinators,
      shards: plan.shards,
      others: plan.others,
      jobs: {
        run: (actor, input) => {
          const folder = shardFolder(dataFolder, Number(actor.slice('replica-'.length)));
          return this.#runJob(actor, { folder, input: input as JobInput });
        },
        settle: (actor) => this.#pool.settle(actor),
      },
      told: (from, message) => this.#told(from, message as ActorMessage),
      jobThrew: (actor, error) => {
        this.#log.write('error', 'a job threw', { actor, reason: String(error) });
      },
      changed: (name, state, life) => this.#changed(name, state, life),
    });
  }

  async #runJob(actor: string, task: StorageTask): Promise<DiskResult<unknown>> {
    const result = await this.#pool.run(actor, task);
    const job = task.input.kind;
    if (result.ok) this.#log.write('debug', 'job', { actor, job });
    else this.#log.write('error', 'a job failed', { actor, job, reason: result.detail });
    return result;
  }

  #told(from: string, message: ActorMessage): void {
    this.status.told(message);
    this.#figures.told(from, message);
    this.#snapshots.told(message);
    if (message.kind === 'status-wanted') {
      void this.#answerStatus(from, message.request);
    } else if (message.kind === 'admin-wanted') {
      void this.#answerAdmin(from, message);
    } else if (message.kind === 'peer-state') {
      this.#log.write('info', 'peer changed', { peer: message.nodeId, state: message.state });
    } else if (message.kind === 'shard-state') {
      const { shard, state, reason } = message;
      this.#log.write(state === 'ready' ? 'info' : 'error', 'shard', { shard, state, reason });
    } else if (message.kind === 'name-ahead') {
      const { shard, count } = message;
      const reason = 'a record knows dots of this shard that it never made: a context is forged';
      this.#log.write('error', 'shard takes another name', { shard, count, reason });
    }
  }

  async #answerStatus(to: string, request: number): Promise<void> {
    const json = JSON.stringify(await this.report());
    if (!this.#stopping) this.#supervisor.tell(to, { kind: 'status', request, json });
  }

  async #answerAdmin(
    to: string,
    { request, command, argument }: Extract<ActorMessage, { readonly kind: 'admin-wanted' }>,
  ): Promise<void> {
    const { nodeId } = this.#configuration;
    const parts = { nodeId, snapshots: this.#snapshots };
    const answer = await runAdminCommand(parts, command, argument);
    const outcome = answer.ok ? 'done' : `${answer.code}: ${answer.reasons.join('; ')}`;
    this.#log.write('info', 'command', { command, argument, outcome });
    const json = JSON.stringify(answer);
    if (!this.#stopping) this.#supervisor.tell(to, { kind: 'admin', request, json });
  }

  #changed(name: string, state: UnitState, life: number): void {
    this.status.unitChanged(name, state, life);
    this.#snapshots.unitChanged(name, state);
    this.#watch.unitChanged(name, state);
    // Its replica ends no flush any more: what was under way is not to be waited for.
    const lost = givenUpShard(name, state);
    if (lost !== undefined) this.#supervisor.tell('compactor', lost);
    const isTrouble = state.kind === 'crashed' || state.kind === 'given-up';
    const reason = isTrouble ? state.reason : '';
    this.#log.write(isTrouble ? 'error' : 'info', 'unit', {
      name,
      state: state.kind,
      life,
      reason,
    });
  }
}

function nodeData(
  configuration: Configuration,
  { ring, bytes, hash }: StoredRing,
  { diskId, shardCount, opened }: Identity,
): NodeData {
  return {
    ring: ringViewOf({ ring, hash, nodeId: configuration.nodeId, shardCount }),
    ringBytes: bytes,
    gossiperAddresses: addressesOf(ring, 'gossiper'),
    controlAddresses: addressesOf(ring, 'control'),
    bootId: randomWords(),
    storeId: storeIdOf(diskId),
    shardCount,
    pace: configuration.pace,
    record: configuration.record,
    folder: '',
    mustExist: opened,
  };
}
