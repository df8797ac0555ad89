/** A node of toys: one coordinator, one shard, one thread of two actors; for tests and the bench. */
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import type { Limits } from '@clockwise/kernel/limits';
import { Prng } from '@clockwise/kernel/prng';
import { JobPool } from '../pool/job-pool.ts';
import { randomSeed } from '../random-seed.ts';
import { DEFAULT_RUNTIME_LIMITS } from '../runtime-limits.ts';
import type { RuntimeLimits } from '../runtime-limits.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import type { UnitState } from '../supervisor/unit.ts';

export interface ToyNode {
  readonly supervisor: Supervisor;
  readonly states: { readonly name: string; readonly state: UnitState; readonly life: number }[];
  readonly told: unknown[];
  stop(): Promise<void>;
}

export const TOY_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  memtableChunkBytes: 4 * 1024 * 1024,
  memtableChunksMax: 1,
};

export interface ToyNodeOptions {
  readonly logPath: string;
  readonly runtimeLimits?: RuntimeLimits;
  readonly coordinatorPort?: number;
  /** The coordinator lives in the replica's thread. */
  readonly together?: boolean;
  /** Where to note what units go through, for a start that fails. */
  readonly states?: ToyNode['states'];
}

export async function startToyNode(options: ToyNodeOptions): Promise<ToyNode> {
  const { logPath, runtimeLimits = DEFAULT_RUNTIME_LIMITS } = options;
  const { coordinatorPort = 0, together = false } = options;
  const states: ToyNode['states'] = options.states ?? [];
  const told: unknown[] = [];
  const pool = new JobPool({
    module: new URL('./toy-job.js', import.meta.url),
    threadsMax: 1,
    jobsQueuedMax: 16,
    idleTimeoutMs: 1000,
  });
  const listen = { host: '127.0.0.1', port: 0, originsAllowed: ['https://allowed.example'] };
  const supervisor = new Supervisor({
    limits: TOY_LIMITS,
    runtimeLimits,
    prng: new Prng(randomSeed()),
    seed: randomSeed,
    now: () => performance.now(),
    coordinators: [
      {
        name: 'coordinator-0',
        module: new URL('./toy-coordinator-worker.js', import.meta.url),
        actors: [{ name: 'coordinator-0', listen: { ...listen, port: coordinatorPort } }],
        data: null,
      },
    ],
    shards: [
      {
        ...(together
          ? { module: new URL('./toy-data-path-worker.js', import.meta.url), coordinator: 0 }
          : { module: new URL('./toy-replica-worker.js', import.meta.url) }),
        logModule: new URL('./toy-log-worker.js', import.meta.url),
        data: null,
        logData: { path: logPath },
      },
    ],
    others: [
      {
        name: 'control',
        module: new URL('./toy-pair-worker.js', import.meta.url),
        actors: [
          { name: 'ring-manager', listen },
          { name: 'compactor', listen: null },
        ],
        data: null,
      },
    ],
    jobs: {
      run: (actor, input) => pool.run(actor, { input }),
      settle: (actor) => pool.settle(actor),
    },
    jobThrew: (_actor, error) => told.push(String(error)),
    told: (_from, message) => told.push(message),
    changed: (name, state, life) => states.push({ name, state, life }),
  });
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    await pool.close();
  };
  try {
    await supervisor.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { supervisor, states, told, stop };
}
