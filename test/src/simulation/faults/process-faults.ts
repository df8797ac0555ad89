/** Faults of processes and machines: what a run may have of them, and how each is carried out. */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, type CrashModel } from '@clockwise/simulator/simulated-disk';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { drawFaultTimes, drawMeanMs, type FaultPlan } from './fault-times.ts';

export type ProcessFault =
  /** `model` keep-all: the process is killed; else its machine loses power. Back after `downMs`. */
  | {
      readonly kind: 'crash';
      readonly atMs: number;
      readonly node: number;
      readonly model: CrashModel;
      readonly downMs: number;
    }
  /** One replica's worker, in a process that lives on; a new one opens its store (H4). */
  | {
      readonly kind: 'shard-crash';
      readonly atMs: number;
      readonly node: number;
      readonly shard: number;
      readonly downMs: number;
    }
  /** All machines at once. */
  | {
      readonly kind: 'power-loss';
      readonly atMs: number;
      readonly model: CrashModel;
      readonly downMs: number;
    };

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface ProcessFaultRates {
  readonly crashMs: number;
  readonly shardCrashMs: number;
  readonly powerLossMs: number;
}

const POWER_MODELS = CRASH_MODELS.filter((model) => model !== 'keep-all');

export function drawProcessFaultRates(prng: Prng): ProcessFaultRates {
  return {
    crashMs: drawMeanMs(prng, [600, 1500, 4000]),
    powerLossMs: drawMeanMs(prng, [1200, 3000, 6000]),
    shardCrashMs: drawMeanMs(prng, [700, 3000]),
  };
}

export function drawProcessFaults(
  prng: Prng,
  rates: ProcessFaultRates,
  { nodeIds, shardCount, workMs }: FaultPlan,
): ProcessFault[] {
  const crashes = prng.stream('crash');
  const shards = prng.stream('shard-crash');
  const powers = prng.stream('power-loss');
  return [
    ...drawFaultTimes(crashes, rates.crashMs, workMs).map((atMs): ProcessFault => ({
      kind: 'crash',
      atMs,
      node: crashes.below(nodeIds.length),
      model: crashes.pick(CRASH_MODELS),
      downMs: crashes.pick([5, 100, 1500]),
    })),
    ...drawFaultTimes(shards, rates.shardCrashMs, workMs).map((atMs): ProcessFault => ({
      kind: 'shard-crash',
      atMs,
      node: shards.below(nodeIds.length),
      shard: shards.below(shardCount),
      downMs: shards.pick([1, 100, 1000]),
    })),
    ...drawFaultTimes(powers, rates.powerLossMs, workMs).map((atMs): ProcessFault => ({
      kind: 'power-loss',
      atMs,
      model: powers.pick(POWER_MODELS),
      downMs: powers.pick([5, 300]),
    })),
  ];
}

export function injectProcessFault(fault: ProcessFault, cluster: SimulatedCluster): void {
  switch (fault.kind) {
    case 'crash':
      cluster.crash(fault.node, fault.model, fault.downMs);
      return;
    case 'shard-crash':
      cluster.nodes[fault.node]!.crashShard(fault.shard, fault.downMs);
      return;
    case 'power-loss':
      for (const node of cluster.nodes.keys()) cluster.crash(node, fault.model, fault.downMs);
      return;
    default:
      unreachable(fault);
  }
}

/** Whether any machine lost its power in the run: then `interval` buckets promise nothing. */
export function isPowerLoss(fault: {
  readonly kind: string;
  readonly model?: CrashModel;
}): boolean {
  return fault.kind === 'power-loss' || (fault.kind === 'crash' && fault.model !== 'keep-all');
}
