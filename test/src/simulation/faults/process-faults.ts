/** Faults of processes and machines: what a run may have of them, and how each is carried out. */
import { unreachable } from '@clockwise/kernel/assert';
import type { Prng } from '@clockwise/kernel/prng';
import { CRASH_MODELS, type CrashModel } from '@clockwise/simulator/simulated-disk';
import { COORDINATOR, SMALL_ACTORS, type SimulatedActorName } from '../actor-cores.ts';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import type { SimulatedNode } from '../simulated-node.ts';
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
  /** The process is killed, and nobody starts it again for so long that others must keep much for it. */
  | {
      readonly kind: 'long-outage';
      readonly atMs: number;
      readonly node: number;
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
    }
  /** A worker that is no replica's: its connections end, and what it knew is gone (H4). */
  | {
      readonly kind: 'actor-crash';
      readonly atMs: number;
      readonly node: number;
      readonly actor: SimulatedActorName;
      readonly downMs: number;
    }
  /** A worker's event loop stands still (H8); past the supervisor's patience the worker is ended. */
  | {
      readonly kind: 'hang';
      readonly atMs: number;
      readonly node: number;
      /** A number: the replica of that shard. */
      readonly actor: SimulatedActorName | number;
      readonly forMs: number;
    }
  /** The whole process stands still (E4); its connections stay, and its disks finish what they began. */
  | { readonly kind: 'pause'; readonly atMs: number; readonly node: number; readonly forMs: number }
  /** The machine goes down in order, with all files synced, and comes up again. */
  | {
      readonly kind: 'reboot';
      readonly atMs: number;
      readonly node: number;
      readonly downMs: number;
    }
  /** The machine comes back with empty disks. */
  | { readonly kind: 'wipe'; readonly atMs: number; readonly node: number; readonly downMs: number }
  /** The machine comes back with what was durable on its disks `ageMs` before (A8). */
  | {
      readonly kind: 'restore';
      readonly atMs: number;
      readonly node: number;
      readonly ageMs: number;
      readonly downMs: number;
    };

/** Mean virtual milliseconds between two faults of a kind; Infinity: there are none. */
export interface ProcessFaultRates {
  readonly crashMs: number;
  readonly longOutageMs: number;
  readonly shardCrashMs: number;
  readonly powerLossMs: number;
  readonly actorCrashMs: number;
  readonly hangMs: number;
  readonly pauseMs: number;
  readonly rebootMs: number;
  readonly wipeMs: number;
  readonly restoreMs: number;
}

export const NO_PROCESS_FAULTS: ProcessFaultRates = {
  crashMs: Infinity,
  longOutageMs: Infinity,
  shardCrashMs: Infinity,
  powerLossMs: Infinity,
  actorCrashMs: Infinity,
  hangMs: Infinity,
  pauseMs: Infinity,
  rebootMs: Infinity,
  wipeMs: Infinity,
  restoreMs: Infinity,
};

const POWER_MODELS = CRASH_MODELS.filter((model) => model !== 'keep-all');

export function drawProcessFaultRates(prng: Prng): ProcessFaultRates {
  return {
    crashMs: drawMeanMs(prng, [600, 1500, 4000]),
    powerLossMs: drawMeanMs(prng, [1200, 3000, 6000]),
    shardCrashMs: drawMeanMs(prng, [700, 3000]),
    actorCrashMs: drawMeanMs(prng, [900, 4000]),
    hangMs: drawMeanMs(prng, [900, 4000]),
    pauseMs: drawMeanMs(prng, [900, 4000]),
    rebootMs: drawMeanMs(prng, [3000, 8000]),
    wipeMs: drawMeanMs(prng, [4000, 10_000]),
    restoreMs: drawMeanMs(prng, [4000, 10_000]),
    longOutageMs: drawMeanMs(prng, [8000, 20_000]),
  };
}

export function drawProcessFaults(
  prng: Prng,
  rates: ProcessFaultRates,
  plan: FaultPlan,
): ProcessFault[] {
  const kind: DrawKind = (label, meanMs, draw) => {
    const stream = prng.stream(label);
    return drawFaultTimes(stream, meanMs, plan.workMs).map((atMs) => draw(stream, atMs));
  };
  return [
    ...drawCrashes(kind, rates, plan),
    ...drawStandstills(kind, rates, plan),
    ...drawNewDisks(kind, rates, plan),
  ];
}

type DrawKind = (
  label: string,
  meanMs: number,
  draw: (stream: Prng, atMs: number) => ProcessFault,
) => ProcessFault[];

function drawCrashes(
  kind: DrawKind,
  rates: ProcessFaultRates,
  { nodeIds, shardCount }: FaultPlan,
): ProcessFault[] {
  return [
    ...kind('crash', rates.crashMs, (stream, atMs) => ({
      kind: 'crash',
      atMs,
      node: stream.below(nodeIds.length),
      model: stream.pick(CRASH_MODELS),
      downMs: stream.pick([5, 100, 1500]),
    })),
    ...kind('shard-crash', rates.shardCrashMs, (stream, atMs) => ({
      kind: 'shard-crash',
      atMs,
      node: stream.below(nodeIds.length),
      shard: stream.below(shardCount),
      downMs: stream.pick([1, 100, 1000]),
    })),
    ...kind('power-loss', rates.powerLossMs, (stream, atMs) => ({
      kind: 'power-loss',
      atMs,
      model: stream.pick(POWER_MODELS),
      downMs: stream.pick([5, 300]),
    })),
    ...kind('actor-crash', rates.actorCrashMs, (stream, atMs) => ({
      kind: 'actor-crash',
      atMs,
      node: stream.below(nodeIds.length),
      actor: stream.chance(0.5) ? COORDINATOR : stream.pick(SMALL_ACTORS),
      downMs: stream.pick([1, 100, 1000]),
    })),
    ...kind('long-outage', rates.longOutageMs, (stream, atMs) => ({
      kind: 'long-outage',
      atMs,
      node: stream.below(nodeIds.length),
      downMs: stream.pick([4000, 9000, 20_000]),
    })),
    ...kind('reboot', rates.rebootMs, (stream, atMs) => ({
      kind: 'reboot',
      atMs,
      node: stream.below(nodeIds.length),
      downMs: stream.pick([300, 3000]),
    })),
  ];
}

function drawStandstills(
  kind: DrawKind,
  rates: ProcessFaultRates,
  { nodeIds, shardCount }: FaultPlan,
): ProcessFault[] {
  return [
    ...kind('hang', rates.hangMs, (stream, atMs) => ({
      kind: 'hang',
      atMs,
      node: stream.below(nodeIds.length),
      actor: stream.pick<SimulatedActorName | number>([
        COORDINATOR,
        stream.below(shardCount),
        stream.pick(SMALL_ACTORS),
      ]),
      forMs: stream.pick([50, 1000, 6000]),
    })),
    ...kind('pause', rates.pauseMs, (stream, atMs) => ({
      kind: 'pause',
      atMs,
      node: stream.below(nodeIds.length),
      forMs: stream.pick([50, 700, 5000]),
    })),
  ];
}

/** Only where there is anybody whose data may be destroyed. */
function drawNewDisks(
  kind: DrawKind,
  rates: ProcessFaultRates,
  { victims }: FaultPlan,
): ProcessFault[] {
  if (victims.length === 0) return [];
  return [
    ...kind('wipe', rates.wipeMs, (stream, atMs) => ({
      kind: 'wipe',
      atMs,
      node: stream.pick(victims),
      downMs: stream.pick([100, 1500]),
    })),
    ...kind('restore', rates.restoreMs, (stream, atMs) => ({
      kind: 'restore',
      atMs,
      node: stream.pick(victims),
      ageMs: stream.pick([100, 1000, 4000]),
      downMs: stream.pick([100, 1500]),
    })),
  ];
}

export function injectProcessFault(fault: ProcessFault, cluster: SimulatedCluster): void {
  if (fault.kind === 'power-loss') {
    for (const index of cluster.nodes.keys()) cluster.crash(index, fault.model, fault.downMs);
    return;
  }
  const node = cluster.nodes[fault.node]!;
  switch (fault.kind) {
    case 'crash':
      cluster.crash(fault.node, fault.model, fault.downMs);
      return;
    case 'long-outage':
      cluster.crash(fault.node, 'keep-all', fault.downMs);
      return;
    case 'shard-crash':
      node.crashShard(fault.shard, fault.downMs);
      return;
    case 'actor-crash':
      node.crashActor(fault.actor, fault.downMs);
      return;
    case 'hang':
      node.hang(fault.actor, fault.forMs);
      return;
    case 'pause':
      node.pause(fault.forMs);
      return;
    case 'reboot':
      cluster.crash(fault.node, 'keep-all', fault.downMs);
      node.syncDisks();
      return;
    case 'wipe':
      if (!cluster.atlas.claim(fault.node)) return;
      cluster.crash(fault.node, 'drop-all', fault.downMs);
      node.wipe();
      for (const shard of shardsOf(node)) cluster.witness.mirror.restored(shard, undefined);
      return;
    case 'restore':
      restoreLater(fault, cluster);
      return;
    default:
      unreachable(fault);
  }
}

/** The disks as they are now come back later, over whatever is written in between. */
function restoreLater(
  fault: Extract<ProcessFault, { readonly kind: 'restore' }>,
  cluster: SimulatedCluster,
): void {
  const node = cluster.nodes[fault.node]!;
  const { mirror } = cluster.witness;
  const images = node.images();
  const held = shardsOf(node).map((shard) => mirror.image(shard));
  cluster.simulation.after(fault.ageMs, () => {
    if (cluster.isHealed || !cluster.atlas.claim(fault.node)) return;
    cluster.crash(fault.node, 'drop-all', fault.downMs);
    node.restore(images);
    for (const [index, shard] of shardsOf(node).entries()) mirror.restored(shard, held[index]);
  });
}

/** Names of a node's shards, as the mirror knows them. */
function shardsOf({ nodeId, disks }: SimulatedNode): string[] {
  return disks.map((_, shard) => `${nodeId}/${shard}`);
}

/** Whether any machine lost its power in the run: then `interval` buckets promise nothing. */
export function isPowerLoss(fault: {
  readonly kind: string;
  readonly model?: CrashModel;
}): boolean {
  return fault.kind === 'power-loss' || (fault.kind === 'crash' && fault.model !== 'keep-all');
}
